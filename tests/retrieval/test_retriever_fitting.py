"""Dual encoders: trained, measured, saved and read back."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import sfumato.retrieval.training as training_module
from sfumato.architecture import Training
from sfumato.base import Output
from sfumato.errors import InputError
from sfumato.losses import SoftCrossEntropy
from sfumato.methods import METHODS
from sfumato.models import MODELS
from sfumato.retrieval.batches import Pairs
from sfumato.retrieval.dual_encoder import DualEncoder, DualObjective, Tower, dual_encoder
from sfumato.retrieval.fitting import DualRun, Settings, fit, fit_dual_encoder
from sfumato.retrieval.in_batch_targets import IN_BATCH
from sfumato.retrieval.ranking import evaluate
from sfumato.retrieval.retriever import Retriever
from sfumato.retrieval.search import top_k
from sfumato.retrieval.task import Corpus, Questions, Task

THINGS = ("house", "car", "tree", "river", "stone", "bird", "cloud", "lamp", "chair", "boat")
WORDS_OF = {"house": "live", "car": "drive", "tree": "climb", "river": "swim", "stone": "throw", "bird": "feed",
            "cloud": "watch", "lamp": "light", "chair": "sit", "boat": "row"}  # fmt: skip
COLORS = ("red", "blue", "green")
SMALL = {
    "linear": {},
    "bag": {"dropout": 0.0, "ngrams": 1},
    "textcnn": {"filters": 8, "dim": 16, "dropout": 0.0},
    "lstm": {"hidden": 16, "dim": 16, "dropout": 0.0},
    "textrnn": {"hidden": 16, "dim": 16, "dropout": 0.0},
}
FEW = Training(epochs=2, batch_size=8, lr=1e-2, max_length=16)


def task():
    """Questions that share no word but the colour with their sentence: what a thing is for must be learned."""
    sentences = [f"the {color} {thing} is there" for color in COLORS for thing in THINGS]
    texts = [f"what {color} one do we {WORDS_OF[thing]}" for color in COLORS for thing in THINGS]
    ids = [str(k) for k in range(len(sentences))]
    corpus = Corpus(sentences, ids, sentences, ids, np.arange(len(sentences)))
    return Task(corpus, Questions(texts, ids, [np.array([k]) for k in range(len(texts))], np.arange(len(texts))))


def trained(model="bag", method="baseline", *, epochs=2, **settings):
    made = task()
    training = Training(epochs=epochs, batch_size=8, lr=2e-2, max_length=16)
    return fit_dual_encoder(
        made.corpus,
        made.questions,
        None,
        architecture=MODELS.build(model, SMALL[model]),
        method=METHODS[method](),
        settings=Settings(training=training, **settings),
    ).retriever


def recall(retriever, made):
    found = top_k(
        retriever.encode_questions(made.questions.texts), retriever.encode_sentences(made.corpus.sentences), 10
    )
    return evaluate(found, made.questions.positives)["recall@1"]


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("towers", ["shared", "two"])
def test_every_model_makes_vectors_of_length_one_in_both_towers(model, towers):
    retriever = trained(model, towers=towers)
    for vectors in (retriever.encode_questions(["a red car", ""]), retriever.encode_sentences(["a red car", ""])):
        assert vectors.dtype == np.float32
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.isclose(lengths[0], 1, atol=1e-5)
        assert np.isfinite(lengths).all()
    same = np.allclose(retriever.encode_questions(["a red car"]), retriever.encode_sentences(["a red car"]))
    assert same is (towers == "shared")


@pytest.mark.parametrize("computing", ["bf16", "no"])
@pytest.mark.parametrize("model", SMALL)
def test_every_model_trains_in_both_precisions(model, computing, monkeypatch):
    """Whatever the processor has: a processor with bf16 would else be the first to see what does not run in it."""
    monkeypatch.setattr(training_module, "precision", lambda device: computing)
    assert np.isfinite(trained(model).encode_questions(["what red one do we sit"])).all()


@pytest.mark.parametrize("method", IN_BATCH)
@pytest.mark.parametrize("control", ["", "uniform", "shuffled"])
def test_every_method_and_control_trains(method, control):
    assert np.isfinite(trained(method=method, control=control).encode_questions(["what red one do we sit"])).all()


def test_training_finds_sentences_that_share_no_word_with_the_question():
    made = task()
    assert recall(trained(epochs=40), made) > 0.8
    assert recall(trained(epochs=1), made) < 0.8


def test_the_loss_is_the_softmax_over_the_candidates_of_the_batch_in_plain_loops():
    class Fixed(torch.nn.Module):
        def __init__(self, vectors):
            super().__init__()
            self.vectors = vectors
            self.output_layer = torch.nn.Identity()

        def forward(self):
            return Output(self.vectors, self.vectors)

    generator = torch.Generator().manual_seed(0)
    q, s = torch.randn(3, 4, generator=generator), torch.randn(2, 4, generator=generator)
    targets = torch.tensor([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]])
    model = DualEncoder(Tower(Fixed(q), projects=False), Tower(Fixed(s), projects=False), scale=5.0)
    loss = DualObjective(model, SoftCrossEntropy())({}, {}, torch.tensor([0, 1, 0]), targets)
    total = 0.0
    for i in range(3):
        scores = []
        for j in range(2):
            dot = sum(float(a * b) for a, b in zip(q[i], s[j], strict=True))
            scores.append(5.0 * dot / math.dist(q[i].tolist(), [0] * 4) / math.dist(s[j].tolist(), [0] * 4))
        partition = math.log(sum(math.exp(score) for score in scores))
        total -= sum(float(targets[i, j]) * (scores[j] - partition) for j in range(2))
    assert float(loss) == pytest.approx(total / 3, rel=1e-5)


def test_the_same_seed_gives_the_same_vectors_and_leaves_the_callers_random_state_alone():
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = trained("lstm", "kwls", seed=3).encode_questions(["what red one do we sit"])
    assert torch.equal(torch.get_rng_state(), state)
    assert np.array_equal(first, trained("lstm", "kwls", seed=3).encode_questions(["what red one do we sit"]))
    assert not np.allclose(first, trained("lstm", "kwls", seed=4).encode_questions(["what red one do we sit"]))


def test_dev_questions_choose_the_epoch():
    made = task()
    questions, dev = made.split(0.3, 0)
    done = fit_dual_encoder(
        made.corpus,
        questions,
        dev,
        architecture=MODELS.build("bag", SMALL["bag"]),
        method=METHODS["baseline"](),
        settings=Settings(training=Training(epochs=4, batch_size=8, lr=2e-2)),
    )
    scores = [record["dev_mrr@10"] for record in done.history.epochs]
    assert done.history.best_epoch == 1 + int(np.argmax(scores))
    assert done.retriever.info["dev_mrr@10"] == pytest.approx(max(scores), abs=1e-6)


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("towers", ["shared", "two"])
def test_a_saved_retriever_is_the_same_again(model, towers, tmp_path):
    retriever = trained(model, towers=towers)
    again = Retriever.load(retriever.save(tmp_path / "retriever"))
    texts = ["what red one do we sit", "the blue lamp"]
    np.testing.assert_allclose(again.encode_questions(texts), retriever.encode_questions(texts), atol=1e-6)
    np.testing.assert_allclose(again.encode_sentences(texts), retriever.encode_sentences(texts), atol=1e-6)
    assert again.identity() == retriever.identity()
    assert again.model.scale == retriever.model.scale == 20.0
    again.max_length += 1
    assert again.identity() != retriever.identity()
    assert {path.suffix for path in (tmp_path / "retriever").iterdir()} <= {".json", ".safetensors"}


def test_a_folder_that_is_none_or_cut_off_is_refused_by_name(tmp_path):
    folder = trained().save(tmp_path / "retriever")
    with pytest.raises(InputError, match="no such folder"):
        Retriever.load(tmp_path / "nothing")
    with pytest.raises(InputError, match="exists; choose another folder"):
        trained().save(folder)
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError, match=r"model\.safetensors cannot be read"):
        Retriever.load(folder)
    about = (folder / "sfumato.json").read_text()
    (folder / "sfumato.json").write_text(about.replace('"max_length": 16', '"max_length": -3'))
    with pytest.raises(InputError, match=r"sfumato\.json: max_length must be at least 1, got -3"):
        Retriever.load(folder)
    for kind, words in (("other", "a model for classes"), ("index", "an index of sentences")):
        (folder / "sfumato.json").write_text(f'{{"kind": "{kind}"}}')
        with pytest.raises(InputError, match=f"is not a retriever but {words}"):
            Retriever.load(folder)


def test_fit_takes_names_and_cuts_dev_by_itself():
    retriever = fit(task(), model="bag", method="label-smoothing", dev=0.2, training=FEW)
    assert retriever.info["questions"] == 24
    assert retriever.info["best_epoch"] in (1, 2)


def looked(monkeypatch, scores, training):
    """Train with looks at dev that say these scores, and return the history and the weights after each epoch."""
    weights, said = [], iter(scores)

    def look(model, dev, training, device, *, mixed):
        weights.append(copy.deepcopy(model.state_dict()))
        return {"dev_mrr@10": next(said)}

    monkeypatch.setattr("sfumato.retrieval.training.look", look)
    made, built = task(), {"architecture": MODELS.build("bag", SMALL["bag"]), "method": METHODS["baseline"]()}
    done = fit_dual_encoder(made.corpus, made.questions, made.questions, **built, settings=Settings(training=training))
    return done, weights


def test_the_weights_are_those_of_the_best_look_and_patience_ends_the_training(monkeypatch):
    training = Training(epochs=6, batch_size=8, lr=2e-2, patience=2)
    done, weights = looked(monkeypatch, [0.1, 0.5, 0.4, 0.3, 0.9, 0.2], training)
    assert (done.history.best_epoch, len(done.history.epochs)) == (2, 4)
    for name, value in done.retriever.model.state_dict().items():
        assert torch.equal(value, weights[1][name])
    assert any(not torch.equal(weights[1][name], weights[3][name]) for name in weights[1])
    done, _ = looked(monkeypatch, [0.1, 0.5, 0.4, 0.3, 0.9, 0.2], replace(training, patience=None))
    assert (done.history.best_epoch, len(done.history.epochs)) == (5, 6)


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_the_gradient_of_a_step_is_cut_to_the_largest_norm_and_not_below_it(clip, monkeypatch):
    norms, step = [], torch.optim.SGD.step

    def recorded(self, *given, **named):
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(math.sqrt(sum(float((g**2).sum()) for g in gradients)))
        return step(self, *given, **named)

    monkeypatch.setattr(torch.optim.SGD, "step", recorded)
    training = replace(FEW, epochs=1, optimizer="sgd", clip=clip)
    made, bag = task(), MODELS.build("bag", SMALL["bag"])
    how = Settings(training=training)
    fit_dual_encoder(made.corpus, made.questions, None, architecture=bag, method=METHODS["baseline"](), settings=how)
    assert len(norms) == 4  # of 30 questions in batches of 8
    assert norms == pytest.approx([1e-3] * 4, rel=1e-2) if clip < 1 else min(norms) > 1e-2


def test_two_towers_start_alike_and_part():
    architecture = MODELS.build("bag", SMALL["bag"])
    encoder = architecture.encoder_of(task().corpus.sentences)
    two = dual_encoder(architecture, encoder, towers="two", scale=20.0)
    for name, value in two.question.state_dict().items():
        assert torch.equal(value, two.sentence.state_dict()[name])
    assert two.question is not two.sentence
    alone = dual_encoder(architecture, encoder, towers="shared", scale=20.0)
    assert alone.question is alone.sentence


def test_a_teacher_says_the_softmax_of_its_scaled_cosines():
    made = task()
    settings = Settings(training=FEW, scale=7.0)
    bag = MODELS.build("bag", SMALL["bag"])
    run = DualRun(made.corpus, made.questions, None, bag, METHODS["self-distillation-paper"](), settings)
    alone = replace(run, method=METHODS["baseline"]())().retriever
    batch = Pairs.of(made.questions).batch(np.arange(4), np.random.default_rng(0))
    cosines = (
        alone.encode_questions(made.questions.texts[:4])
        @ alone.encode_sentences([made.corpus.sentences[k] for k in batch.candidates]).T
    )
    wanted = [[math.exp(7 * c) / sum(math.exp(7 * other) for other in row) for c in row] for row in cosines.tolist()]
    np.testing.assert_allclose(run._teacher()(batch), wanted, rtol=1e-4)


def test_a_handful_of_questions_trains_and_chooses_the_epoch():
    made = task()
    few = Task(made.corpus, made.questions.take(range(8)))
    small = Corpus(
        made.corpus.sentences[:8], few.questions.ids, made.corpus.sentences[:8], few.questions.ids, np.arange(8)
    )
    info = fit(Task(small, few.questions), method="baseline", dev=0.25, training=FEW).info
    assert "dev_mrr@10" in info
    assert "dev_recall@10" not in info  # of 8 candidates
    assert "dev_recall@10" in fit(made, method="baseline", dev=0.25, training=FEW).info


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dev": "x"}, "dev must be questions, a share of them such as 0.1, or None, got 'x'"),
        ({"dev": True}, "got True"),
        ({"dev": 2}, "share must be more than 0"),
        ({"dev": task().questions.take([])}, "there is no dev question"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"task": "pairs.csv"}, "needs a task, got str; make one by sfumato.retrieval.build"),
        ({"task": Task(task().corpus, task().questions.take([0])), "dev": None}, "two questions or more, got 1"),
        ({"training": Training(epochs=1, batch_size=1)}, "batch_size must be at least 2, got 1"),
    ],
)
def test_what_no_retriever_can_be_trained_with_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        fit(**({"task": task(), "method": "baseline", "dev": 0.2, "training": FEW} | change))


def test_what_has_no_meaning_in_retrieval_is_refused():
    with pytest.raises(InputError, match="reads images"):
        fit(task(), model="image-cnn", training=FEW)
    with pytest.raises(InputError, match="maskloss-label is for classes"):
        fit(task(), model="bag", method="maskloss-label", training=FEW)
    with pytest.raises(InputError, match="towers"):
        trained(towers="three")
    with pytest.raises(InputError, match="scale"):
        trained(scale=0)


def test_an_encoder_is_a_tower_with_a_pooling_of_tokens_and_is_read_back_without_its_source(tiny_bert, tmp_path):
    made = task()
    settings = Settings(training=Training(epochs=1, batch_size=8, lr=1e-4, max_length=16))
    arguments = {"method": METHODS["kwls"](), "settings": settings}
    head = MODELS.build("transformer", {"encoder": str(tiny_bert)})
    with pytest.raises(InputError, match="give pooling='mean', 'max', 'cls'"):
        fit_dual_encoder(made.corpus, made.questions, None, architecture=head, **arguments)
    pooled = MODELS.build("transformer", {"encoder": str(tiny_bert), "pooling": "mean"})
    retriever = fit_dual_encoder(made.corpus, made.questions, None, architecture=pooled, **arguments).retriever
    again = Retriever.load(retriever.save(tmp_path / "retriever"))
    np.testing.assert_allclose(
        again.encode_questions(["the lamp"]), retriever.encode_questions(["the lamp"]), atol=1e-5
    )
    assert str(tiny_bert) not in (tmp_path / "retriever" / "sfumato.json").read_text()


def test_an_encoder_as_it_is_gives_the_pooled_states_of_transformers(tiny_bert, tmp_path):
    from transformers import AutoModel, AutoTokenizer

    retriever = Retriever.from_encoder(str(tiny_bert))
    tokens = AutoTokenizer.from_pretrained(str(tiny_bert))(["the lamp"], return_tensors="pt")
    with torch.inference_mode():
        states = AutoModel.from_pretrained(str(tiny_bert))(**tokens).last_hidden_state[0]
    wanted = torch.nn.functional.normalize(states.mean(dim=0), dim=0)
    np.testing.assert_allclose(retriever.encode_questions(["the lamp"])[0], wanted, atol=1e-5)
    again = Retriever.load(retriever.save(tmp_path / "retriever"))
    np.testing.assert_allclose(again.encode_sentences(["the lamp"])[0], wanted, atol=1e-5)
    assert again.identity() == retriever.identity()
    assert Retriever.from_encoder(str(tiny_bert), pooling="cls").identity() != retriever.identity()
    made = task()
    frozen = MODELS.build("transformer", {"encoder": str(tiny_bert), "pooling": "mean", "freeze": "all"})
    settings = Settings(training=Training(epochs=2, max_length=16))
    how = {"architecture": frozen, "method": METHODS["baseline"](), "settings": settings}
    done = fit_dual_encoder(made.corpus, made.questions, made.questions, **how)
    assert done.history.steps == 0
    np.testing.assert_allclose(done.retriever.encode_questions(["the lamp"])[0], wanted, atol=1e-5)
