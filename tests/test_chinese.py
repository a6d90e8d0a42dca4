"""Unsegmented Chinese as a first language: every model and method reads it, and what it is written in is said."""

import numpy as np
import polars as pl
import pytest

import sfumato
from sfumato.check import check_table
from sfumato.deletions.words import words_of
from sfumato.encode import train_tokenizer
from sfumato.keywords import count_words
from sfumato.models.word_model import SegmentedEncoder, segmented
from sfumato.ngrams import NgramEncoder
from sfumato.resolve import build_architecture
from sfumato.script import language_note
from sfumato.table import read_table

TITLES = ["两天价网站背后重重迷雾", "股市今日大涨，基金跟进", "NBA总决赛：湖人3比2领先", "高考分数线今日公布"] * 15
LABELS = ["科技", "财经", "体育", "教育"] * 15
WIDE, NARROW = "ＩＰＨＯＮＥ５发布：ＡＢＣ！", "iphone5发布:abc!"
SMALL = {
    "bag": {"dim": 8, "buckets": 50},
    "textcnn": {"dim": 8, "filters": 4},
    "lstm": {"dim": 8, "hidden": 4},
    "textrnn": {"dim": 8, "hidden": 4},
}


def fitted(model, **options):
    loop = {} if model == "linear" else {"epochs": 2}
    return sfumato.fit(
        (TITLES, LABELS), model=model, method="baseline", dev=0, **loop, **SMALL.get(model, {}), **options
    )


def test_what_the_texts_are_written_in_is_said():
    assert language_note(TITLES) == "texts: Chinese (characters)"
    japanese = "texts: Japanese (Chinese characters one by one, runs of kana as words)"
    assert language_note(["東京はとても大きい町です"]) == japanese
    known = train_tokenizer(["東京はとても大きい"]).tokenizer.get_vocab()
    assert {"東", "京", "はとても", "大", "きい"} <= set(known)
    mixed = ["abcde", "大涨", "ラー"]  # neither Han nor kana alone are a third of the letters
    assert language_note(mixed) == "texts: Chinese (characters)"
    assert language_note(mixed[:2]) == language_note(mixed[::2]) == ""
    assert language_note(["서울은 큰 도시입니다"]) == "texts: Korean (words)"
    assert language_note(["счёт неверный"]) == "texts: Cyrillic (words)"
    assert language_note(["the bill is wrong"] * 9 + ["大涨"]) == ""
    assert language_note(["iPhone发布新机型"]) == "texts: Chinese (characters)"  # a third of the letters is enough
    assert language_note(["", "12 %"]) == ""
    assert language_note(["股市大涨"] * 5000) == "texts: Chinese (characters)"


def test_check_and_fit_say_it_and_say_nothing_of_latin_letters(tmp_path):
    pl.DataFrame({"text": TITLES, "label": LABELS}).write_csv(tmp_path / "titles.csv")
    found = check_table(read_table(tmp_path / "titles.csv"), text="text", label="label")
    assert [one.message for one in found if one.kind == "language"] == ["texts: Chinese (characters)"]
    assert "texts: Chinese (characters)" in fitted("linear").info["notes"]
    english = (["the bill is wrong", "my parcel is late"] * 20, ["bill", "post"] * 20)
    assert not [note for note in sfumato.fit(*[english], dev=0).info["notes"] if note.startswith("texts:")]


@pytest.mark.parametrize("model", list(SMALL))
def test_every_model_of_words_has_a_word_for_each_character(model):
    known = fitted(model).encoder.tokenizer.get_vocab()
    assert set("股市今日大涨湖人领先") | {"nba", "3"} <= set(known)
    assert "股市" not in known


def test_linear_and_bag_learn_unsegmented_titles():
    assert fitted("linear").predict(TITLES[:4]) == LABELS[:4]
    settings = {"method": "baseline", "dev": 0, "epochs": 15, "dim": 8, "buckets": 50}
    assert sfumato.fit((TITLES, LABELS), model="bag", **settings).predict(TITLES[:4]) == LABELS[:4]


def test_mixed_latin_and_chinese_stays_whole():
    texts = ["iPhone5发布 GPT-4很快"] * 3
    assert {"iphone5", "gpt", "4", "发", "布", "很"} <= set(train_tokenizer(texts).tokenizer.get_vocab())
    assert {"iphone5", "发 布"} <= set(NgramEncoder.fit(texts).names())
    assert {"iphone5", "发布"} <= set(count_words(["iPhone5发布会"]).vocabulary)


def test_full_width_letters_are_other_words_unless_asked():
    tokens = train_tokenizer([NARROW], normalize_width=True)
    assert tokens.encode([WIDE], 50).flat.tolist() == tokens.encode([NARROW], 50).flat.tolist()
    plain = train_tokenizer([NARROW])
    assert plain.encode([WIDE], 50).flat.tolist() != plain.encode([NARROW], 50).flat.tolist()
    linear = NgramEncoder.fit([NARROW] * 3)
    assert (linear.encode([WIDE]).matrix != linear.encode([NARROW]).matrix).nnz == 0


@pytest.mark.parametrize("model", list(SMALL))
def test_the_width_is_kept_in_the_folder_and_is_no_option_unless_given(model, tmp_path):
    wide = fitted(model, normalize_width=True)
    again = sfumato.load(wide.save(tmp_path / "model"))
    np.testing.assert_allclose(again.predict_proba(["ＮＢＡ"]), again.predict_proba(["nba"]), atol=1e-6)
    np.testing.assert_allclose(again.predict_proba(["ＮＢＡ"]), wide.predict_proba(["ＮＢＡ"]), atol=1e-6)
    assert wide.options["normalize_width"] is True
    assert "normalize_width" not in fitted(model).options


def test_words_of_rjieba_are_the_words_of_a_model_and_of_its_folder(tmp_path):
    pytest.importorskip("rjieba")
    assert "".join(segmented(["股市今日大涨"])[0].split()) == "股市今日大涨"
    model = fitted("textcnn", unit="rjieba")
    known = set(model.encoder.tokenizer.get_vocab())
    assert {"网站", "基金"} <= known
    assert "网" not in known
    read = model.encoder.encode(TITLES[:2], 50).flat.tolist()
    assert [model.encoder.tokenizer.id_to_token(k) for k in read] == " ".join(segmented(TITLES[:2])).split()
    assert words_of(model.encoder, TITLES[:2]).flat.tolist() == read
    again = sfumato.load(model.save(tmp_path / "model"))
    np.testing.assert_allclose(again.predict_proba(TITLES[:4]), model.predict_proba(TITLES[:4]), atol=1e-6)


def test_rjieba_leaves_words_of_other_scripts_whole():
    pytest.importorskip("rjieba")
    assert segmented(["café naïve привет हिन्दी don’t"]) == ["café naïve привет हिन्दी don’t"]
    assert segmented(["привет中国经济，don’t发布"])[0].split() == ["привет", "中国", "经济", "，don’", "t", "发布"]
    assert segmented(["iPhone5发布T恤ab"])[0].split() == ["iPhone5", "发布", "T恤", "ab"]
    assert segmented(["éab中国abé"])[0].split() == ["éab", "中国", "abé"]
    encoder = build_architecture("textcnn", {"unit": "rjieba", "min_count": 1}).fit_encoder(["café привет 中国经济"])
    assert set(encoder.tokenizer.get_vocab()) == {"[PAD]", "[UNK]", "café", "привет", "中国", "经济"}


def test_rjieba_reads_both_widths_alike_where_that_is_asked(tmp_path):
    pytest.importorskip("rjieba")
    texts = ["ＡＢＣ１２３，发布Ｔ恤", "ABC123,发布T恤"]
    assert segmented(texts)[0] != segmented(texts)[1]
    assert len(set(segmented(texts, normalize_width=True))) == 1
    build_architecture("textcnn", {"unit": "rjieba", "normalize_width": True}).fit_encoder(texts).save(tmp_path)
    wide = SegmentedEncoder.load(tmp_path)
    rows = [wide.encode([text], 50).flat.tolist() for text in texts]
    assert rows[0] == rows[1]
    assert [wide.tokenizer.id_to_token(k) for k in rows[0]] == ["abc123", ",", "发布", "t恤"]


def named(options, texts):
    words = words_of(build_architecture("textcnn", options).fit_encoder(texts), texts)
    return [[words.vocabulary[k] for k in words.key[words.owner == row]] for row in range(len(texts))]


def test_deleted_words_are_the_words_that_the_model_reads():
    assert named({}, ["東京とても大きい", "とは हिन्दी हिम"]) == [
        ["東", "京", "とても", "大", "きい"],
        ["とは", "हिन्दी", "हिम"],
    ]
    assert named({}, ["ＡＢＣ abc"]) == [["ａｂｃ", "abc"]]
    assert named({"normalize_width": True}, ["ＡＢＣ abc", "①，发布"]) == [["abc", "abc"], ["1", "发", "布"]]


def test_deleted_words_of_a_segmented_model_are_those_of_rjieba():
    pytest.importorskip("rjieba")
    texts = ["中国经济增长", "中文教育发展", "北京大学"]
    assert named({"unit": "rjieba"}, texts) == [text.split() for text in segmented(texts)]
    assert named({"unit": "rjieba"}, texts)[0] == ["中国", "经济", "增长"]
    assert named({}, texts)[2] == list("北京大学")
    assert named({"unit": "rjieba", "normalize_width": True}, ["ＡＢＣ，发布", "abc,发布"]) == [["abc", "发布"]] * 2


@pytest.mark.filterwarnings("ignore::UserWarning")  # of data as poor as four titles
def test_methods_that_look_at_words_and_the_audit_read_unsegmented_titles():
    for method in ("kwls", "tfidf", "label-similarity"):
        soft = sfumato.soften(TITLES, LABELS, method=method)
        assert [soft.classes[k] for k in soft.targets.argmax(axis=1)] == LABELS
    assert len(sfumato.audit([f"{title}第{k}期" for k, title in enumerate(TITLES)], LABELS).rows) == 60


@pytest.mark.data
def test_real_titles_are_learned_better_than_the_commonest_class_by_linear_and_bag(data_folder):
    rows = pl.read_parquet(data_folder / "thucnews-titles" / "thucnews-titles.parquet")
    train = rows.filter(pl.col("split") == "train").head(1000)
    test = rows.filter(pl.col("split") == "test").sample(300, seed=0)
    for model, loop in (("linear", {}), ("bag", {"epochs": 5})):
        trained = sfumato.fit(train, text="text", label="label", model=model, method="kwls", **loop)
        assert "texts: Chinese (characters)" in trained.info["notes"]
        right = np.mean(np.array(trained.predict(test["text"].to_list())) == test["label"].to_numpy())
        assert right > 0.4
