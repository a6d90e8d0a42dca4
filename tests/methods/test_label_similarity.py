"""By the book: cosines of classes with plain loops, and what the targets make of them."""

import json
import math
from collections import Counter

import numpy as np
import pytest

from sfumato import METHODS
from sfumato.controls import control_names
from sfumato.data import Examples
from sfumato.errors import InputError

TEXTS = ["refund my card", "refund the invoice", "card is locked", "locked out again", "parcel is late", "late parcel"]
LABELS = ["billing", "billing", "login", "login", "delivery", "delivery"]


def examples():
    return Examples.from_labels(TEXTS, LABELS)


def cosine_of(one, other):
    dot = sum(one[word] * other[word] for word in one)
    return dot / math.sqrt(sum(v * v for v in one.values()) * sum(v * v for v in other.values()))


def centroid(label):
    """Sum of the texts' TF-IDF vectors, each of length 1; no word is repeated inside a text."""
    df = Counter(word for text in TEXTS for word in set(text.split()))
    total = Counter()
    for text, own in zip(TEXTS, LABELS, strict=True):
        vector = {word: math.log((1 + len(TEXTS)) / (1 + df[word])) + 1 for word in text.split()}
        length = math.sqrt(sum(v * v for v in vector.values()))
        for word, value in vector.items():
            total[word] += value / length if own == label else 0
    return total


@pytest.mark.parametrize(("weight", "sharpness"), [(0.2, 1.0), (0.5, 2.0)])
def test_targets_are_the_normalised_cosines_of_the_mean_texts(weight, sharpness):
    table = METHODS["label-similarity"](weight, sharpness=sharpness).prepare(examples()).targets.table
    classes = ["billing", "delivery", "login"]
    for i, given in enumerate(classes):
        similar = [cosine_of(centroid(given), centroid(other)) ** sharpness for other in classes]
        for j in range(3):
            expected = weight * similar[j] / sum(similar) + (1 - weight) * (i == j)
            assert table[i, j] == pytest.approx(expected, abs=1e-6)
    assert table[0, 2] > table[0, 1]  # billing and login share a word, billing and delivery none


def test_sharpness_0_is_label_smoothing_and_weight_0_the_hard_label():
    even = METHODS["label-similarity"](0.3, sharpness=0).prepare(examples()).targets.dense()
    assert even == pytest.approx(METHODS["label-smoothing"](0.3).prepare(examples()).targets.dense())
    hard = METHODS["label-similarity"](0).prepare(examples()).targets.dense()
    assert hard == pytest.approx(np.eye(3)[examples().labels])


def test_names_with_a_common_part_are_similar():
    names = ["NUM:date", "NUM:speed", "HUM:group"]
    table = METHODS["label-similarity"](source="names").prepare(Examples.from_labels(names, names)).targets.table
    order = sorted(names)
    date, speed, group = (order.index(name) for name in names)
    assert table[date, speed] > table[date, group] >= 0


@pytest.mark.parametrize("form", ["mapping", "json", "toml", "csv"])
def test_descriptions_come_as_a_mapping_or_a_file(form, tmp_path):
    given = {"billing": "money, cards", "login": "accounts, cards", "delivery": "parcels"}
    written = {
        "json": json.dumps(given),
        "toml": "\n".join(f'{name} = "{text}"' for name, text in given.items()),
        "csv": "class,description\n" + "\n".join(f'{name},"{text}"' for name, text in given.items()),
    }
    if form != "mapping":
        (tmp_path / f"about.{form}").write_text(written[form], encoding="utf-8")
    descriptions = given if form == "mapping" else str(tmp_path / f"about.{form}")
    method = METHODS["label-similarity"](source="descriptions", descriptions=descriptions)
    table = method.prepare(examples()).targets.table
    assert table[0, 2] > table[0, 1]
    assert method.options["descriptions"] == given


def test_its_control_is_the_same_strength_spread_evenly():
    assert control_names(METHODS["label-similarity"]()) == ("uniform",)


def test_a_class_like_no_other_keeps_its_hard_label_and_that_is_said():
    names = ["aaaa", "bbbc", "aaab"]
    method = METHODS["label-similarity"](source="names")
    with pytest.warns(UserWarning, match="1 of 3 classes are like no other by their names"):
        table = method.prepare(Examples.from_labels(names, names)).targets.table
    assert table[2] == pytest.approx([0, 0, 1])
    even = METHODS["label-similarity"](0.3, source="names", sharpness=0)  # no warning: warnings are errors here
    assert even.prepare(Examples.from_labels(names, names)).targets.table[2] == pytest.approx([0.1, 0.1, 0.8])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"weight": 2}, "weight must be at least 0 and at most 1"),
        ({"source": "centroid"}, "did you mean 'centroids'"),
        ({"source": "descriptions"}, "needs descriptions=, a mapping"),
        ({"descriptions": {"a": "b"}}, "descriptions belong to source='descriptions', got source='centroids'"),
        ({"source": "descriptions", "descriptions": "nowhere.json"}, "cannot read the descriptions in nowhere.json"),
    ],
)
def test_wrong_options_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        METHODS["label-similarity"](**options)


def test_a_path_is_a_file_too_and_a_cell_may_hold_commas_and_line_breaks(tmp_path):
    path = tmp_path / "about.csv"
    path.write_bytes(b'class,description\r\nbilling,"money,\ncards"\r\nlogin,accounts\r\n')
    options = METHODS["label-similarity"](source="descriptions", descriptions=path).options
    assert options["descriptions"] == {"billing": "money,\ncards", "login": "accounts"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["money", "parcels"], "must be a mapping of each class to its text, or a file of it, got list"),
        ({"billing": 3}, "one text that is not empty, got 3 for 'billing'"),
        ({"billing": " "}, "one text that is not empty, got ' ' for 'billing'"),
        ("class,description\na,x\na,y\n", "describes the class 'a' 2 times"),
        ("class,description\na,\n", "one text that is not empty, got '' for 'a'"),
        ("class,description\na\n", "one text that is not empty, got None for 'a'"),
        ("class,description\na,money, cards\n", "line 2 has too many cells"),
        ("class,text\na,x\n", "'description' is missing"),
    ],
)
def test_descriptions_that_would_lose_something_are_refused(given, said, tmp_path):
    if isinstance(given, str):
        (tmp_path / "about.csv").write_text(given, encoding="utf-8")
        given = tmp_path / "about.csv"
    with pytest.raises(InputError, match=said):
        METHODS["label-similarity"](source="descriptions", descriptions=given)
    twice = tmp_path / "twice.json"
    twice.write_text('{"a": "x", "a": "y"}', encoding="utf-8")
    with pytest.raises(InputError, match="describes the class 'a' 2 times"):
        METHODS["label-similarity"](source="descriptions", descriptions=str(twice))


def test_a_class_without_a_description_is_named():
    method = METHODS["label-similarity"](
        source="descriptions", descriptions={"billing": "x", "logins": "y", "delivery": "z"}
    )
    with pytest.raises(
        InputError, match=r"1 classes have no description, the first is 'login' \(did you mean 'logins'"
    ):
        method.prepare(examples())
