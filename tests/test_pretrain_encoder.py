"""The example that pre-trains an encoder: broken off and gone on with, what is hidden, the folder that it leaves."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import sfumato
from sfumato import InputError

SCRIPT = Path(__file__).parents[1] / "examples" / "pretrain_encoder.py"
TITLES = ["两天价网站背后重重迷雾", "股市今日大涨", "NBA总决赛：湖人3比2领先", "高考分数线公布"] * 12


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("pretrain_encoder", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trained(script, folder, *, stop=0, **changed):
    settings = script.Settings(
        **({"layers": 1, "hidden": 16, "steps": 20, "batch": 8, "max_length": 16, "vocabulary": 100} | changed)
    )
    with torch.random.fork_rng():
        script.pretrain(settings, TITLES, folder, device="cpu", save_every=7, stop=stop)
    return folder


def test_a_run_that_was_stopped_goes_on_to_the_same_weights(script, tmp_path):
    whole = trained(script, tmp_path / "whole")
    broken = trained(script, tmp_path / "broken", stop=9)
    assert json.loads((broken / "checkpoint.json").read_text())["step"] == 9
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, broken))
    assert any(not torch.equal(first[name], second[name]) for name in first)
    second = load_file(trained(script, tmp_path / "broken") / "model.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)
    state = json.loads((broken / "checkpoint.json").read_text())
    assert state["step"] == 20
    assert state["losses"][-1][0] == 20
    assert (broken / "loss.svg").is_file()
    config = json.loads((whole / "config.json").read_text())  # trained without dropout, to be trained on with it
    assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.1
    with pytest.raises(InputError, match="other settings"):
        trained(script, broken, lr=1.0)


def test_the_folder_is_an_encoder_for_transformers_and_for_sfumato(script, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    folder = trained(script, tmp_path / "encoder")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_ids_to_tokens(tokenizer("NBA大涨")["input_ids"]) == [
        *("[CLS]", "n", "b", "a"),
        *"大涨",
        "[SEP]",
    ]
    assert AutoModel.from_pretrained(folder).config.hidden_size == 16
    options = {"encoder": str(folder), "filters": 4, "epochs": 1, "dev": 0, "max_length": 16, "device": "cpu"}
    labels = ["科技", "财经", "体育", "教育"] * 12
    model = sfumato.fit((TITLES, labels), model="transformer-cnn", method="baseline", **options)
    assert set(model.predict(TITLES[:4])) <= set(labels)


def test_of_a_long_text_the_first_pieces_are_read(script, tmp_path):
    (tmp_path / "texts.txt").write_text("abcdefgh\n\nx  y\n")
    assert script.read_texts(None, str(tmp_path / "texts.txt"), 5, 2) == ["abc", "def", "x y"]
    assert script.read_texts(None, str(tmp_path / "texts.txt"), 5, 9) == ["abc", "def", "gh", "x y"]


def test_about_fifteen_percent_of_the_characters_are_hidden_and_no_mark_is(script):
    ids = torch.tensor([[2, *range(5, 55), 3, 0, 0]]).repeat(400, 1)
    read, asked = script.masked(ids, 0.15, 55, torch.Generator().manual_seed(0))
    assert not asked[:, [0, 51, 52, 53]].any()
    assert asked.sum() / (400 * 50) == pytest.approx(0.15, abs=0.01)
    assert (read[~asked] == ids[~asked]).all()
    assert (read[asked] == script.MASK).float().mean() == pytest.approx(0.8, abs=0.02)
    assert (read[asked] == ids[asked]).float().mean() == pytest.approx(0.1, abs=0.02)
    few = script.masked(torch.tensor([[2, 9, 3]]), 0.0, 55, torch.Generator().manual_seed(0))[1]
    assert few.tolist() == [[False, True, False]]


def test_every_row_is_in_one_batch_of_an_epoch_and_epochs_differ(script):
    first, second = (script.batches(np.array([len(text) for text in TITLES]), 7, 0, epoch) for epoch in (0, 1))
    assert sorted(np.concatenate(first).tolist()) == list(range(48))
    assert len(first) == 7
    assert [rows.tolist() for rows in first] != [rows.tolist() for rows in second]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hidden", "200"], "hidden must be a multiple of hidden // 64, the number of heads, got 200"),
        (["--max-length", "2"], "max_length must be at least 3, got 2"),
        (["--batch", "0"], "batch must be at least 1, got 0"),
        (["--share", "1.5"], "share must be more than 0 and at most 1, got 1.5"),
        (["--vocabulary", "5"], "vocabulary must be at least 6, got 5"),
        (["--save-every", "0", "--texts", "good.txt"], "save_every must be at least 1, got 0"),
        (["--stop", "-5", "--texts", "good.txt"], "stop must be at least 0, got -5"),
        (["--device", "nonsense", "--texts", "good.txt"], "cannot compute on device 'nonsense'"),
        ([], "texts.txt is not UTF-8 (byte 3)"),
        (["--texts", "absent.txt"], "absent.txt"),
    ],
)
def test_what_cannot_be_is_refused_in_words(script, tmp_path, monkeypatch, capsys, options, said):
    (tmp_path / "texts.txt").write_bytes("caf\u00e9".encode("latin-1"))
    (tmp_path / "good.txt").write_text("one text\n")
    monkeypatch.chdir(tmp_path)
    given = [str(tmp_path / "encoder"), "--texts", str(tmp_path / "texts.txt"), *options]
    monkeypatch.setattr("sys.argv", ["pretrain_encoder.py", *given])
    with pytest.raises(SystemExit) as ended:
        script.main()
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "encoder").exists()
