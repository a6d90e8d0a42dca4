"""Deletions: every fast way against reading each text without its word, and the groups that follow."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sfumato import InputError
from sfumato.calibration import sigmoid
from sfumato.checkpoint import DELETIONS, Checkpoint
from sfumato.data import Examples
from sfumato.deletions import logits_without, word_drops, words_of
from sfumato.deletions.words import WORD
from sfumato.method import Deletions
from sfumato.methods import METHODS
from sfumato.model import Model
from sfumato.progress import Progress
from sfumato.resolve import build_architecture
from sfumato.run import train_model

MODELS = {
    "linear": {},
    "bag": {"ngrams": 3, "dim": 16},
    "textcnn": {"filters": 12, "dim": 12, "kernels": (2, 3, 4)},
    "textcnn-wide": {"filters": 8, "dim": 12, "kernels": (1, 6), "hidden": 9},
    "lstm": {"hidden": 10, "dim": 12},
    "textrnn": {"hidden": 10, "dim": 12, "pooling": "max"},
    "lstm-deep": {"hidden": 7, "dim": 12, "layers": 2},
    "textrnn-mean": {"hidden": 7, "dim": 12},
    "textrnn-last": {"hidden": 7, "dim": 12, "pooling": "last"},
    "textrnn-deep": {"hidden": 7, "dim": 12, "layers": 2},
}
OWN = ["refund invoice card", "parcel courier door", "password login code"]


def texts(number=60):
    generator = np.random.default_rng(0)
    shared = ["the", "my", "is,", "it's", "a", "-", "please!", "é", "東京", "x2", "don't"]
    made = []
    for row in range(number):
        own = generator.choice(OWN[row % 3].split(), 3)
        other = generator.choice(shared, generator.integers(0, 9))
        made.append(" ".join(generator.permutation([*own, *other])))
    return [*made[:-4], "", "refund", "...", "card card card card login"]


def split(multilabel=False):
    labels = ["billing", "delivery", "login"]
    if multilabel:
        sets = [[labels[row % 3]] * (row % 5 > 0) + ["extra"] * (row % 2) for row in range(60)]
        return Examples.from_label_sets(texts(), sets)
    return Examples.from_labels(texts(), [labels[row % 3] for row in range(60)])


@pytest.fixture(scope="module", params=list(MODELS))
def model(request):
    architecture = build_architecture(request.param.partition("-")[0], MODELS[request.param])
    training = replace(architecture.training, epochs=8, batch_size=16, lr=0.02)
    if architecture.full_batch:
        training = replace(training, epochs=40)
    method = METHODS["baseline-sigmoid"]()
    return train_model(split(), None, architecture=architecture, method=method, training=training, threads=1).model


def without_words(given):
    """Return each text without each of its words, and the text and the word of each."""
    found = [(i, match) for i, text in enumerate(given) for match in WORD.finditer(text)]
    shorter = [given[i][: m.start()] + " " + given[i][m.end() :] for i, m in found]
    return shorter, [i for i, _ in found], [m.group().lower() for _, m in found]


def test_the_logits_without_a_word_are_those_of_the_text_without_it(model):
    words = words_of(model.encoder, texts())
    shorter, owner, names = without_words(texts())
    assert words.owner.tolist() == owner
    assert [words.vocabulary[k] for k in words.key] == names
    every = np.arange(len(words.key))
    expected = model.predict_logits(shorter)
    assert logits_without(model, words, every) == pytest.approx(expected, abs=2e-5)
    assert logits_without(model, words, every, fast=False) == pytest.approx(expected, abs=2e-5)
    some = every[::-7]
    assert logits_without(model, words, some) == pytest.approx(expected[::-7], abs=2e-5)
    assert np.abs(expected - model.predict_logits(texts())[owner]).max() > 0.05  # the words matter


def test_a_text_that_is_cut_gets_its_next_word_when_one_is_deleted(model):
    words = words_of(model.encoder, texts())
    shorter, _, _ = without_words(texts())
    before = model.max_length
    model.max_length = 4
    try:
        expected = model.predict_logits(shorter)
        assert logits_without(model, words, np.arange(len(words.key))) == pytest.approx(expected, abs=2e-5)
    finally:
        model.max_length = before


def test_a_text_may_spell_the_token_of_padding(model):
    given = ["card [PAD] refund login", "refund card"]
    words = words_of(model.encoder, given)
    shorter, _, names = without_words(given)
    kept = [d for d, name in enumerate(names) if name != "pad"]
    every = [w for w, k in enumerate(words.key) if words.vocabulary[k] != "pad"]
    found = logits_without(model, words, np.array(every))
    assert found == pytest.approx(model.predict_logits([shorter[d] for d in kept]), abs=2e-5)


def test_all_occurrences_of_a_word_go_together(model):
    given = ["card refund card login", "login card", "card card"]
    words = words_of(model.encoder, given)
    found = logits_without(model, words, np.arange(len(words.key)), delete="all_occurrences")
    gone = ["refund login", "card card login", "refund login", "card refund card", "card", "login", "", ""]
    assert [words.vocabulary[k] for k in words.key] == ["card", "refund", "card", *["login"] * 2, *["card"] * 3]
    assert found == pytest.approx(model.predict_logits(gone), abs=2e-5)


@pytest.mark.parametrize("source", ["correct", "incorrect", "all"])
@pytest.mark.parametrize("min_count", [1, 2])
def test_the_groups_are_exactly_those_of_all_deletions(model, source, min_count):
    train = split()
    found = word_drops(model, train, Deletions(source=source, min_count=min_count))
    drops = found(train)
    shorter, owner, names = without_words(texts())
    before, after = sigmoid(model.predict_logits(texts())), sigmoid(model.predict_logits(shorter))
    gold = train.gold
    right = [all((before[i, k] > 0.5) == gold[i, k] for k in range(3)) for i in range(60)]
    for tau in (0.03, 0.1, 0.4):
        dependent = {}
        for d, (i, name) in enumerate(zip(owner, names, strict=True)):
            if source == "all" or right[i] == (source == "correct"):
                for k in range(3):
                    if before[i, k] > after[d, k] + tau:
                        dependent[name, k] = dependent.get((name, k), 0) + 1
        groups = np.zeros((60, 3), dtype=bool)
        for i, name in zip(owner, names, strict=True):
            for k in range(3):
                groups[i, k] |= dependent.get((name, k), 0) >= min_count
        assert np.array_equal(drops > tau, groups), tau
        keywords = {(word.word, label) for word in found.keywords(tau) for label in word.labels}
        assert keywords == {(name, train.classes[k]) for (name, k), n in dependent.items() if n >= min_count}
    if source == "all" and min_count == 1:
        assert (drops > 0.1).any()


def test_words_read_piece_by_piece_are_those_of_the_whole_texts():
    from sfumato.deletions.words import splits_at_spaces, words_of_tokens
    from sfumato.encode import train_tokenizer

    odd = [
        "",
        " ",
        "a\u00a0b c",
        "x\x1cy z",
        "line\nbreak\r\nend\ttab",
        "e\u0301 \u0301",
        "ΟΔΟΣ Σ [PAD] [UNK]",
        "東京 x",
        "a  b",
    ]
    given = [*texts(), *odd, "\u200bzero\u200b width", "İstanbul i\u0307"]
    encoder = train_tokenizer(given[::2])
    assert splits_at_spaces(encoder)
    assert not splits_at_spaces(train_tokenizer(given, unit="character"))
    for unit in ("word", "token"):
        whole, found = words_of_tokens(encoder, given, unit), words_of(encoder, given, unit=unit)
        for name in ("flat", "offsets", "owner", "start", "end", "key"):
            assert np.array_equal(getattr(found, name), getattr(whole, name)), name
        assert found.vocabulary == whole.vocabulary


def test_each_token_is_a_word_where_that_is_wanted(model):
    words = words_of(model.encoder, ["refund, card"], unit="token")
    assert [words.vocabulary[k] for k in words.key][::2] == ["refund", "card"]
    assert len(words.key) == 3
    found = logits_without(model, words, np.arange(3))
    assert found == pytest.approx(model.predict_logits([", card", "refund card", "refund,"]), abs=2e-5)


def linear():
    architecture = build_architecture("linear", {})
    return train_model(split(), None, architecture=architecture, method=METHODS["baseline-sigmoid"](), threads=1).model


def test_an_interrupted_search_goes_on_from_its_checkpoint(tmp_path, monkeypatch):
    model, train, path = linear(), split(), tmp_path / "words.safetensors"
    whole = word_drops(model, train, Deletions(source="all"))
    monkeypatch.setattr("sfumato.deletions.drops.BLOCK", 300)
    seen = []

    def stop(done, number):
        seen.append(done)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        word_drops(model, train, Deletions(source="all"), checkpoint=path, report=stop)
    again = []
    resumed = word_drops(
        model, train, Deletions(source="all"), checkpoint=path, report=lambda done, number: again.append(done)
    )
    assert again[0] > seen[-1]
    assert again[-1] == whole.deleted
    assert np.array_equal(resumed.table, whole.table)
    with pytest.raises(InputError, match="is of another model, other texts or options"):
        word_drops(model, train, Deletions(source="correct"), checkpoint=path)
    path.write_bytes(b"x")
    with pytest.raises(InputError, match="is damaged"):
        word_drops(model, train, Deletions(source="all"), checkpoint=path)


def test_a_killed_run_goes_on_deleting_where_it_was(tmp_path, monkeypatch):
    architecture = build_architecture("bag", {"dim": 8})
    training = replace(architecture.training, epochs=2, batch_size=16)
    method = METHODS["maskloss-elem"](tau=0.01, source="all")

    def run(checkpoint=None, progress=None):
        given = {"architecture": architecture, "method": method, "training": training, "threads": 1}
        return train_model(split(), split(), checkpoint=checkpoint, progress=progress, **given)

    unbroken, kept, seen = run(), tmp_path / "kept", []
    monkeypatch.setattr("sfumato.deletions.drops.BLOCK", 300)

    class Counts(Progress):
        def deletions(self, done, total):
            seen.append(done)
            if seen == [100, 200]:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Checkpoint(kept), Counts.silent())
    assert [path.name for path in kept.iterdir()] == [DELETIONS]
    with pytest.raises(InputError, match="of a run that was not finished"):
        Checkpoint(kept).check()
    resumed = run(Checkpoint(kept, resume=True), Counts(echo=lambda line: None))
    assert seen[2] == 300
    assert not (kept / DELETIONS).exists()
    weights = [trained.model.network.output_layer.weight.detach().numpy() for trained in (unbroken, resumed)]
    assert np.array_equal(*weights)
    assert unbroken.masked == resumed.masked


def test_deletions_of_another_teacher_start_anew_in_a_run(tmp_path):
    path = tmp_path / "words.safetensors"
    word_drops(linear(), split(), Deletions(source="correct"), checkpoint=path)
    with pytest.warns(UserWarning, match="its words are deleted again"):
        found = word_drops(linear(), split(), Deletions(source="all"), checkpoint=path, afresh=True)
    assert np.array_equal(found.table, word_drops(linear(), split(), Deletions(source="all")).table)


def test_what_is_no_model_of_texts_is_refused():
    class Other:
        def predict_proba(self, texts):
            return np.zeros((len(texts), 3))

    with pytest.raises(InputError, match="this teacher is none"):
        word_drops(Other(), split(), Deletions())
    with pytest.raises(InputError, match="decide='argmax' is for one label a row"):
        word_drops(linear(), split(multilabel=True), Deletions(decide="argmax"))
    with pytest.raises(InputError, match="words are deleted from texts"):
        words_of(object(), ["x"])


@pytest.mark.slow
def test_an_encoder_reads_what_follows_a_deleted_word_as_it_reads_the_shorter_text():
    transformers = pytest.importorskip("transformers")
    from sfumato.encode import train_tokenizer
    from sfumato.models.pooled_transformer import PooledTransformer

    encoder = train_tokenizer(texts())
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    bert = transformers.BertModel(transformers.BertConfig(vocab_size=encoder.vocabulary_size, **sizes))
    network = PooledTransformer(bert, 3, pooling="mean")
    torch.nn.init.normal_(network.output_layer.weight, std=3)
    model = Model(network, encoder, ("billing", "delivery", "login"), "transformer", max_length=12)
    words = words_of(encoder, texts())
    shorter, owner, _ = without_words(texts())
    expected, before = model.predict_logits(shorter), model.predict_logits(texts())
    found = logits_without(model, words, np.arange(len(words.key)), exact=True)
    assert found == pytest.approx(expected, abs=2e-5)
    groups = word_drops(model, split(), Deletions(source="all"), exact=True)(split()) > 0.05
    dependent = {}
    drops = sigmoid(before)[owner] - sigmoid(expected)
    for d, k in enumerate(words.key):
        dependent[words.vocabulary[k]] = dependent.get(words.vocabulary[k], False) | (drops[d] > 0.05)
    by_hand = np.zeros((60, 3), dtype=bool)
    for i, k in zip(owner, words.key, strict=True):
        by_hand[i] |= dependent[words.vocabulary[k]]
    assert np.array_equal(groups, by_hand)
    assert 0 < by_hand.mean() < 1
