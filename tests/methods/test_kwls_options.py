"""Each option of KWLS: two values that differ, and one of them against plain loops."""

import math
from collections import Counter

import numpy as np
import pytest
from test_kwls import LABELS, TEXTS, examples, fixed, quiet

from sfumato.errors import InputError
from sfumato.keywords import LabelCounts, count_words
from sfumato.methods.keyword_labels import KeywordWarning
from sfumato.methods.kwls import held_out_evidence, in_sample_evidence, kwls, kwls_paper
from sfumato.methods.kwls_official import kwls_official

GOLD = ["house", "it", "money"]


def sums_by_the_book(words_of, row, *, leave_out=False, tokens=False, k1=2.0, b=0.75, k2=2.0):
    """The sum of Eq. 7 for one text and each label, before any length; ``words_of`` splits a text."""
    split = [words_of(text) for text in TEXTS]
    known = [(words, label) for i, (words, label) in enumerate(zip(split, LABELS, strict=True)) if i != row]
    known += [] if leave_out else [(split[row], LABELS[row])]
    count = {m: Counter(w for words, label in known if label == m for w in words) for m in GOLD}
    average = sum(len(words) for words in split) / len(GOLD)
    sums = []
    for m in GOLD:
        total = 0.0
        for w in split[row] if tokens else set(split[row]):
            f, f_i = count[m][w], split[row].count(w)
            if f:
                K = k1 * (1 - b + b * count[m].total() / average)
                wlr = f * k1 / (f + K) * (math.log(len(GOLD) / sum(count[c][w] > 0 for c in GOLD)) + 1)
                wiw = math.log(len(split) / sum(w in words for words in split)) + 1
                total += wlr * wiw * f_i * k2 / (f_i + k2)
        sums.append(total)
    return np.array(sums)


def at_spaces(text):
    return text.split(" ")


def softmax_of(values):
    powers = [math.exp(v) for v in values]
    return np.array(powers) / sum(powers)


def d_of(method):
    return method.prepare(examples()).targets.dense()


@pytest.mark.parametrize("leave_out", [False, True])
def test_the_equations_hold_to_twelve_digits(leave_out):
    train = examples()
    counts = count_words(TEXTS, unit="paper")
    find = held_out_evidence if leave_out else in_sample_evidence
    evidence = find(counts, train.labels, LabelCounts.of(counts, train.labels, 3), k1=2.0, b=0.75, k2=2.0)
    got = evidence.relevance(train.labels, 1.0)
    for row in range(len(TEXTS)):
        np.testing.assert_allclose(got[row], sums_by_the_book(at_spaces, row, leave_out=leave_out), rtol=1e-12)


@pytest.mark.parametrize("leave_out", [False, True])
@quiet
def test_tokens_count_a_repeated_word_again_and_types_do_not(leave_out):
    X_avg = np.mean([len(at_spaces(text)) for text in TEXTS])
    got = {m: d_of(fixed(leave_one_out=leave_out, multiplicity=m)) for m in ("types", "tokens")}
    for row in range(len(TEXTS)):
        for multiplicity, d in got.items():
            sums = sums_by_the_book(at_spaces, row, leave_out=leave_out, tokens=multiplicity == "tokens")
            np.testing.assert_allclose(d[row], softmax_of(sums / X_avg), atol=1e-6)
    changed = np.flatnonzero(np.abs(got["types"] - got["tokens"]).max(axis=1) > 1e-4)
    assert changed.tolist() == (
        [0, 5] if leave_out else [0, 2, 5]
    )  # no other text says "wrong", so that it says nothing


@pytest.mark.parametrize("norm", ["corpus", "document", "root", "none"])
@quiet
def test_each_length_by_the_book(norm):
    mean = np.mean([len(at_spaces(text)) for text in TEXTS])
    d = d_of(fixed(leave_one_out=False, length_norm=norm))
    others = [d_of(fixed(leave_one_out=False, length_norm=n)) for n in ("corpus", "document", "root", "none")]
    for row, text in enumerate(TEXTS):
        n = len(at_spaces(text))
        length = {"corpus": mean, "document": n, "root": math.sqrt(n), "none": 1}[norm]
        np.testing.assert_allclose(d[row], softmax_of(sums_by_the_book(at_spaces, row) / length), atol=1e-6)
    assert sum(np.allclose(d, other, atol=1e-3) for other in others) == 1  # itself


@quiet
def test_temperature_divides_the_relevance():
    X_avg = np.mean([len(at_spaces(text)) for text in TEXTS])
    sharp, soft = (d_of(kwls_paper(temperature=T)) for T in (0.5, 4.0))
    np.testing.assert_allclose(sharp[3], softmax_of(sums_by_the_book(at_spaces, 3) / X_avg / 0.5), atol=1e-6)
    np.testing.assert_allclose(soft[3], softmax_of(sums_by_the_book(at_spaces, 3) / X_avg / 4), atol=1e-6)
    assert sharp.max() > soft.max() + 0.1


class Spaces:
    """The part of a `tokenizers.Tokenizer` that is asked for."""

    def encode_batch(self, texts, *, add_special_tokens):
        return [type("Encoding", (), {"tokens": at_spaces(text)}) for text in texts]


@quiet
def test_units_are_names_functions_and_tokenizers():
    got = {unit: d_of(kwls_paper(unit=unit)) for unit in ("paper", "char")}
    assert not np.allclose(got["paper"], got["char"], atol=1e-2)
    for unit in (at_spaces, Spaces()):
        np.testing.assert_array_equal(d_of(kwls_paper(unit=unit)), got["paper"])
    letters = d_of(kwls_paper(unit=list))
    mean = np.mean([len(text) for text in TEXTS])
    np.testing.assert_allclose(letters[2], softmax_of(sums_by_the_book(list, 2) / mean), atol=1e-6)
    listed = kwls_paper().prepare(examples([at_spaces(text) for text in TEXTS]))
    np.testing.assert_array_equal(listed.targets.dense(), got["paper"])


@quiet
def test_gold_mass_is_the_mean_share_of_the_given_label_that_was_asked_for():
    train = examples()
    rows = np.arange(len(train))
    masses = {}
    for wanted in (0.4, 0.5):
        for build in (fixed(gold_mass=wanted, temperature="auto"), kwls_paper(**HELD_OUT, gold_mass=wanted)):
            masses[wanted] = build.prepare(train).targets.dense()[rows, train.labels]
            assert masses[wanted].mean() == pytest.approx(wanted, abs=1e-6)
    assert not np.allclose(masses[0.4], masses[0.5])


HELD_OUT = {"temperature": "auto", "leave_one_out": True}


@quiet
def test_of_two_temperatures_gold_mass_takes_the_softer():
    # Three of four texts are right: their share grows to 3/4 as T falls, after the fourth held it up at first.
    texts = ["a b", "a c", "a d", "z q", "z r", "z s", "a q"]
    train = examples(texts, ["x", "x", "x", "y", "y", "y", "y"])
    softer = fixed(gold_mass=0.6, temperature="auto").prepare(train).targets.dense()
    scores = [fixed(temperature=T).prepare(train).targets.dense() for T in np.geomspace(0.01, 100, 60)]
    rows = np.arange(len(train))
    reach = [d for d in scores if d[rows, train.labels].mean() >= 0.6]
    assert max(d[rows, train.labels].mean() for d in scores) > 0.65
    assert softer.max() <= min(d.max() for d in reach) + 1e-2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gold_mass": 0.2}, r"gold_mass must be more than 1/C = 0.3333 for 3 classes, got 0.2"),
        (
            {"gold_mass": 0.999},
            r"no temperature gives the given label a mean share of 0.999 in d; the words reach 0\.\d+",
        ),
    ],
)
@quiet
def test_a_gold_mass_out_of_reach_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        kwls(**options).prepare(examples())


@quiet
def test_gold_keeps_mixes_or_projects():
    train, rows = examples(), np.arange(len(TEXTS))
    d = d_of(fixed(gold="keep", weight=0.3))
    np.testing.assert_array_equal(d, d_of(fixed(weight=1.0)))
    gold = np.eye(3)[train.labels]
    np.testing.assert_allclose(d_of(fixed(gold="mix", weight=0.3)), 0.7 * gold + 0.3 * d, atol=1e-6)
    projected = d_of(fixed(gold="project", weight=0.3))
    low = d[rows, train.labels] < d.max(axis=1)
    assert low.any()
    assert not low.all()
    np.testing.assert_allclose(projected[~low], d[~low], atol=1e-6)
    for row in np.flatnonzero(low):
        raised = d[row].astype(float)
        raised[train.labels[row]] = max(d[row])
        np.testing.assert_allclose(projected[row], raised / sum(raised), atol=1e-6)
    assert (projected[rows, train.labels] >= projected.max(axis=1) - 1e-7).all()


def test_an_empty_text_is_uniform_hard_or_refused():
    train = examples(["ab cd", "", "ef gh", "ab", "ef"], ["x", "x", "y", "x", "y"])
    with pytest.warns(KeywordWarning, match="1 texts hold no word .the first is text 2.; their d is even"):
        uniform = kwls_paper(unit="word").prepare(train).targets.dense()
    hard = kwls_paper(unit="word", on_empty="hard").prepare(train).targets.dense()  # and no warning
    assert uniform[1].tolist() == [0.5, 0.5]
    assert hard[1].tolist() == [1.0, 0.0]
    np.testing.assert_array_equal(np.delete(hard, 1, axis=0), np.delete(uniform, 1, axis=0))
    with pytest.raises(
        InputError, match=r"kwls-paper: 1 texts hold no word \(the first is text 2\); take them out, or"
    ):
        kwls_paper(unit="word", on_empty="raise").prepare(train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"multiplicity": "token"},
            "multiplicity must be one of 'types', 'tokens', got 'token' .did you mean 'tokens'",
        ),
        ({"gold": "kept"}, "gold must be one of 'mix', 'keep', 'project', got 'kept' .did you mean 'keep'"),
        ({"on_empty": "drop"}, "on_empty must be one of 'uniform', 'hard', 'raise'"),
        ({"length_norm": "words"}, "length_norm must be one of 'root', 'corpus', 'document', 'none'"),
        (
            {"gold_mass": 1.5, "temperature": "auto", "leave_one_out": True},
            "gold_mass must be more than 0 and at most 1",
        ),
        ({"gold_mass": 0.8, "temperature": 2.0}, "gold_mass chooses the temperature, which must be 'auto', got 2.0"),
        ({"temperature": "auto", "leave_one_out": False}, "needs leave_one_out=True"),
        ({"scale": "papr"}, "did you mean 'paper'"),
        ({"heads": "three"}, "heads must be one of 'one', 'two'"),
    ],
)
def test_a_wrong_option_names_the_method_and_what_is_allowed(options, message):
    for build, name in ((kwls, "kwls"), (kwls_paper, "kwls-paper")):
        with pytest.raises(InputError, match=f"^{name}: .*{message}"):
            build(**options)


def loss_of(method):
    torch = pytest.importorskip("torch")
    from sfumato.base import Output, Supervision
    from sfumato.losses import SoftCrossEntropy
    from sfumato.method import Plan

    logits = torch.tensor([[0.5, 0.2, 0.3]]).log()
    criterion = method.criterion(Plan(3, 3, 1, 1)) if method.criterion else SoftCrossEntropy()
    return float(criterion(Output(logits, 5 * logits), Supervision(torch.tensor([0]), torch.tensor([[0.7, 0.2, 0.1]]))))


def test_the_losses_by_the_book():
    p, q, hard = (0.5, 0.2, 0.3), (0.7, 0.2, 0.1), -math.log(0.5)
    squared = sum((a - b) ** 2 for a, b in zip(p, q, strict=True))
    cross = -sum(b * math.log(a) for a, b in zip(p, q, strict=True))
    assert loss_of(kwls()) == pytest.approx(cross, rel=1e-5)
    entropy = -sum(b * math.log(b) for b in q)
    assert loss_of(kwls(loss="kl")) == pytest.approx(cross - entropy, rel=1e-5)
    assert loss_of(kwls(loss="auxiliary", alpha=0.5)) == pytest.approx(hard + 0.5 * squared / 3, rel=1e-5)
    assert loss_of(kwls_paper()) == pytest.approx((hard + squared / 3) / 8, rel=1e-5)
    assert loss_of(kwls_paper(soft_loss="ce", scale="none")) == pytest.approx(hard + cross / 3, rel=1e-5)
    assert loss_of(kwls_paper(reduction="sum", scale="sum-weights")) == pytest.approx((hard + squared) / 2, rel=1e-5)


def test_a_second_head_has_parameters_of_its_own_and_one_head_has_none():
    torch = pytest.importorskip("torch")
    from sfumato.base import Output, Supervision
    from sfumato.method import Plan

    plan = Plan(num_classes=3, num_features=2, steps_per_epoch=1, epochs=1)
    one, two = (kwls_paper(heads=heads, scale="paper-code").criterion(plan) for heads in ("one", "two"))
    assert not list(one.parameters())
    assert {name: tuple(p.shape) for name, p in two.named_parameters()} == {"weight": (3, 2), "bias": (3,)}
    assert 0 < two.weight.abs().max() <= 0.04
    again = kwls_official().criterion(plan)
    assert torch.equal(again.weight, two.weight)
    other = kwls_official().criterion(Plan(3, 2, 1, 1, seed=1))
    assert not torch.equal(other.weight, two.weight)
    logits, features = torch.tensor([[1.0, 0.0, -1.0]], requires_grad=True), torch.tensor([[0.5, -2.0]])
    d = torch.tensor([[0.5, 0.3, 0.2]])
    loss = again(Output(logits, features), Supervision(torch.tensor([1]), d))
    W, b = again.weight.tolist(), again.bias.tolist()
    o = softmax_of([0.5 * W[m][0] - 2.0 * W[m][1] + b[m] for m in range(3)])
    hard = -math.log(softmax_of([1.0, 0.0, -1.0])[1])
    soft = sum((d[0, m].item() - o[m]) ** 2 for m in range(3)) / 3
    assert loss.item() == pytest.approx((hard + soft) / 4, rel=1e-5)  # (1 + alpha)^2, without the 2 of the print
    loss.backward()
    plain = torch.tensor([[1.0, 0.0, -1.0]], requires_grad=True)
    (torch.nn.functional.cross_entropy(plain, torch.tensor([1])) / 4).backward()
    assert torch.allclose(logits.grad, plain.grad)  # d reaches the predicting layer only through the features


def test_two_heads_need_a_loss_with_two_parts():
    with pytest.raises(InputError, match="kwls: heads='two' needs loss='auxiliary': 'ce' has no second part to use it"):
        kwls(heads="two")
    assert kwls(heads="two", loss="auxiliary").criterion is not None


def test_the_official_method_has_the_soft_labels_of_the_printed_one():
    np.testing.assert_array_equal(d_of(kwls_official(k1=3.0)), d_of(kwls_paper(k1=3.0)))
    assert set(kwls_official().options) == {"k1", "b", "k2", "alpha", "unit"}
