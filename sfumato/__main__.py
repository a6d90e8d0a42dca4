"""The command `sfumato`, also `python -m sfumato`."""

import os
import sys


def main() -> None:
    """Run the command line; heavy libraries are imported only by the command that needs them."""
    # Idle OpenMP threads otherwise spin and halve the speed of a shared machine; read once, when torch starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from sfumato.cli.app import app

    app(prog_name="sfumato")
    sys.exit(0)


if __name__ == "__main__":
    main()
