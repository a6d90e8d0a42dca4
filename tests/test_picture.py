import itertools
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from sfumato.errors import InputError
from sfumato.picture import WIDTH, heat_map, intervals, ramp

SVG = "{http://www.w3.org/2000/svg}"
LABELS = ("billing", "refunds", "shipping")
MATRIX = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.0, 0.004, 0.996]])


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def lightness(colour: str) -> float:
    linear = [(int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5)]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def test_heat_map_shows_title_labels_and_values_of_each_panel():
    svg = heat_map([("true", MATRIX), ("soft", np.eye(3))], LABELS, title="Mass", note="a note")
    shown = texts(svg)
    assert {"Mass", "a note", "true", "soft", *LABELS, ".90", ".20", "1.00"} <= set(shown)
    assert shown.count("billing") == 3  # two column heads, one row name
    assert ".00" not in shown


def test_text_is_escaped_in_every_place():
    nasty = '<script>&"'
    svg = heat_map([(nasty, np.eye(2))], [nasty, "b"], title=nasty, note=nasty)
    assert "<script" not in svg
    assert texts(svg).count(nasty) == 5  # title, note, panel, column and row
    assert nasty in texts(intervals([(nasty, 0.1, 0.0, 0.2)], title=nasty))


def test_picture_is_one_file_without_links_scripts_or_fonts():
    svg = heat_map([("true", MATRIX)], LABELS, title="Mass")
    outside = svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|href|<script|@import|url\(|<style", outside)


def test_ramp_falls_in_lightness_from_nothing_to_all():
    values = [lightness(ramp(value)) for value in np.linspace(0, 1, 101)]
    assert all(a > b for a, b in itertools.pairwise(values))
    assert values[0] > 0.9
    assert values[-1] < 0.05


@pytest.mark.parametrize("value", [0.006, 0.05, 0.1, 0.2, 0.25, 0.26, 0.3, 0.5, 1.0])
def test_a_value_can_be_read_on_its_colour(value):
    svg = heat_map([("m", np.full((1, 1), value))], ["x"], title="t")
    written = f"{value:.2f}".removeprefix("0")
    element = next(
        e for e in ET.fromstring(svg).iter(f"{SVG}text") if e.text == written and e.get("font-size") == "10.5"
    )
    ink, paper = sorted((lightness(element.get("fill")), lightness(ramp(value))))
    assert (paper + 0.05) / (ink + 0.05) > 4.5  # WCAG's least contrast for text


@pytest.mark.parametrize(("panels", "size"), [(1, 2), (3, 8), (4, 8), (5, 3), (2, 20), (1, 60)])
def test_everything_lies_on_the_paper(panels, size):
    labels = [f"class number {k} with a long name" for k in range(size)]
    svg = heat_map([(str(i), np.eye(size)) for i in range(panels)], labels, title="t")
    root = ET.fromstring(svg)
    height = float(root.get("height"))
    for box in root.iter(f"{SVG}rect"):
        assert float(box.get("x", 0)) + float(box.get("width")) <= WIDTH + 1
        assert float(box.get("y", 0)) + float(box.get("height")) <= height + 1
    assert "class number 0 with a long name" not in texts(svg)
    assert "class number 0 with a l…" in texts(svg)


def test_panels_share_a_row_while_their_values_fit_and_wrap_after():
    def top_row(panels):
        svg = heat_map([(f"p{i}", np.eye(8)) for i in range(panels)], list("abcdefgh"), title="t")
        heads = [e for e in ET.fromstring(svg).iter(f"{SVG}text") if re.fullmatch(r"p\d", e.text or "")]
        return sum(e.get("y") == heads[0].get("y") for e in heads)

    assert top_row(3) == 3
    assert top_row(4) == 2


def test_path_gets_what_is_returned(tmp_path):
    svg = heat_map([("π", MATRIX)], LABELS, title="t", path=tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8") == svg
    assert "π" in svg


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(2), "must have shape (3, 3), one row a label, got (2, 2)"),
        (np.eye(3) * 2, "must hold shares from 0 to 1"),
        (np.full((3, 3), np.nan), "must hold shares from 0 to 1"),
    ],
)
def test_a_matrix_that_cannot_be_drawn_is_named(matrix, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        heat_map([("soft", matrix)], LABELS, title="t")
    assert "'soft'" in str(caught.value)


def test_intervals_put_dots_in_order_of_their_values():
    svg = intervals([("a", 0.1, 0.0, 0.2), ("b", -0.1, -0.3, 0.1)], title="t", note="n")
    dots = [float(circle.get("cx")) for circle in ET.fromstring(svg).iter(f"{SVG}circle")]
    lines = [e.get("d") for e in ET.fromstring(svg).iter(f"{SVG}path")]
    assert dots[0] > dots[1]
    assert len(lines) == 3
    assert len(intervals([("a", 0.1, 0.0, 0.2)], title="t", zero=None).split("<path")) == 2


def test_a_name_with_characters_that_xml_does_not_allow_is_drawn_with_a_mark_in_their_place():
    svg = heat_map([("", np.eye(2))], ["a\x00b", "turn\u202eed & <i>"], title="of\x07 names")
    found = [node.text for node in ET.fromstring(svg).iter() if node.text and node.text.strip()]
    assert {"a\ufffdb", "turn\ufffded & <i>", "of\ufffd names"} <= set(found)
