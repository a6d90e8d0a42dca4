"""What each method gives for one small split, so that no change of a method goes without a change of its `version`.

The numbers say nothing of what is right (the tests by the book do): they are what the code gave when they were
written. A key of a result holds the version of its method, so results of before and after a change are never mixed.

    python tests/methods/test_golden.py     writes the numbers of new methods, and of those whose version was raised
"""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from sfumato import METHODS
from sfumato.base import Output, Supervision
from sfumato.data import Examples
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan, class_shares

STORED = Path(__file__).with_name("golden.json")
COMMAND = "python tests/methods/test_golden.py"
CLOSE = 2e-5  # the numbers have five digits behind the point
FEATURES = 4
OPTIONS = {
    "maskloss-label": {"groups": {"own": ["billing", "login"], "else": ["delivery"]}},
    "adaptive": {"guard": 0.0, "family": "pairwise"},
    "adaptive-fast": {"guard": 0.0, "family": "pairwise"},
}  # where defaults do nothing
WORDS = (
    ("billing", "invoice charge refund card amount month double paid"),
    ("delivery", "parcel courier late address door refund box lost"),
    ("login", "password reset email code locked account phone card"),
)


def split():
    """Return 54 texts of three classes of unequal size, with votes and a teacher's opinion; nothing is drawn."""
    every = " ".join(words for _, words in WORDS).split()
    labels, texts = [], []
    for row in range(54):
        label, words = WORDS[(0, 0, 0, 1, 1, 2)[row % 6]]
        own = [words.split()[(row * step + step) % 8] for step in (1, 3)]
        other = [every[(row * step + step) % 24] for step in (7, 5, 11)]
        texts.append(" ".join([*own, *other]))
        labels.append(label)
    given = Examples.from_labels(texts, labels)
    votes = 2 * np.eye(3)[given.labels] + np.eye(3)[np.arange(54) * 5 % 7 % 3]
    teacher = np.sin(np.arange(162.0).reshape(54, 3)) + 1.5 + 2 * np.eye(3)[given.labels]
    teacher /= teacher.sum(axis=1, keepdims=True)
    return replace(given, votes=votes.astype(np.float32), teacher=teacher.astype(np.float32))


def built(name):
    return METHODS[name](**OPTIONS.get(name, {}))


def measured(method):
    """Return version, texts, targets, loss and size of the gradient of a method, as JSON holds them."""
    prepared = method.prepare(split())
    N = len(prepared)
    plan = Plan(3, FEATURES, steps_per_epoch=4, epochs=3, class_shares=class_shares(prepared))
    criterion = SoftCrossEntropy() if method.criterion is None else method.criterion(plan)
    logits = torch.sin(torch.arange(3.0 * N)).reshape(N, 3).requires_grad_()
    features = torch.cos(torch.arange(float(FEATURES * N))).reshape(N, FEATURES).requires_grad_()
    optional = [None if part is None else torch.from_numpy(part) for part in (prepared.similar, prepared.weights)]
    seen = (
        Output(logits, features),
        Supervision(torch.from_numpy(prepared.labels), torch.from_numpy(prepared.targets.dense()), *optional),
    )
    targets = criterion.soft_targets(*seen)
    loss = criterion(*seen)
    loss.backward()
    gradients = [leaf.grad for leaf in (logits, features, *criterion.parameters()) if leaf.grad is not None]
    return {
        "version": method.version,
        "texts": sha256("\n".join(prepared.inputs).encode()).hexdigest()[:12],
        "targets": [[round(share, 5) for share in row] for row in targets[:9].tolist()],
        "loss": round(loss.item(), 5),
        "gradient": round(float(sum(gradient.square().sum() for gradient in gradients)) ** 0.5, 5),
    }


def same(stored, found):
    """Whether two measurements agree in all but their versions."""
    numbers = ("targets", "loss", "gradient")
    shapes = [np.shape(stored[name]) == np.shape(found[name]) for name in numbers]
    return (
        stored["texts"] == found["texts"]
        and all(shapes)
        and all(np.allclose(stored[name], found[name], rtol=0, atol=CLOSE) for name in numbers)
    )


def complaint(name, stored, found):
    """Return what is wrong with what is stored of a method, and what to do; nothing if it is what was found."""
    if stored is None:
        return f"{name} has no golden numbers yet; write them: {COMMAND}"
    if stored["version"] != found["version"]:
        before, now = stored["version"], found["version"]
        return f"{name} went from version {before} to {now}; write its new golden numbers: {COMMAND}"
    if not same(stored, found):
        parts = [part for part in ("texts", "targets", "loss", "gradient") if stored[part] != found[part]]
        return (
            f"{name} gives other results ({', '.join(parts)}) under the same version {found['version']}, so old and "
            f"new results would be mixed. If that is meant, raise version= of its Method and write: {COMMAND}"
        )
    return None


def read():
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}


@pytest.mark.filterwarnings("ignore::sfumato.methods.maskloss.MaskWarning")
@pytest.mark.parametrize("name", list(METHODS))
def test_a_method_gives_other_results_only_under_another_version(name):
    said = complaint(name, read().get(name), measured(built(name)))
    assert said is None, said


def test_no_golden_numbers_are_left_of_a_method_that_is_gone():
    assert not set(read()) - set(METHODS), f"remove them: {COMMAND}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"loss": 0.9}, "kwls gives other results (loss) under the same version 1"),
        ({"texts": "0"}, "kwls gives other results (texts) under the same version 1"),
        ({"targets": [[1.0, 0.0, 0.0]]}, "kwls gives other results (targets) under the same version 1"),
        ({"version": 2}, "kwls went from version 1 to 2; write its new golden numbers"),
    ],
)
def test_what_changed_is_named_with_what_to_do(change, said):
    stored = {"version": 1, "texts": "a", "targets": [[0.9, 0.1, 0.0]], "loss": 1.0, "gradient": 2.0}
    assert complaint("kwls", stored, stored) is None
    assert complaint("kwls", stored, stored | {"loss": 1.00001}) is None  # the last digit may round either way
    assert said in complaint("kwls", stored, stored | change)
    assert COMMAND in complaint("kwls", stored, stored | change)
    assert complaint("mine", None, stored) == f"mine has no golden numbers yet; write them: {COMMAND}"


def test_other_numbers_of_the_same_version_are_not_written_over():
    found = {name: {"version": 1, "texts": "a", "targets": [], "loss": 1.0, "gradient": 1.0} for name in "abc"}
    stored = {"a": found["a"] | {"loss": 5.0}, "b": found["b"] | {"version": 0, "loss": 5.0}, "gone": found["a"]}
    assert renewed(stored, found) == {"a": stored["a"], "b": found["b"], "c": found["c"]}


def renewed(stored, found):
    """Return what to store: what was found, but what was stored of the same version."""
    return {
        name: stored[name] if name in stored and stored[name]["version"] == now["version"] else now
        for name, now in found.items()
    }


def main():
    stored, found = read(), {name: measured(built(name)) for name in METHODS}
    kept = renewed(stored, found)
    lines = (f"{json.dumps(name)}: {json.dumps(kept[name])}" for name in sorted(kept))
    STORED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print("written:", ", ".join(name for name in sorted(kept) if kept[name] != stored.get(name)) or "nothing")
    for name, now in found.items():
        said = complaint(name, kept[name], now)
        if said:
            print(said)


if __name__ == "__main__":
    main()
