"""The steps after which dev is looked at; batches and rates are tested with the loop that uses them."""

import pytest

from sfumato.schedule import look_steps


@pytest.mark.parametrize(
    ("per_epoch", "epochs", "every", "steps"),
    [
        (4, 3, 1, [4, 8, 12]),
        (4, 2, 0.5, [2, 4, 6, 8]),
        (3, 2, 0.5, [2, 3, 5, 6]),  # half a step is a whole one
        (10, 1, 0.3, [3, 6, 9, 10]),  # the end is always looked at
        (2, 2, 0.1, [1, 2, 3, 4]),  # no more looks than steps
        (4, 3, 2, [8, 12]),
        (4, 3, 9, [12]),
        (10, 3, 0.1, list(range(1, 31))),
    ],
)
def test_dev_is_looked_at_every_so_many_epochs_and_at_the_end(per_epoch, epochs, every, steps):
    assert look_steps(per_epoch, epochs, every) == steps
