"""Spoiled data for experiments: labels that are wrong, classes that are rare, rows or classes that are missing.

`DAMAGES` maps a name to a function of `Examples` that returns `Damaged`: a new split, which rows it touched, and one
sentence with the realised numbers. `damage` applies a list of such steps to train and dev. The split that is given is
never edited, and the same seed touches the same rows. Noise at a lower rate touches a part of the rows of a higher one
and gives them the same labels; fewer rows of a class are a part of more of them. Nothing here needs torch.
"""

from sfumato.damage.damaged import Damaged
from sfumato.damage.drop_wrong import drop_wrong
from sfumato.damage.noise import group_noise, symmetric_noise, transition_noise
from sfumato.damage.similar_noise import similar_noise
from sfumato.damage.sizes import class_subset, fraction, imbalance, long_tail, shots
from sfumato.damage.steps import DAMAGES, TEST_TOO, check_steps, damage
from sfumato.damage.text_noise import text_noise
from sfumato.damage.trust import trust

__all__ = [
    "DAMAGES",
    "TEST_TOO",
    "Damaged",
    "check_steps",
    "class_subset",
    "damage",
    "drop_wrong",
    "fraction",
    "group_noise",
    "imbalance",
    "long_tail",
    "shots",
    "similar_noise",
    "symmetric_noise",
    "text_noise",
    "transition_noise",
    "trust",
]
