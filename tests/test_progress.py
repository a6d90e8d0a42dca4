"""What a fit in one batch says on the way: one line that is written over on a terminal, few lines elsewhere."""

import pytest

from sfumato.progress import ERASE, Progress

LOOKS = [
    {"strength": strength, "step": 5.0 * step, "loss": 0.1, "dev_accuracy": 0.9, "dev_log_loss": 0.3}
    for strength in (3e-5, 3e-6)
    for step in range(1, 13)
]


def test_two_dozen_looks_are_at_most_six_lines():
    said = []
    progress = Progress("kwls on linear", echo=said.append)
    for look in LOOKS:
        progress.look(look)
    progress.end()
    assert said[0] == "kwls on linear: strength 3e-05, step 5, dev accuracy 0.9000, dev log-loss 0.3000"
    assert len(said) == 5
    assert "strength 3e-06" in said[-1]


def test_on_a_terminal_each_look_is_written_over_the_one_before_and_the_last_is_taken_away(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "50")
    progress = Progress("kwls on linear")

    def stopped():
        with progress.ended():
            for look in LOOKS:
                progress.look(look)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    said = capsys.readouterr().err
    assert "\n" not in said
    shown = said.split("\r")[1:]
    assert len(shown) == len(LOOKS) + 1
    assert all(len(one.removesuffix(ERASE)) <= 49 for one in shown)
    assert shown[-1] == ERASE
    progress.end()
    assert capsys.readouterr().err == ""
