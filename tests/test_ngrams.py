import math
import unicodedata
from collections import Counter

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer
from tokenizers import Tokenizer

from sfumato import ngram_counts, ngrams
from sfumato.errors import InputError
from sfumato.ngram_counts import Reading, join_digits, largest_base, tokenize
from sfumato.ngrams import NgramEncoder

TEXTS = [
    "Refund my invoice, please! My invoice is wrong.",
    "the PARCEL is late; the parcel is lost",
    "Straße, naïve café 24/7",
    "!!",
    "",
    "please refund the parcel",
    "请问 iPhone 15 的发票在哪里？",
]


def words_of(text):
    """The words by Python, letter by letter."""
    words, run = [], ""
    for letter in [*unicodedata.normalize("NFKC", text).lower(), " "]:
        ideograph = "\u4e00" <= letter <= "\u9fff"
        if (letter.isalnum() or letter == "_") and not ideograph:
            run += letter
            continue
        words += [run] if run else []
        run = ""
        words += [letter] if not letter.isspace() else []
    return words


def plain_weights(texts, words, characters, min_df):
    """Weights of each n-gram of each text, by plain loops: a list of dicts."""
    counts = []
    for text in texts:
        sequence, count = words_of(text), Counter()
        for n in range(1, words + 1):
            padded = sequence if n == 1 else ["[START]", *sequence]
            count.update(("words", tuple(padded[i : i + n])) for i in range(len(padded) - n + 1))
        for word in sequence:
            spaced = f" {word} "
            for n in characters if len(word) > 1 else ():
                count.update(("characters", spaced[i : i + n]) for i in range(len(spaced) - n + 1))
        counts.append(count)
    df = Counter(gram for count in counts for gram in count)
    rows = []
    for count in counts:
        row = {}
        for gram, tf in count.items():
            if df[gram] >= min_df:
                idf = 1 + math.log((1 + len(texts)) / (1 + df[gram]))
                row[gram] = (1 + math.log(tf)) * idf**1.5 * (1 if gram[0] == "words" else 0.5)
        norm = math.sqrt(sum(value**2 for value in row.values()))
        rows.append({gram: value / norm for gram, value in row.items()})
    return rows


def named_rows(encoder, matrix):
    """The rows of an encoded matrix in the form of `plain_weights`."""
    kinds = [block.split("-")[0] for block, codes in encoder.codes.items() for _ in codes]
    names = encoder.names()
    rows = []
    for row in matrix:
        named = {}
        for column, value in zip(row.indices, row.data, strict=True):
            name = names[column] if kinds[column] == "characters" else tuple(names[column].split(" "))
            named[kinds[column], name] = float(value)
        rows.append(named)
    return rows


@pytest.mark.parametrize(("words", "characters", "min_df"), [(1, (), 1), (2, (3, 4), 1), (3, (2,), 2)])
def test_weights_are_those_of_plain_loops(words, characters, min_df):
    encoder = NgramEncoder.fit(TEXTS, words=words, characters=characters, min_df=min_df)
    matrix = encoder.encode(TEXTS).matrix
    assert matrix.dtype == np.float32
    for row, expected in zip(named_rows(encoder, matrix), plain_weights(TEXTS, words, characters, min_df), strict=True):
        assert row == pytest.approx(expected, rel=1e-5)


def test_counts_are_those_of_sklearn(tickets):
    vectorizer = CountVectorizer(token_pattern=r"\w+", min_df=2)
    expected = vectorizer.fit_transform(tickets["text"])
    tokens = tokenize(tickets["text"])
    vocabulary = tuple(sorted(vectorizer.vocabulary_))
    _, counts = Reading(tokens, vocabulary, 0).counts("words-1")
    assert (expected != counts.T).nnz == 0


def test_the_saved_tokenizer_reads_the_same_words(tmp_path):
    encoder = NgramEncoder.fit(TEXTS, min_df=1)
    encoder.save(tmp_path)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    new = [*TEXTS, "Never seen ＡＢＣ words 东 カ́ a_b"]
    ids = [i for encoding in tokenizer.encode_batch(new) for i in encoding.ids]
    assert ids == Reading(tokenize(new), encoder.vocabulary, encoder.alphabet).words.tolist()
    assert 0 in ids


def test_what_was_saved_encodes_alike(tmp_path):
    encoder = NgramEncoder.fit(TEXTS, words=2, characters=(3, 4), min_df=1)
    encoder.save(tmp_path)
    again = NgramEncoder.load(tmp_path)
    first, second = encoder.encode(TEXTS).matrix, again.encode(TEXTS).matrix
    assert (first != second).nnz == 0
    assert again.names() == encoder.names()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ngrams.safetensors", "tokenizer.json"]


def same(first, second):
    return all(
        np.array_equal(getattr(first.matrix, part), getattr(second.matrix, part))
        for part in ("data", "indices", "indptr")
    ) and np.array_equal(first.lengths, second.lengths)


def test_texts_are_read_once_and_texts_that_changed_are_read_anew(monkeypatch, tmp_path):
    read = []
    monkeypatch.setattr(ngrams, "tokenize", lambda *given: read.append(given) or tokenize(*given))
    texts = [f"{text} once" for text in TEXTS]
    encoder = NgramEncoder.fit(texts, min_df=1)
    first = encoder.encode(texts, 100)
    assert NgramEncoder.fit(list(texts), min_df=1) is encoder
    assert encoder.encode(list(texts)) is first
    assert len(read) == 1
    texts[0] = "the parcel"
    changed = encoder.encode(texts)
    assert NgramEncoder.fit(texts, min_df=1) is not encoder
    assert NgramEncoder.fit(texts, min_df=2).names() != encoder.names()
    assert len(read) == 4
    encoder.save(tmp_path)
    again = NgramEncoder.load(tmp_path)
    assert same(changed, again.encode(texts))
    texts[0] = f"{TEXTS[0]} once"
    assert same(first, again.encode(texts))


def test_texts_that_are_cut_are_not_taken_for_whole_ones(tmp_path):
    texts = [f"{text} cut" for text in TEXTS]
    encoder = NgramEncoder.fit(texts, min_df=1)
    encoder.save(tmp_path)
    for length in (3, 100, None, 3, 8):
        fresh = NgramEncoder.load(tmp_path)
        assert same(encoder.encode(texts, length), fresh.encode(texts, length))
    assert encoder.encode(texts, 3).lengths.max() == 3 < encoder.encode(texts).lengths.max()


def test_rows_after_rows_that_were_read_are_read_alone_and_give_the_same_tokens(monkeypatch):
    read = []
    plain = ngram_counts.read_tokens
    monkeypatch.setattr(ngram_counts, "read_tokens", lambda *given: read.append(given[0]) or plain(*given))
    first, more = [f"{text} after" for text in TEXTS], ["", "a word never seen", *TEXTS[:2]]
    tokenize(first)
    found, expected = tokenize([*first, *more]), plain([*first, *more], None)
    assert read == [first, more]
    assert found.kinds.equals(expected.kinds)
    for part in ("owner", "kind", "lengths"):
        assert np.array_equal(getattr(found, part), getattr(expected, part)), part
    assert tokenize([*first, *more], 2).lengths.max() == 2
    assert tokenize([*first, *more]) is found
    assert len(read) == 3


def test_the_order_of_the_texts_does_not_change_the_ngrams():
    forward, backward = NgramEncoder.fit(TEXTS, min_df=1), NgramEncoder.fit(TEXTS[::-1], min_df=1)
    assert forward.names() == backward.names()
    assert np.array_equal(forward.weights, backward.weights)


def test_a_word_never_seen_shares_its_characters_and_no_words():
    encoder = NgramEncoder.fit(TEXTS, words=2, characters=(3,), min_df=1)
    (row,) = named_rows(encoder, encoder.encode(["invoices"]).matrix)
    assert {kind for kind, _ in row} == {"characters"}
    assert ("characters", "inv") in row
    without = NgramEncoder.fit(TEXTS, words=2, characters=(), min_df=1)
    assert without.encode(["invoices"]).matrix.nnz == 0


def test_an_unknown_word_parts_the_pair_around_it():
    encoder = NgramEncoder.fit(["my invoice", "my parcel"], words=2, characters=(), min_df=1)
    assert ("words", ("my", "invoice")) in named_rows(encoder, encoder.encode(["my invoice"]).matrix)[0]
    parted = named_rows(encoder, encoder.encode(["my green invoice"]).matrix)[0]
    assert set(parted) == {("words", ("my",)), ("words", ("invoice",)), ("words", ("[START]", "my"))}


def test_max_length_cuts_words_and_counts_what_is_left():
    encoder = NgramEncoder.fit(TEXTS, words=2, characters=(3,), min_df=1)
    cut, short = encoder.encode(["my invoice is wrong"], 2), encoder.encode(["my invoice"])
    assert cut.lengths.tolist() == [2]
    assert (cut.matrix != short.matrix).nnz == 0
    assert encoder.encode(["my invoice is wrong"]).lengths.tolist() == [4]


def test_short_english_gets_characters_long_english_none_and_chinese_its_own():
    short = NgramEncoder.fit(["my parcel is late"] * 3)
    assert list(short.codes) == ["words-1", "words-2", "characters-3", "characters-4"]
    long = NgramEncoder.fit(["my parcel is late " * 20] * 3)
    assert list(long.codes) == ["words-1", "words-2"]
    chinese = NgramEncoder.fit(["发票 iPhone 在哪里"] * 3)
    assert list(chinese.codes) == ["words-1", "words-2", "characters-1", "characters-2"]
    assert {"发", "iphone", "发 票", "ip"} <= set(chinese.names())
    only = NgramEncoder.fit(["发票在哪里"] * 3)
    assert list(only.codes) == ["words-1", "words-2"]


def test_rare_ngrams_go_only_where_there_are_many_texts():
    few = NgramEncoder.fit(["common"] * 198 + ["rare"])
    many = NgramEncoder.fit(["common"] * 199 + ["rare"])
    assert "rare" in few.names()
    assert "rare" not in many.names()


def test_a_batch_is_the_rows_asked_for():
    encoder = NgramEncoder.fit(TEXTS, min_df=1)
    encoded = encoder.encode(TEXTS)
    features = encoded.batch(np.array([5, 4, 0]))["features"]
    expected = torch.from_numpy(encoded.matrix[[5, 4, 0]].toarray())
    assert torch.equal(features.to_dense(), expected)
    assert len(encoded) == len(TEXTS)
    assert expected[1].count_nonzero() == 0  # the empty text


def test_runs_do_not_cross_texts_and_skip_the_unknown():
    digits, groups = np.array([1, 2, 3, 0, 4, 5]), np.array([0, 0, 1, 1, 1, 1])
    owner, codes = join_digits(digits, groups, 2, 10)
    assert owner.tolist() == [0, 1]
    assert codes.tolist() == [12, 45]
    assert join_digits(digits[:1], groups[:1], 2, 10)[1].tolist() == []


@pytest.mark.parametrize("n", range(1, 9))
def test_the_largest_base_fits_and_the_next_does_not(n):
    base = largest_base(n)
    assert base**n <= 2**63 - 1 < (base + 1) ** n


def test_texts_without_words_and_a_high_min_df_are_refused_in_words():
    with pytest.raises(InputError, match="none of the 2 training texts holds a word"):
        NgramEncoder.fit(["", "  "])
    with pytest.raises(InputError, match="lower min_df"):
        NgramEncoder.fit(["one", "two"], min_df=2)


def test_a_damaged_folder_is_refused_in_words(tmp_path):
    encoder = NgramEncoder.fit(TEXTS, min_df=1)
    with pytest.raises(InputError, match=r"has no tokenizer\.json"):
        NgramEncoder.load(tmp_path)
    encoder.save(tmp_path)
    whole = (tmp_path / "ngrams.safetensors").read_bytes()
    (tmp_path / "ngrams.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="damaged or no linear model"):
        NgramEncoder.load(tmp_path)


def test_the_pattern_covers_every_sign_once():
    text = "a1_é中、カ!  \n…"
    assert tokenize([text]).kinds.gather(tokenize([text]).kind).to_list() == [
        "a1_é",
        "中",
        "、",
        "カ",
        "!",
        ".",
        ".",
        ".",
    ]
