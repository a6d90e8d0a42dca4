"""The contract of every method where a row may have several labels: it learns and answers, or refuses in words."""

import warnings

import numpy as np
import pytest

from sfumato import METHODS, MODELS, InputError, fit, load

WORDS = {"billing": ["invoice", "refund"], "login": ["password", "account"], "shipping": ["parcel", "courier"]}
SMALL = {
    "bag": {"dim": 8, "min_count": 1},
    "textcnn": {"dim": 8, "filters": 4, "kernels": (2,), "min_count": 1},
    "lstm": {"dim": 8, "hidden": 8, "min_count": 1},
    "textrnn": {"dim": 8, "hidden": 8, "min_count": 1},
}
SINGLE = {
    "adaptive",
    "adaptive-fast",
    "kwls-paper",
    "kwls-official",
    "tfidf",
    "label-similarity",
    "self-distillation-paper",
    "votes",
    "lcm-paper",
}
SINGLE |= {"logit-adjustment", "class-weights", "confident-learning"}


def tickets(n=60):
    rng = np.random.default_rng(0)
    sets = [[name for name in WORDS if rng.random() < 0.4] for _ in range(n)]
    texts = [" ".join(["please", str(k), *(rng.choice(WORDS[name]) for name in own)]) for k, own in enumerate(sets)]
    return {"text": texts, "labels": sets}


def trained(method, model):
    own = {} if model == "linear" else {"model_options": SMALL[model], "epochs": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of small data: nothing to mask, an experiment
        return fit(tickets(), text="text", label="labels", method=method, model=model, dev=0.2, seed=0, **own)


@pytest.mark.parametrize("method", list(METHODS))
def test_every_method_says_whether_it_takes_several_labels_and_refuses_them_in_words(method):
    assert METHODS[method]().multilabel == (method not in SINGLE)
    if method in SINGLE:
        with pytest.raises(InputError, match="one label a row"):
            trained(method, "linear")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["linear", *SMALL])
@pytest.mark.parametrize("method", [name for name in METHODS if name not in SINGLE])
def test_what_takes_several_labels_learns_them_with_every_cheap_model_and_answers_alike_once_saved(
    method, model, tmp_path
):
    assert set(SMALL) | {"linear"} <= set(MODELS)
    model = trained(method, model)
    texts = tickets()["text"]
    chances = model.predict_proba(texts)
    assert chances.shape == (60, 3)
    assert ((chances >= 0) & (chances <= 1)).all()
    answers = [
        [name for name, yes in zip(model.classes, row, strict=True) if yes] for row in chances > model.thresholds
    ]
    assert model.predict(texts) == answers
    again = load(model.save(tmp_path / "model"))
    assert again.multilabel
    assert again.thresholds == pytest.approx(model.thresholds)
    assert again.predict_proba(texts) == pytest.approx(chances, abs=1e-6)
    assert again.predict(texts) == answers
