"""``method="auto"``: hard labels unless another method is clearly better on dev."""

from dataclasses import replace

import numpy as np
import pytest

from sfumato import Examples, InputError, fit
from sfumato.automatic import BASELINE, candidates, choose, gain, may_choose
from sfumato.balance import has_rare_class
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.run import train_model
from sfumato.trained import Trained


class Answers:
    """Stands for a model that knows its answers."""

    def __init__(self, answers, classes=2):
        self.logits = np.eye(classes)[answers]

    def predict_logits(self, texts):
        return self.logits


def examples(rows=100, labels=None):
    labels = np.arange(rows) % 2 if labels is None else labels
    return Examples.from_labels([f"text {k}" for k in range(len(labels))], [str(k) for k in labels])


def chosen(wrong):
    """Choose among methods that answer so many of 100 dev rows wrong."""
    dev = examples()

    def answer(method):
        answers = dev.labels.copy()
        answers[: wrong.get(method.name, wrong[BASELINE])] ^= 1
        return Trained(Answers(answers), None, [], 0, 0, 0.0)

    return choose(examples(), dev, answer)


def test_hard_labels_stay_where_nothing_is_better():
    done = chosen({BASELINE: 20})
    assert done.method.name == BASELINE
    assert "hard labels have 80.0 % right on 100 dev rows" in done.said[0]
    assert done.said[1] == "taken: baseline, since no other is better by more than its standard error"


def test_a_method_must_be_better_by_more_than_its_standard_error():
    assert chosen({BASELINE: 20, "adaptive": 10}).method.name == "adaptive"  # 10 rows: .1 ± .03
    assert chosen({BASELINE: 20, "adaptive": 19}).method.name == BASELINE  # one row: .01 ± .01
    assert chosen({BASELINE: 20, "adaptive": 30}).method.name == BASELINE


def test_of_several_the_best_is_taken():
    assert chosen({BASELINE: 20, "adaptive": 10, "label-smoothing": 5}).method.name == "label-smoothing"


def test_the_standard_error_is_that_of_the_paired_differences():
    d = np.array([1.0, 0, 0, -1, 1, 0])
    assert gain(d) == pytest.approx((1 / 6, np.sqrt(((d - 1 / 6) ** 2).sum() / 5 / 6)))


def test_logit_adjustment_is_tried_where_a_class_is_rare():
    rare = examples(labels=[0] * 100 + [1] * 4)
    assert has_rare_class(rare)
    assert not has_rare_class(examples(labels=[0] * 100 + [1] * 5))
    assert candidates(rare)[-1] == "logit-adjustment"
    assert candidates(examples()) == [BASELINE, "label-smoothing", "adaptive"]
    sets = Examples.from_label_sets(["a b", "c d"], [["x", "y"], []])
    assert candidates(sets) == [BASELINE, "label-smoothing"]
    assert all(name in METHODS for name in candidates(rare))


def test_fit_chooses_by_itself_where_that_takes_seconds_and_can_be_judged():
    plain, linear = examples(), MODELS.build("linear", {})
    assert may_choose(plain, plain, linear)
    assert not may_choose(plain, None, linear)
    assert not may_choose(plain, plain.take([]), linear)
    assert not may_choose(plain, plain, MODELS.build("bag", {}))
    sets = Examples.from_label_sets(["a b", "c d"], [["x", "y"], ["x"]])
    assert not may_choose(sets, sets, linear)
    votes = replace(plain, votes=np.ones((len(plain), plain.num_classes), np.float32))
    assert not may_choose(votes, votes, linear)


def test_fit_without_a_method_says_what_it_took(tickets):
    chosen = fit(tickets, text="text", label="label", dev=0.3)
    assert any(note.startswith("method auto: ") for note in chosen.info["notes"])
    plain = fit(tickets, text="text", label="label", dev=0)
    assert plain.info["method"] == "label-smoothing"
    assert not any(note.startswith("method auto") for note in plain.info["notes"])


def test_fit_says_what_it_chose_and_why(tickets):
    model = fit(tickets, text="text", label="label", method="auto", dev=0.3)
    said = " ".join(model.info["notes"])
    assert "method auto: hard labels have" in said
    assert "taken: " in said
    assert model.info["method"].partition(" ")[0] in said


@pytest.mark.parametrize(
    ("model", "asked", "rule"),
    [("linear", "auto", "noise-aware"), ("linear", "accuracy", "accuracy"), ("bag", "auto", "auto")],
)
def test_dev_chooses_the_length_of_every_candidate_by_one_rule(tickets, monkeypatch, model, asked, rule):
    used = []

    def told(*given, **named):
        used.append(named["training"].choose)
        return train_model(*given, **named)

    monkeypatch.setattr("sfumato.fitting.train_model", told)
    built = MODELS.build(model, {})
    built = replace(built, training=replace(built.training, choose=asked, epochs=1))
    fit(tickets, text="text", label="label", model=built, method="auto", dev=0.3)
    assert set(used) == {rule}
    assert len(used) >= 3


def test_what_belongs_to_one_method_is_refused(tickets):
    with pytest.raises(InputError, match="takes no method_options; name the method"):
        fit(tickets, text="text", label="label", method="auto", method_options={"smoothing": 0.2})
    with pytest.raises(InputError, match="chooses by dev rows, and there are none"):
        fit(tickets, text="text", label="label", method="auto", dev=0)


def test_a_candidate_that_cannot_read_the_rows_is_left_out_with_a_note():
    dev = examples()

    def answer(method):
        if method.name == "adaptive":
            raise InputError("none of the 100 texts holds a word")
        return Trained(Answers(dev.labels), None, [], 0, 0, 0.0)

    done = choose(examples(), dev, answer)
    assert done.method.name == BASELINE
    assert done.said[0] == "method auto: adaptive is not tried: none of the 100 texts holds a word"

    def nothing(method):
        raise InputError("no text can be read")

    with pytest.raises(InputError, match="no text can be read"):
        choose(examples(), dev, nothing)


def test_auto_says_what_helps_a_rare_class_where_it_does_not_take_it(tmp_path):
    words = {"a": "ball team goal", "b": "bank stock price"}
    labels = ["a"] * 300 + ["b"] * 9
    rows = [f"{words[label]} {k},{label}" for k, label in enumerate(labels)]
    (tmp_path / "rare.csv").write_text("\n".join(["text,label", *rows]))
    model = fit(tmp_path / "rare.csv", method="auto", seed=0)
    assert model.info["method"] == BASELINE
    assert "the method logit-adjustment finds rare classes better" in " ".join(model.info["notes"])
