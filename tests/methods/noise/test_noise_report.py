"""What adaptive targets tell: in a report, in a picture, and through every place that makes such targets."""

import json
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

import sfumato
from sfumato import Examples, InputError
from sfumato.methods.adaptive import AmbiguityWarning, adaptive
from sfumato.methods.noise.model import NoiseModel, uniform_noise
from sfumato.methods.noise.noise_picture import noise_svg
from sfumato.methods.noise.posterior import Posterior

WORDS = {
    "sport": ["ball", "team", "goal", "coach", "match", "league"],
    "money": ["bank", "stock", "price", "market", "loan", "profit"],
    "music": ["song", "guitar", "drum", "singer", "album", "concert"],
}
T = np.array([[0.6, 0.3, 0.1], [0.004, 0.996, 0.0], [0.05, 0.0, 0.95]])


def table(rows, *, clear=True):
    """Draw texts of three topics, of which four of ten about sport are labelled money."""
    generator, names = np.random.default_rng(2), list(WORDS)
    every = [word for words in WORDS.values() for word in words]
    right = np.arange(rows) % 3
    texts = [
        " ".join([*generator.choice(WORDS[names[k]], 4 if clear else 0), *generator.choice(every, 2)]) for k in right
    ]
    labels = np.where((right == 0) & (generator.random(rows) < 0.4), 1, right)
    return texts, [names[k] for k in labels]


def found(model, *, guarded=False, z=None):
    return Posterior(np.eye(3), model, z or {}, 0.466, guarded, 0.123, np.zeros(3), classes=tuple(WORDS))


def model(family, T, kappa=0.0):
    return NoiseModel(family, np.ones(2), np.zeros(3), T, kappa)


def test_a_report_has_the_share_with_its_warning_the_family_with_its_z_and_the_largest_pairs():
    z = {"uniform against none": 4.44, "pairwise 100 against uniform": 5.81}
    lines = found(model("pairwise", T, 100), z=z).report().splitlines()
    assert lines[0].startswith("estimated share of wrong labels: 12.3 % (a lower bound where it depends on the text")
    assert "family pairwise 100; z: uniform against none +4.4, pairwise 100 against uniform +5.8" in lines[1]
    assert lines[2] == "sure rows, with a label above .9: 46.6 %"
    assert lines[3:] == [  # .004 is too little to be said
        "30.0 % of the texts of sport are labelled money",
        "10.0 % of the texts of sport are labelled music",
        "5.0 % of the texts of music are labelled sport",
    ]


def test_an_even_share_is_said_once_and_none_is_said_to_be_none():
    even = found(model("uniform", uniform_noise(0.24, 3))).report()
    assert "24.0 % of the labels drawn evenly (family uniform, as asked for)" in even
    assert "of the texts of" not in even
    none = found(model("none", np.eye(3)), z={"uniform against none": -3.2}).report()
    assert "none found (family none; z: uniform against none -3.2)" in none
    assert "lower bound" in none


def test_a_guarded_report_gives_no_share_and_says_why():
    report = replace(found(model("pairwise", T, 20), guarded=True), unclear="only 1.2% of the rows are sure").report()
    assert report.startswith(
        "only 1.2% of the rows are sure; wrong labels cannot be told from ambiguous texts, "
        "so no model of wrong labels is used\n"
    )
    assert "estimated share" not in report
    assert "of the texts of" not in report


def test_the_remarks_of_a_method_come_with_its_rows_and_with_soft_labels():
    texts, labels = table(300)
    given = Examples.from_labels(texts, labels)
    prepared = adaptive().prepare(given)
    assert given.remarks == ()
    assert "\n".join(prepared.remarks) == adaptive().transforms[0].found(given).report()
    assert prepared.take([3, 1]).remarks == prepared.remarks
    soft = sfumato.soften(texts, labels, "adaptive")
    assert soft.remarks == prepared.remarks
    assert any("of the texts of sport are labelled money" in line for line in soft.remarks)
    assert sfumato.soften(texts, labels, "kwls").remarks == ()


def test_the_guard_is_told_as_well():
    texts, labels = table(150, clear=False)
    with pytest.warns(AmbiguityWarning):
        soft = sfumato.soften(texts, labels, "adaptive-fast")
    assert any("no model of wrong labels is used" in line for line in soft.remarks)


def test_a_trained_model_keeps_them_in_its_notes():
    texts, labels = table(240)
    notes = sfumato.fit({"text": texts, "label": labels}, method="adaptive-fast").info["notes"]
    assert any(note.startswith("estimated share of wrong labels:") for note in notes)
    other = sfumato.fit({"text": texts, "label": labels}, method="baseline")
    assert not any("share of wrong" in note for note in other.info["notes"])


def test_soften_prints_them_beside_the_table(tmp_path):
    texts, labels = table(150)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"text": t, "label": k}) for t, k in zip(texts, labels, strict=True)))
    command = [sys.executable, "-m", "sfumato", "soften", str(path), "--method", "adaptive-fast"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "note: estimated share of wrong labels:" in done.stderr
    assert "estimated share" not in done.stdout


def test_the_picture_has_the_names_and_the_shares_and_is_written_whole_or_not_at_all(tmp_path):
    given = found(model("pairwise", T, 100))
    svg = given.picture(tmp_path / "T.svg").read_text(encoding="utf-8")
    written = [one.text for one in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert written.count("sport") == 2
    assert {".60", ".30", ".10", ".95"} <= set(written)
    assert given.picture(tmp_path / "T.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match=r"a picture is \.svg or \.png, got 'T.gif'"):
        given.picture(tmp_path / "T.gif")
    with pytest.raises(InputError, match="there is no folder"):
        given.picture(tmp_path / "no" / "T.svg")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["T.png", "T.svg"]


def test_of_many_classes_the_confused_ones_are_drawn():
    C = 40
    many = np.eye(C)
    many[7, [7, 8]] = 0.8, 0.2
    svg = noise_svg(many, [f"class {k}" for k in range(C)])
    assert "the 30 of 40 classes that are confused most" in svg
    assert ">class 7<" in svg
    assert ">class 8<" in svg
    assert ">class 39<" not in svg
    assert "confused most" not in noise_svg(T, list(WORDS))
