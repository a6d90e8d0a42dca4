"""EDA: what each operation does to the words, and what follows where there are no synonyms."""

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from scipy import stats

from sfumato.augmentation.augment import augment
from sfumato.augmentation.lexicon import Lexicon
from sfumato.errors import InputError

TEXT = "alpha beta gamma delta epsilon zeta eta theta iota kappa"
WORDS = TEXT.split()
LEXICON = Lexicon({"film": ("movie", "picture"), "good": ("great",), "in": ("inch",)}, "test")


def copies_by(operation, text=TEXT, *, rows=1500, **options):
    return [copy for (copy,) in augment([text] * rows, "eda", operations=[operation], **options)]


def test_deletion_takes_each_word_with_its_chance_and_keeps_the_order():
    # Short texts are often left whole and drawn again, so the chance is seen where that is rare.
    copies = [copy.split() for copy in copies_by("deletion", p_rd=0.5)]
    gone = Counter(word for copy in copies for word in WORDS if word not in copy)
    assert all(copy == [word for word in WORDS if word in copy] for copy in copies)
    for word in WORDS:
        assert stats.binomtest(gone[word], len(copies), 0.5).pvalue > 1e-3
    sizes = Counter(len(copy) for copy in copies)
    assert min(sizes) >= 1
    assert sizes[1] < 50  # the published softEDA leaves one word of every text here


def test_deletion_keeps_one_random_word_where_none_would_be_left():
    copies = copies_by("deletion", "alpha beta gamma", rows=900, p_rd=1.0)
    counts = Counter(copies)
    assert set(counts) == {"alpha", "beta", "gamma"}
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_swap_exchanges_one_pair_of_ten_words_and_every_pair_equally_often():
    pairs = Counter()
    for copy in copies_by("swap", rows=5000):
        changed = [i for i, (a, b) in enumerate(zip(copy.split(), WORDS, strict=True)) if a != b]
        assert len(changed) == 2
        pairs[tuple(changed)] += 1
    assert len(pairs) == 45
    assert stats.chisquare(list(pairs.values())).pvalue > 1e-3
    two = [sum(a != b for a, b in zip(c.split(), WORDS, strict=True)) for c in copies_by("swap", alpha_rs=0.2)]
    assert max(two) == 4


def test_synonyms_take_the_place_of_a_word_wherever_it_stands():
    copies = copies_by("synonyms", 'A Film in town: "film", we saw.', rows=200, lexicon=LEXICON)
    assert set(copies) == {'A Movie in town: "movie", we saw.', 'A Picture in town: "picture", we saw.'}
    assert set(copies_by("synonyms", "film film", rows=50, lexicon=LEXICON)) == {"movie movie", "picture picture"}
    both = set(copies_by("synonyms", "film good", rows=50, lexicon=LEXICON, alpha_sr=1.0))
    assert both == {"movie great", "picture great"}


def test_insertion_puts_a_synonym_of_a_word_anywhere_but_at_the_end():
    copies = set(copies_by("insertion", "a good film", rows=400, lexicon=LEXICON))
    assert copies == {
        " ".join([*words[:at], synonym, *words[at:]])
        for words in [["a", "good", "film"]]
        for synonym in ("great", "movie", "picture")
        for at in range(3)
    }


def test_the_first_four_copies_are_by_four_operations_and_one_copy_by_each_equally_often():
    def kind(copy):
        words = copy.split()
        if len(words) == len(WORDS):
            return "swap" if sorted(words) == sorted(WORDS) else "synonyms"
        return "deletion" if len(words) < len(WORDS) else "insertion"

    lexicon = Lexicon(dict.fromkeys(WORDS, ("x",)), "test")
    made = augment([TEXT] * 800, "eda", copies=4, lexicon=lexicon, p_rd=0.9)
    assert all(len({kind(copy) for copy in own}) == 4 for own in made)
    assert stats.chisquare(list(Counter(kind(own[0]) for own in made).values())).pvalue > 1e-3


def test_without_a_lexicon_words_are_swapped_and_deleted_and_it_is_said():
    made = augment([TEXT] * 50, "eda", copies=2)
    assert all(set(copy.split()) <= set(WORDS) for own in made for copy in own)
    assert "only swaps and deletes" in made.report()
    assert "only swaps" not in augment([TEXT], "eda", lexicon=LEXICON).report()
    with pytest.raises(InputError, match="synonyms needs synonyms: give lexicon=FILE"):
        augment([TEXT], "eda", operations="synonyms")


def test_where_an_operation_changes_nothing_the_next_one_is_taken():
    made = augment(["no known words here"] * 100, "eda", lexicon=LEXICON)
    assert made.unchanged == 0
    assert made.redrawn > 0
    assert all(copy != "no known words here" for (copy,) in made)


def test_any_script_is_edited_and_nothing_but_the_edit_is_changed():
    for text in ("两天价网站背后重重迷雾", "שלום עולם טוב", "счёт Неверный снова!", "Ein schöner Fluß, oder?"):
        cjk = "网" in text
        for (copy,) in augment([text] * 30, "eda"):
            assert Counter([*copy] if cjk else copy.split()) <= Counter([*text] if cjk else text.split())
            assert copy.strip()
            assert copy != text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"p_rd": 1.2}, "p_rd must be at least 0 and at most 1"),
        ({"alpha_rs": -0.1}, "alpha_rs must be"),
        ({"operations": ["swop"]}, "did you mean 'swap'"),
        ({"operations": []}, "operations is empty"),
        ({"operations": 5}, "operations must be some of synonyms, insertion, swap, deletion, got 5"),
    ],
)
def test_bad_options_are_named(options, said):
    with pytest.raises(InputError, match=said):
        augment([TEXT], "eda", **options)


def test_the_hash_seed_of_the_process_changes_nothing(tmp_path):
    (tmp_path / "words.jsonl").write_text("".join(json.dumps({"word": w, "synonyms": WORDS}) + "\n" for w in WORDS))
    code = f"import sfumato; print(sfumato.augment([{TEXT!r}] * 20, 'eda', copies=4, lexicon='words.jsonl'))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert printed[0] == printed[1]
    assert len(printed[0]) > 1000
