"""Files of word vectors: the layouts that are read, the words that are kept, and what is wrong said in words."""

import gzip
import struct
import zipfile

import numpy as np
import pytest

from sfumato.encoder_folder import identity
from sfumato.errors import InputError
from sfumato.vectors import read_vectors, vector_size

LINES = ["the 0.1 0.2 0.3", "cat -1 2.5 1e-3", "Monday 4 5 6", "monday 7 8 9", "May 1 1 1", "naïve 2 2 2", "北 3 3 3"]
WORDS = ["[PAD]", "[UNK]", "cat", "monday", "may", "naïve", "北", "absent"]
EXPECTED = {"cat": [-1, 2.5, 1e-3], "monday": [7, 8, 9], "may": [1, 1, 1], "naïve": [2, 2, 2], "北": [3, 3, 3]}


def written(folder, lines, name="vectors.txt"):
    path = folder / name
    text = "\n".join(lines) + "\n"
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
@pytest.mark.parametrize("header", [[], ["7 3"]], ids=["glove", "word2vec"])
@pytest.mark.parametrize("mark", [" ", "\t"], ids=["blanks", "tabs"])
@pytest.mark.parametrize("end", ["", " "], ids=["", "blank at the end"])
def test_every_layout_gives_the_same_vectors(tmp_path, name, header, mark, end):
    path = written(tmp_path, header + [line.replace(" ", mark) + end for line in LINES], name)
    assert vector_size(path) == 3
    vectors = read_vectors(path, WORDS)
    assert [word for word, found in zip(WORDS, vectors.found, strict=True) if found] == list(EXPECTED)
    for row, word in enumerate(WORDS):
        assert vectors.matrix[row].tolist() == pytest.approx(EXPECTED.get(word, [0, 0, 0]))
    assert vectors.matrix.dtype == np.float32
    assert (vectors.read, vectors.promised) == (7, 7 if header else None)


def test_the_spelling_asked_for_wins_over_other_capitals_wherever_it_stands(tmp_path):
    for lines in (["Cat 1", "cat 2", "CAT 3"], ["cat 2", "Cat 1"], ["CAT 2", "Cat 1"]):
        assert read_vectors(written(tmp_path, lines), ["cat"]).matrix[0].tolist() == [2]


def test_the_first_of_equal_words_is_kept(tmp_path):
    assert read_vectors(written(tmp_path, ["cat 2", "cat 1"]), ["cat"]).matrix[0].tolist() == [2]


def test_a_word_may_hold_blanks(tmp_path):
    path = written(tmp_path, ["cat 1 2", ". . . 3 4", "at name@domain.com 5 6"])
    assert read_vectors(path, ["cat", ". . ."]).matrix.tolist() == [[1, 2], [3, 4]]


def test_a_mark_of_another_width_inside_a_word_does_not_cut_it(tmp_path):
    path = written(tmp_path, ["a\u00a0b 1 2", "c\u3000d 3 4"])
    assert read_vectors(path, ["a\u00a0b", "c\u3000d"]).matrix.tolist() == [[1, 2], [3, 4]]


def test_coverage_counts_occurrences(tmp_path):
    vectors = read_vectors(written(tmp_path, ["cat 1", "dog 1"]), ["[PAD]", "cat", "cow", "dog"])
    assert vectors.coverage(np.array([0, 5, 3, 2])) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["cat 1 2", "dog 1"], r"line 2 has 2 columns, the first vector has 3 \(a word and 2 numbers\): 'dog 1'"),
        (["cat 1 2", "", "dog 1 2"], "line 2 has 0 columns"),
        (["cat 1 2", "dog 1 2 3"], "line 2 has 4 columns"),
        (
            ["2 3", "cat 1 2"],
            "the header, line 1, promises 3 numbers a word, line 2 has 2: 'cat 1 2'; correct the header",
        ),
        (["2 1", "cat 1 2"], "the header, line 1, promises 1 numbers a word, line 2 has 2"),
        (["2 2", "cat 1 2", "dog 1"], "line 3 has 2 columns, the first vector has 3"),
        (["cat 1 2", "dog 1 x"], "line 2: 'x' is not a number"),
        (["cat 1 2", "dog 1 nan"], "line 2 holds a number that is not finite"),
        (["0110\tcat\t17"], "line 1: 'cat' is not a number"),
        (["just", "words"], "line 1 has one column"),
        (["7 3"], "no vectors follow the header '7 3'"),
        ([""], "first line is empty"),
        (["mouse 1 2", "cow 3 4"], "none of its 2 words is among the 2 of the texts"),
    ],
    ids=str,
)
def test_a_file_that_cannot_be_used_is_refused_by_its_line(tmp_path, lines, said):
    with pytest.raises(InputError, match=said):
        read_vectors(written(tmp_path, lines), ["cat", "dog"])


def test_a_damaged_line_of_a_word_that_is_not_wanted_is_found_too(tmp_path):
    with pytest.raises(InputError, match="line 2 has 2 columns"):
        read_vectors(written(tmp_path, ["cat 1 2", "cow 1"]), ["cat"])


def test_a_binary_file_of_word2vec_is_named_with_the_way_out(tmp_path):
    path = tmp_path / "vectors.bin"
    path.write_bytes(
        b"2 4\n" + b"".join(word + struct.pack("<4f", 0.5, 0, 1, 2) + b"\n" for word in (b"cat ", b"dog "))
    )
    with pytest.raises(InputError, match=r"is binary, not text.*save_word2vec_format"):
        vector_size(path)


def test_other_archives_folders_and_missing_files_are_named(tmp_path):
    path = written(tmp_path, LINES)
    with zipfile.ZipFile(tmp_path / "glove.zip", "w") as archive:
        archive.write(path, "glove.txt")
    with pytest.raises(InputError, match=r"is packed \(zip\); unpack it"):
        vector_size(tmp_path / "glove.zip")
    with pytest.raises(InputError, match="is a folder"):
        vector_size(tmp_path)
    with pytest.raises(InputError, match=r"no such file of word vectors.*did you mean 'vectors.txt'"):
        vector_size(tmp_path / "vector.txt")


def test_a_gzip_file_that_is_cut_off_is_named(tmp_path):
    generator = np.random.default_rng(0)
    lines = [f"w{i} " + " ".join(f"{x:.5f}" for x in generator.normal(size=20)) for i in range(500)]
    path = written(tmp_path, lines, "vectors.txt.gz")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(InputError, match=r"cannot be unpacked.*cut off or damaged"):
        read_vectors(path, ["w1"])


def test_a_key_has_the_content_of_the_file_and_not_its_path(tmp_path):
    first = written(tmp_path, LINES)
    (tmp_path / "elsewhere").mkdir()
    same = written(tmp_path / "elsewhere", LINES, "other-name.txt")
    changed = written(tmp_path / "elsewhere", LINES[1:])
    assert identity("vectors", str(first)) == identity("vectors", same)
    assert identity("vectors", str(first)) != identity("vectors", str(changed))
    assert identity("vectors", None) is None


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "size", "words", "neighbour"),
    [
        ("word_vectors/glove.twitter.27B.25d.top12k.txt.gz", 25, 11_925, ("good", "great", "parliament")),
        ("word_vectors/googlenews.word2vec.300d.top8k.txt.gz", 300, 8_000, ("king", "queen", "software")),
        ("zh-vectors/tencent-char-200d.txt.gz", 200, 4_729, ("三", "四", "张")),
        ("zh-vectors/selftrained-word-100d.txt.gz", 100, 35_000, ("足球", "篮球", "房价")),
    ],
    ids=lambda value: str(value).split("/")[-1] if isinstance(value, str) else "",
)
def test_published_files_are_read_whole(data_folder, name, size, words, neighbour):
    path = data_folder / name
    assert vector_size(path) == size
    vectors = read_vectors(path, neighbour)
    assert vectors.read == words
    assert vectors.found.all()
    unit = vectors.matrix / np.linalg.norm(vectors.matrix, axis=1, keepdims=True)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.2


@pytest.mark.data
def test_a_file_of_word_clusters_is_not_taken_for_vectors(data_folder):
    with pytest.raises(InputError, match="line 1: 'bunyi' is not a number"):
        vector_size(data_folder / "word_vectors" / "ark_tweet_brown_clusters_6mpaths.txt.gz")
