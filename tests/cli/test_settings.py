import pytest

from sfumato.cli.compare import listed, named, read_seeds
from sfumato.cli.output import aligned, plain, shortened, visible, written
from sfumato.cli.settings import read_settings
from sfumato.errors import InputError


def test_settings_are_sorted_by_owner_and_read_as_values() -> None:
    settings = read_settings(["method.alpha=2", "model.kernels=3,4,5", "gold-mass=0.9", "method.mode=exclusive"])
    assert settings.method == {"alpha": 2, "mode": "exclusive"}
    assert settings.model == {"kernels": (3, 4, 5)}
    assert settings.loose == {"gold_mass": 0.9}


def test_a_value_may_hold_an_equals_sign_and_a_dot() -> None:
    assert read_settings(["model.path=a=b/c.d"]).model == {"path": "a=b/c.d"}


@pytest.mark.parametrize("text", ["alpha", "=2", "metod.alpha=2", "a.b.c=1", "epochs=3"])
def test_a_setting_that_cannot_be_placed_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--set"):
        read_settings([text], reserved={"epochs"})
    assert read_settings(["alpha=3"], reserved={"epochs"}).loose == {"alpha": 3}


def test_a_setting_of_training_is_shown_the_option_that_sets_it() -> None:
    with pytest.raises(InputError, match=r"must be method or model, got 'training'; the option --batch-size sets it"):
        read_settings(["training.batch_size=8"], reserved={"batch_size"})


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        read_settings(["alpha=1", "alpha=2"])
    assert read_settings(["method.alpha=1", "model.alpha=2"]).model == {"alpha": 2}


def test_five_is_a_number_of_seeds_and_a_list_is_the_seeds() -> None:
    assert read_seeds("5") == 5
    assert read_seeds("0,3,7") == [0, 3, 7]
    assert read_seeds("0,") == [0]
    for wrong in ("0", "-1", "a", "", "1,-1"):
        with pytest.raises(InputError, match="--seeds"):
            read_seeds(wrong)


def test_lists_are_cut_at_commas_and_several_tables_go_by_their_names() -> None:
    assert listed("--models", "linear, textcnn,") == ["linear", "textcnn"]
    assert named(["a/x.csv"]) == "a/x.csv"
    assert named(["a/x.csv", "b/y.csv"]) == {"x": "a/x.csv", "y": "b/y.csv"}
    with pytest.raises(InputError, match="same name"):
        named(["a/x.csv", "b/x.csv"])


def test_plain_tables_keep_their_columns_under_wide_characters() -> None:
    lines = aligned([["标签", "n"], ["ab", "10"], ["体育新闻", "7"]], [False, True])
    assert lines == ["标签       n", "ab        10", "体育新闻   7"]


def test_a_figure_that_there_is_none_of_is_a_dash_and_zero_is_a_number() -> None:
    assert [written(cell) for cell in (float("nan"), 0.0)] == ["–", "0.0000"]


def test_json_has_no_nan_and_no_foreign_numbers() -> None:
    import numpy as np

    given = {"a": np.float32(0.5), "b": np.array([1, 2]), "c": float("nan"), 7: (True, None)}
    assert plain(given) == {"a": 0.5, "b": [1, 2], "c": None, "7": [True, None]}


def test_a_terminal_is_not_obeyed_when_a_label_holds_an_escape() -> None:
    assert visible("red \x1b[31m\n") == "red \\x1b[31m\n"
    assert visible("体育\tx") == "体育\tx"
    assert shortened("a\nb  c" * 30, 10) == "a b ca b …"
