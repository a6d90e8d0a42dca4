"""KWLS as its authors trained it: an output layer of its own fits the soft label d, beside the one that predicts.

Peiyang Liu, Xiangyu Xi, Wei Ye, Shikun Zhang, "Label Smoothing for Text Mining", COLING 2022; the authors' code,
https://github.com/PeiYangLiu/KWLS.

The soft labels are those of Eqs. 1-8 (`sfumato.methods.kwls`). Eq. 9 has one output o and says that nothing is added
to the model; the code has two output layers on the same features. The first fits the given label and predicts; the
second, with its own weights, fits d. So d reaches the prediction only through what lies below. The code divides by
(1 + alpha)^2, the print by twice that.
"""

from __future__ import annotations

from sfumato.keywords import Unit
from sfumato.method import Method
from sfumato.methods.keyword_labels import KeywordLabels
from sfumato.methods.kwls import check_numbers, keyword_weights
from sfumato.methods.target_loss import target_criterion


def kwls_official(
    k1: float = 2.0, b: float = 0.75, k2: float = 2.0, alpha: float = 1.0, *, unit: Unit = "paper"
) -> Method:
    """Fit the label with the network and d with a second output layer, by a squared error of weight ``alpha``.

    Parameters
    ----------
    k1, b, k2 : as in `sfumato.methods.kwls.kwls_paper`
    alpha : weight of the squared error between the second layer's prediction and d
    unit : how texts become words, see `sfumato.keywords`; the authors' is ``text.split(" ")``
    """
    options = dict(locals())
    check_numbers("kwls-official", k1, b, k2)
    d = KeywordLabels(
        owner="kwls-official",
        weights=keyword_weights(k1, b, k2),
        unit=unit,
        leave_one_out=False,
        length_norm="corpus",
        temperature=1.0,
        gold="keep",
    )
    criterion = target_criterion("kwls-official", "auxiliary", alpha, scale="paper-code", heads="two")
    return Method("kwls-official", (d,), criterion, options=options, replaces_targets=True, needs_texts=True)
