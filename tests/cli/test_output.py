"""What is printed: JSON stays JSON whatever a text holds, and a terminal obeys none of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sfumato.cli.output import say_json, visible

Command = Callable[..., Any]

# No-break space, ideographic space, zero-width space, escape, a C1 control, and a change of direction.
ODD = ["a\u00a0b", "体育\u3000新闻", "ze\u200bro", "red \x1b[31m", "one \x9b31m", "left \u202eright", "joined \u200d"]


def test_json_of_texts_with_unprintable_characters_is_read_back_as_it_was(
    tiny_model: Path, tmp_path: Path, sfumato: Command
) -> None:
    data = tmp_path / "odd.jsonl"
    data.write_text("".join(json.dumps({"body": text, "category": "billing"}) + "\n" for text in ODD))
    ended = sfumato("predict", tiny_model, data, "--json")
    assert ended.code == 0, ended.err
    assert [row["body"] for row in json.loads(ended.out)] == ODD
    assert not {"\x1b", "\x9b", "\u202e"} & set(ended.out)
    assert "\u3000" in ended.out  # what is only not drawn stays as it is
    classes = json.loads(sfumato("check", data, "--label", "body", "--text", "category", "--json").out)["classes"]
    assert set(classes) == set(ODD)


@pytest.mark.parametrize("text", ODD)
def test_a_line_shows_controls_as_codes_and_leaves_blanks_alone(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    harmful = set(text) & {"\x1b", "\x9b", "\u202e"}
    assert (visible(text) == text) == (not harmful)
    assert not set(visible(text)) & harmful
    say_json(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert json.loads(capsys.readouterr().out) == {text: [text]}
