"""Word counts: every unit, every kind of input, and statistics that add up."""

from collections import Counter

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from sfumato import keywords
from sfumato.errors import InputError
from sfumato.keywords import LabelCounts, count_words

TEXTS = ["Red apple, red pear", "the sky is BLUE", "", "  red  sky"]


def as_dicts(counts):
    dense = counts.matrix.toarray()
    return [{w: int(n) for w, n in zip(counts.vocabulary, row, strict=True) if n} for row in dense]


def test_words_are_lower_cased_and_marks_dropped():
    counts = count_words(TEXTS)
    assert as_dicts(counts) == [
        {"red": 2, "apple": 1, "pear": 1},
        {"the": 1, "sky": 1, "is": 1, "blue": 1},
        {},
        {"red": 1, "sky": 1},
    ]
    assert counts.vocabulary == sorted(counts.vocabulary)
    assert counts.lengths.tolist() == [4, 4, 0, 2]


def test_the_paper_splits_at_each_space_and_counts_empty_words():
    counts = count_words(TEXTS, unit="paper")
    assert as_dicts(counts) == [dict(Counter(text.split(" "))) for text in TEXTS]
    assert counts.lengths.tolist() == [len(text.split(" ")) for text in TEXTS]


def test_an_ideograph_is_a_word_and_latin_words_stay_whole():
    assert as_dicts(count_words(["我爱GPU卡 GPU"], unit="word")) == [{"我": 1, "爱": 1, "gpu": 2, "卡": 1}]


def test_neighbouring_ideographs_pair_up_only_where_they_dominate():
    mostly, hardly = "我爱北京，好GPU", "a long English sentence about 北京 and more"
    counts = as_dicts(count_words([mostly, hardly], unit="auto"))
    assert counts[0] == dict.fromkeys(
        ["我", "爱", "北", "京", "好", "我爱", "爱北", "北京", "gpu"], 1
    )  # no pair over a mark
    assert "北京" not in counts[1]
    assert counts[1]["北"] == 1


def test_characters_pair_up_inside_words_only():
    assert as_dicts(count_words(["ab c"], unit="char")) == [{"a": 1, "b": 1, "c": 1, "ab": 1}]


def test_lists_of_words_functions_and_tokenizers_count_alike():
    texts = ["red apple red", "blue sky", ""]
    tokenizer = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(["red", "apple", "blue", "sky"])}, unk_token="sky")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    expected = as_dicts(count_words(texts))
    for other in (
        count_words([text.split() for text in texts]),
        count_words([tuple(text.split()) for text in texts]),
        count_words(texts, unit=str.split),
        count_words(texts, unit=tokenizer),
    ):
        assert as_dicts(other) == expected
        assert other.lengths.tolist() == [3, 2, 0]


def test_a_given_vocabulary_keeps_its_order_and_the_full_lengths():
    counts = count_words(TEXTS, vocabulary=["sky", "unseen", "red"])
    assert counts.vocabulary == ["sky", "unseen", "red"]
    assert counts.matrix.toarray().tolist() == [[0, 0, 2], [1, 0, 0], [0, 0, 0], [1, 0, 1]]
    assert counts.lengths.tolist() == [4, 4, 0, 2]


def test_chunks_give_the_same_counts(monkeypatch):
    texts = [f"word{i % 7} word{i % 5} {'同样' * (i % 3)}" for i in range(50)]
    whole = count_words(texts)
    monkeypatch.setattr(keywords, "CHUNK", 8)
    parts = count_words(texts)
    assert parts.vocabulary == whole.vocabulary
    assert (parts.matrix != whole.matrix).nnz == 0
    assert (parts.lengths == whole.lengths).all()


def test_no_texts_and_no_words_are_counted_too():
    assert count_words([]).matrix.shape == (0, 0)
    assert count_words(["", "..."]).matrix.shape == (2, 0)


def test_stored_counts_are_sorted_within_a_text():
    matrix = count_words(["b a c a", "c b"]).matrix
    for start, stop in zip(matrix.indptr, matrix.indptr[1:], strict=False):
        assert (np.diff(matrix.indices[start:stop]) > 0).all()


def test_bad_input_is_named():
    with pytest.raises(InputError, match="text 2 must be a string, got 7"):
        count_words(["a", 7])
    with pytest.raises(InputError, match="text 2 must be a list of words"):
        count_words([["a"], "b"])
    with pytest.raises(InputError, match=r"unit must be one of 'auto', 'word', 'char', 'paper', got 'words' \(did you"):
        count_words(["a"], unit="words")
    with pytest.raises(InputError, match="1 repeated words"):
        count_words(["a"], vocabulary=["a", "a"])


def test_label_counts_by_the_book():
    labels = np.array([0, 1, 0, 1])
    stats = LabelCounts.of(count_words(TEXTS), labels, 3)
    for m in range(3):
        told = Counter(w for text, y in zip(TEXTS, labels, strict=True) if y == m for w in keywords_of(text))
        assert dict(told) == {w: n for w, n in zip(stats.vocabulary, stats.F[m], strict=True) if n}
        assert stats.S[m] == sum(told.values())
    assert stats.df.tolist() == [sum(w in keywords_of(text) for text in TEXTS) for w in stats.vocabulary]
    assert stats.N == 4


def keywords_of(text):
    return text.lower().replace(",", "").split()


def test_the_counts_of_two_halves_add_up_to_the_whole():
    labels = np.array([0, 1, 2, 1])
    whole = LabelCounts.of(count_words(TEXTS), labels, 3)
    first = LabelCounts.of(count_words(TEXTS[:1]), labels[:1], 3)
    rest = LabelCounts.of(count_words(TEXTS[1:]), labels[1:], 3)
    assert first.vocabulary != whole.vocabulary
    for total in (first + rest, rest + first):
        assert total.vocabulary == whole.vocabulary
        assert (total.F == whole.F).all()
        assert (total.S == whole.S).all()
        assert (total.df == whole.df).all()
        assert total.N == whole.N


def test_counts_of_different_labels_do_not_add_up():
    counts = count_words(["a"])
    with pytest.raises(InputError, match="2 and 3 labels"):
        LabelCounts.of(counts, np.array([0]), 2) + LabelCounts.of(counts, np.array([0]), 3)
