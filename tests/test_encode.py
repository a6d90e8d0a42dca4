"""Texts to ids: the units, the cut, the padding, and the file that is read back."""

import json

import numpy as np
import pytest

from sfumato.encode import EncodedIds, TokenEncoder, head, train_tokenizer
from sfumato.errors import InputError

TEXTS = ["the cat sat", "The cat, the dog!", "", "a dog"]


def words(encoder, encoded, row):
    flat = encoded.flat[encoded.offsets[row] : encoded.offsets[row + 1]]
    return [encoder.tokenizer.id_to_token(int(i)) for i in flat]


def test_words_are_lower_cased_and_marks_stand_alone():
    encoder = train_tokenizer(TEXTS)
    encoded = encoder.encode(TEXTS, 10)
    assert words(encoder, encoded, 1) == ["the", "cat", ",", "the", "dog", "!"]
    assert words(encoder, encoded, 2) == []
    assert encoded.lengths.tolist() == [3, 6, 0, 2]


def test_a_chinese_character_is_a_word_of_its_own():
    encoder = train_tokenizer(["北京 GDP 增长"])
    assert words(encoder, encoder.encode(["北京 GDP 增长"], 10), 0) == ["北", "京", "gdp", "增", "长"]


def test_characters_are_units_without_added_spaces():
    encoder = train_tokenizer(["ab c", "北京"], unit="character")
    encoded = encoder.encode(["ab c", "北京"], 10)
    assert words(encoder, encoded, 0) == ["a", "b", " ", "c"]
    assert words(encoder, encoded, 1) == ["北", "京"]


def test_a_text_is_cut_to_the_maximal_length_and_not_before():
    encoder = train_tokenizer(TEXTS)
    assert encoder.encode(["the cat sat"], 3).lengths.tolist() == [3]
    assert encoder.encode(["the cat sat"], 2).lengths.tolist() == [2]


def test_rare_words_become_unknown():
    encoder = train_tokenizer(TEXTS, min_count=2)
    encoded = encoder.encode(["the cat sat"], 10)
    assert words(encoder, encoded, 0) == ["the", "cat", "[UNK]"]


def test_the_vocabulary_keeps_the_most_frequent_words_and_counts_the_two_special_ones():
    encoder = train_tokenizer(["a a a b b c"], vocabulary=4)
    assert encoder.vocabulary_size == 4
    assert words(encoder, encoder.encode(["a b c"], 10), 0) == ["a", "b", "[UNK]"]


def test_the_same_texts_give_the_same_ids(tickets):
    one, two = (train_tokenizer(tickets["text"]).tokenizer.get_vocab() for _ in range(2))
    assert one == two


def test_a_batch_equals_padding_by_hand():
    encoded = EncodedIds(np.array([5, 6, 7, 8, 9, 4], np.int32), np.array([0, 2, 2, 5, 6]), pad_id=3)
    batch = encoded.batch(np.array([2, 1, 3]))
    ids, mask = [], []
    for row in (2, 1, 3):
        own = encoded.flat[encoded.offsets[row] : encoded.offsets[row + 1]].tolist()
        ids.append(own + [3] * (3 - len(own)))
        mask.append([1] * len(own) + [0] * (3 - len(own)))
    assert batch["input_ids"].tolist() == ids
    assert batch["attention_mask"].tolist() == mask


def test_a_batch_of_empty_texts_has_one_column():
    assert train_tokenizer(TEXTS).encode(["", ""], 5).batch(np.array([0, 1]))["input_ids"].tolist() == [[0], [0]]


def test_no_text_at_all_gives_no_ids():
    encoded = train_tokenizer(TEXTS).encode([], 5)
    assert len(encoded) == 0
    assert encoded.flat.tolist() == []


def test_the_saved_tokenizer_encodes_the_same_and_keeps_no_cut(tmp_path):
    encoder = train_tokenizer(TEXTS)
    encoder.encode(TEXTS, 2)
    encoder.save(tmp_path)
    loaded = TokenEncoder.load(tmp_path)
    assert loaded.encode(TEXTS, 10).flat.tolist() == encoder.encode(TEXTS, 10).flat.tolist()
    saved = json.loads((tmp_path / "tokenizer.json").read_text())
    assert saved["truncation"] is None
    assert saved["padding"] is None


@pytest.mark.parametrize("content", [None, "", "{}", '{"model": '])
def test_a_missing_or_damaged_tokenizer_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(InputError, match=r"tokenizer\.json is not a readable tokenizer"):
        TokenEncoder.load(tmp_path)


def test_an_unknown_unit_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'word'"):
        train_tokenizer(TEXTS, unit="words")


LONG = [
    "word " * 900,
    "a" * 3000,
    "a" * 3000 + " b c" * 500,
    "\t".join(["abcdefghij" * 2] * 300),
    "é! " * 900,
    "猫和狗" * 900,
    "",
]


@pytest.mark.parametrize("unit", ["word", "character", "given"])
@pytest.mark.parametrize("max_length", [3, 40])
def test_a_long_text_has_the_ids_that_the_whole_of_it_begins_with(unit, max_length):
    encoder = train_tokenizer(LONG, unit=unit)
    cut = encoder.encode(LONG, max_length)
    encoder.tokenizer.no_truncation()
    for i, text in enumerate(LONG):
        whole = encoder.tokenizer.encode(text).ids
        assert cut.flat[cut.offsets[i] : cut.offsets[i + 1]].tolist() == whole[:max_length]


def test_only_a_long_text_is_cut_and_at_a_blank():
    assert head("one two three", 20) == "one two three"
    assert head("one two three", 5) == "one two"
    assert head("one two three", 3) == "one"
    assert head("onetwothree", 3) == "onetwothree"
