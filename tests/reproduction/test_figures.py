"""Figures of tables: what is drawn, where it is written, and what is said where nothing can be."""

import builtins
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import table_contents as by_hand

from sfumato.errors import InputError, MissingExtraError
from sfumato.reproduction.figures import draw, save_figure, unreadable
from sfumato.reproduction.figures.curves import averaged
from sfumato.reproduction.figures.label_map import cosines, group_colours, grouped, on_a_plane
from sfumato.reproduction.figures.label_places import place_names
from sfumato.reproduction.figures.lines import line_panels
from sfumato.reproduction.figures.style import COLOURS, lines_of, looks
from sfumato.reproduction.saved import save
from sfumato.reproduction.table_file import parse_table
from tables import TOML

SETTINGS = {"": 0, "10 %": 10, "30 %": 30, "30 % in groups": 30, "odd": None}


def swept(**figure: Any) -> dict[str, Any]:
    """Two sets, three methods, five settings; group noise on the first set only."""
    rows, differences = [], []
    for data in ("20NG", "SST-5"):
        for setting, x in SETTINGS.items():
            if "groups" in setting and data == "SST-5":
                continue
            for number, method in enumerate(("hard", "LS", "KWLS")):
                place = {"data": data, "setting": setting}
                rows.append(by_hand.row(method, 0.8 + 0.01 * number - 0.001 * (x or 0), **place))
                rows.append(by_hand.row(method, 0.1, control="uniform", **place))
                if number:
                    differences.append(by_hand.gain(method, 0.01 * number, 0.01, **place))
    return by_hand.content(rows, differences, settings=SETTINGS, figure={"kind": "lines", "x": "noise", **figure})


def trained(**figure: Any) -> dict[str, Any]:
    rows = [by_hand.row(method, 0.8) for method in ("hard", "KWLS")]
    curves = [
        by_hand.curve("hard", 0, epoch=[1, 2, 3], train_loss=[1, 0.5, 0.3], dev_accuracy=[0.5, 0.6, 0.7]),
        by_hand.curve("hard", 1, epoch=[1, 2], train_loss=[0.8, 0.3], dev_accuracy=[0.7, 0.8]),
        by_hand.curve("KWLS", 0, epoch=[1, 2, 3], train_loss=[1, 0.6, 0.4], dev_accuracy=[0.5, 0.6, 0.7]),
    ]
    y = ["train_loss", "dev_accuracy"]
    return by_hand.content(rows, [], curves=curves, figure={"kind": "curves", "y": y, **figure})


def learned(classes: list[str] | None = None) -> dict[str, Any]:
    names = classes or ["alt.a", "rec.autos", "sci.med", "rec.hockey", "sci.space", "talk"]
    vectors = np.random.default_rng(0).normal(size=(len(names), 8)).round(4).tolist()
    one = {"place": "AG News", "model": "CNN", "method": "LCM", "classes": names, "vectors": vectors}
    return by_hand.content([by_hand.row("LCM", 0.8)], [], label_embeddings=[one], figure={"kind": "label-map"})


def shown(figure: Any) -> list[Any]:
    return [axis for axis in figure.axes if axis.get_visible()]


@pytest.mark.slow
@pytest.mark.parametrize("content", [swept(gain=True, data=["SST-5"]), trained(y=["dev_accuracy"]), learned()])
def test_a_figure_is_written_as_svg_and_png_and_the_svg_is_the_same_each_time(content, tmp_path):
    first, second = (save_figure(content, tmp_path / name) for name in ("one", "two"))
    assert [path.name for path in first] == ["figure.svg", "figure.png"]
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[1].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["figure.png", "figure.svg"]
    text = first[0].read_text(encoding="utf-8")
    assert "A table" in text
    assert "smaller than the paper" in text


def test_lines_have_a_panel_a_set_and_an_error_bar_a_point_without_controls_and_settings_without_x():
    figure = draw(swept())
    panels = shown(figure)
    assert [axis.get_title() for axis in panels] == ["20NG", "SST-5"]
    assert [len(axis.containers) for axis in panels] == [6, 3]  # 3 methods, on the first set in two series
    assert {len(axis.containers[0].lines[0].get_xdata()) for axis in panels} == {3}
    bar = panels[1].containers[0].lines[2][0].get_segments()[0]
    np.testing.assert_allclose(bar[:, 1], [79, 81])  # percent, mean 80, deviation 1


def test_settings_of_another_series_have_a_line_of_their_own_that_begins_at_the_undamaged_data():
    panels = line_panels(swept())
    assert [(p.x, p.setting) for p in panels["20NG"]["LS", "n %"]] == [(0, ""), (10, "10 %"), (30, "30 %")]
    assert [(p.x, p.setting) for p in panels["20NG"]["LS", "n % in groups"]] == [(0, ""), (30, "30 % in groups")]
    assert not [key for key in panels["SST-5"] if key[1] == "n % in groups"]
    dashes = {bar.lines[0].get_linestyle() for bar in shown(draw(swept()))[0].containers}
    assert len(dashes) == 2


def test_a_gain_is_the_difference_from_the_baseline_with_its_interval_and_the_baseline_is_no_line():
    panels = line_panels(swept(gain=True))
    assert {method for method, _ in panels["20NG"]} == {"LS", "KWLS"}
    point = panels["20NG"]["KWLS", "n %"][0]
    np.testing.assert_allclose((point.low, point.y, point.high), (0.04, 2.0, 3.96))


def test_by_setting_all_settings_are_one_line_and_are_written_below_the_axis():
    content = swept(x="setting")
    panels = line_panels(content)
    assert [point.setting for point in panels["SST-5"]["LS", ""]] == ["", "10 %", "30 %"]
    assert [label.get_text() for label in shown(draw(content))[1].get_xticklabels()] == ["", "10 %", "30 %"]


def test_a_figure_can_be_narrowed_to_titles():
    panels = line_panels(swept(data=["SST-5"], settings=["10 %", "30 %"], methods=["KWLS"]))
    assert [(title, list(panel)) for title, panel in panels.items()] == [("SST-5", [("KWLS", "n %")])]


def test_a_logarithmic_axis_keeps_points_near_their_setting():
    content = swept(log=True, settings=["10 %", "30 %"])
    axis = shown(draw(content))[0]
    assert axis.get_xscale() == "log"
    for bar in axis.containers:
        np.testing.assert_allclose(bar.lines[0].get_xdata().astype(float), [10, 30], rtol=0.15)


def test_a_curve_is_the_mean_of_the_epochs_that_every_repeat_reached_with_a_band_of_one_deviation():
    content = trained()
    histories = [one["history"] for one in content["curves"][:2]]
    curve = averaged(histories, "dev_accuracy")
    np.testing.assert_allclose(curve.epochs, [1, 2])  # not 3: the second repeat stopped
    np.testing.assert_allclose(curve.mean, [60, 70])
    np.testing.assert_allclose(curve.spread, np.std([50, 70], ddof=1))
    assert averaged(histories, "dev_ece") is None
    panels = shown(draw(content))
    assert [axis.get_ylabel() for axis in panels] == ["training loss", "dev accuracy (%)"]
    assert [len(axis.lines) for axis in panels] == [2, 2]
    assert [len(axis.collections) for axis in panels] == [2, 2]


def test_what_no_run_measured_has_no_panel_and_without_any_there_is_no_figure():
    assert [axis.get_ylabel() for axis in shown(draw(trained(y=["dev_ece", "train_loss"])))] == ["training loss"]
    with pytest.raises(InputError, match="curves"):
        draw(trained(y=["dev_ece"]))


def test_a_mark_is_a_vertical_line_with_its_words():
    plain, marked = draw(trained()), draw(trained(marks={"joins": 2}))
    assert [len(axis.lines) for axis in shown(marked)] == [len(axis.lines) + 1 for axis in shown(plain)]
    assert [text.get_text() for text in shown(marked)[0].texts] == ["joins"]


@pytest.mark.parametrize(("at", "epoch"), [(2, 2.0), ("50 %", 1.5), ("100%", 3.0)])
def test_a_mark_at_a_part_stands_at_that_part_of_the_epochs_of_the_longest_curve(at, epoch):
    marked = shown(draw(trained(marks={"joins": at})))[0]
    assert marked.lines[-1].get_xdata() == [epoch, epoch]


def test_a_look_that_is_no_number_is_left_out_of_a_curve():
    histories = [[{"epoch": 1, "dev_distance_ratio": float("nan")}, {"epoch": 2, "dev_distance_ratio": 2.0}]]
    assert averaged(histories, "dev_distance_ratio").mean.tolist() == [2.0]


def test_an_axis_in_percent_shows_two_points_at_least():
    content = trained(y=["dev_accuracy"])
    for one in content["curves"]:
        for look in one["history"]:
            look["dev_accuracy"] = 0.99
    low, high = shown(draw(content))[0].get_ylim()
    assert high - low == pytest.approx(2.0)


def test_cosines_are_those_of_the_book():
    vectors = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 0.0]])
    found = cosines(vectors)
    assert found[0, 1] == pytest.approx(3 / 5)
    assert found[1, 1] == pytest.approx(1)
    assert found[2].tolist() == [0, 0, 0]  # of nothing with anything


def test_labels_are_put_together_by_group_and_share_its_colour():
    names, vectors = grouped(["sci.med", "alt.a", "rec.autos", "sci.space"], np.arange(4.0)[:, None])
    assert names == ["sci.med", "sci.space", "alt.a", "rec.autos"]
    assert vectors.ravel().tolist() == [0, 3, 1, 2]
    colours = group_colours(names)
    assert colours["sci.med"] == colours["sci.space"]
    assert colours["alt.a"] == colours["rec.autos"] != colours["sci.med"]  # both alone: grey
    assert grouped(None, np.zeros((2, 3)))[0] == ["0", "1"]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 12])
def test_a_map_can_be_made_of_any_number_of_labels_and_is_the_same_each_time(count):
    vectors = np.random.default_rng(1).normal(size=(count, 5))
    first, second = on_a_plane(vectors), on_a_plane(vectors)
    assert first.shape == (count, 2)
    np.testing.assert_array_equal(first, second)


def test_twenty_labels_have_numbers_on_the_map_that_cover_nothing_and_their_names_beside_the_matrix():
    path = Path(__file__).parents[2] / "results" / "lcm-figure-2" / "table.json"
    figure = draw(json.loads(path.read_text(encoding="utf-8")))
    figure.draw_without_rendering()
    matrix, chart = shown(figure)[:2]
    names = [label.get_text() for label in matrix.get_yticklabels()]
    assert names[0].split() == ["alt.atheism", "1"]
    assert [name.split()[1] for name in names] == [str(number) for number in range(1, 21)]
    assert sorted(int(text.get_text()) for text in chart.texts) == list(range(1, 21))
    boxes = [text.get_window_extent() for text in chart.texts]
    inside = chart.get_window_extent()
    for place, box in enumerate(boxes):
        assert inside.x0 < box.x0 < box.x1 < inside.x1
        assert not [other for other in boxes[:place] if box.overlaps(other)]


def test_names_of_two_near_points_do_not_go_the_same_way():
    box = np.array([200.0, 200.0])
    points = np.array([[100.0, 100.0], [104.0, 100.0]])
    first, second = place_names(["one.name", "two.name"], points, box, 6.0)
    assert first != second
    assert place_names(["name"], np.array([[195.0, 100.0]]), box, 6.0)[0][2] == "right"  # else it leaves the map


def test_seven_methods_have_colours_of_their_own_and_later_ones_other_points():
    names = [f"method {number}" for number in range(9)]
    found = looks(names)
    assert [found[name].colour for name in names[:7]] == list(COLOURS)
    assert len({(look.colour, look.marker, look.hollow) for look in found.values()}) == 9
    assert found["method 7"].hollow


def test_lines_of_a_heading_are_about_as_long_and_no_word_is_broken():
    assert lines_of("one two three four five six", 20) == ["one two three", "four five six"]
    assert lines_of("unbreakable", 4) == ["unbreakable"]


def test_greek_is_drawn_and_chinese_stays_text_in_the_svg(tmp_path):
    content = learned(["体育", "娱乐", "财经", "α .5"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = save_figure(content, tmp_path)[0].read_text(encoding="utf-8")
    assert "体育" in svg
    assert "α .5" in svg
    assert unreadable(learned()) == ""


def test_without_matplotlib_the_extra_is_named_and_the_table_is_written_all_the_same(monkeypatch, tmp_path):
    load = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return load(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'sfumato\[plot\]'"):
        draw(swept())
    assert "sfumato[plot]" in save(swept(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.csv", "table.json", "table.md", "table.tex"]


def test_a_saved_table_has_its_figure_and_one_without_a_figure_has_none(tmp_path):
    assert save(swept(data=["SST-5"]), tmp_path / "with") == ""
    assert (tmp_path / "with" / "figure.svg").exists()
    assert json.loads((tmp_path / "with" / "table.json").read_text(encoding="utf-8"))["figure"]["kind"] == "lines"
    assert save({**swept(), "figure": {}}, tmp_path / "without") == ""
    assert not (tmp_path / "without" / "figure.svg").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (swept(settings=["odd"]), "settings with a number `x`"),
        ({**trained(), "curves": []}, "curves"),
        ({**learned(), "label_embeddings": []}, "label vectors"),
        ({**swept(), "figure": {}}, "has no figure"),
        (swept(kind="line"), "did you mean 'lines'"),
    ],
)
def test_a_figure_with_nothing_to_draw_is_refused_in_words_and_does_not_stop_the_table(content, said, tmp_path):
    with pytest.raises(InputError, match=said):
        draw(content)
    if content["figure"]:
        assert said in save(content, tmp_path)
        assert (tmp_path / "table.md").exists()


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ('{ kind = "line" }', "did you mean 'lines'"),
        ('{ kind = "lines", y = ["dev_ece"] }', "no key 'y'"),
        ('{ kind = "curves", y = ["distance_ratio"] }', "did you mean 'dev_distance_ratio'"),
        ('{ kind = "curves", marks = { "stop" = "ten" } }', "mark 'stop' of figure must be an epoch, or a part"),
        ('{ kind = "curves", marks = { "stop" = "150 %" } }', "got '150 %'"),
        ("[]", "figure must be written"),
        ('{ kind = "curves", y = {} }', "y of figure must be a list of texts"),
        ('{ kind = "curves", marks = 10 }', "marks of figure must be written"),
        ('{ kind = "lines", log = 1 }', "log of figure must be true or false"),
        ('{ kind = "lines", methods = ["KWSL"] }', "did you mean 'KWLS'"),
    ],
)
def test_the_keys_of_a_figure_are_checked_with_the_file(figure, said):
    parse_table("t", f'figure = {{ kind = "lines", models = ["CNN"], log = true }}\n{TOML}')
    with pytest.raises(InputError, match=said):
        parse_table("t", f"figure = {figure}\n{TOML}")
