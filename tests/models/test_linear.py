import copy

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional as F

from sfumato.base import Objective
from sfumato.data import Examples
from sfumato.errors import InputError
from sfumato.full_batch import fit_full_batch, refit_full_batch
from sfumato.losses import SoftCrossEntropy
from sfumato.models import MODELS
from sfumato.models.linear import LinearClassifier, linear
from sfumato.ngrams import NgramEncoder


def trained(architecture, texts, labels, **options):
    """An encoder and a network trained on all rows with the recommended steps."""
    examples = Examples.from_labels(texts, labels)
    encoder = architecture.fit_encoder(texts)
    objective = Objective(architecture.build(encoder, examples.num_classes), SoftCrossEntropy())
    refit_full_batch(objective, examples, encoder.encode(texts), **options)
    return encoder, objective.model, examples


def logits_of(encoder, network, texts):
    with torch.no_grad():
        return network(**encoder.encode(texts).batch(np.arange(len(texts)))).logits


def test_the_registry_builds_it_and_names_a_wrong_option():
    architecture = MODELS.build("linear", {"words": 1, "characters": 0})
    assert architecture.full_batch
    assert list(architecture.fit_encoder(["one two"]).codes) == ["words-1"]
    with pytest.raises(InputError, match=r"no option 'word' \(did you mean 'words'\?\)"):
        MODELS.build("linear", {"word": 1})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"words": 0}, "words must be at least 1 and at most 5, got 0"),
        ({"words": "autp"}, "did you mean 'auto'"),
        ({"words": 1.5}, "words must be a whole number or 'auto', got 1.5"),
        ({"characters": (3, 9)}, "characters must be at least 0 and at most 8, got 9"),
        ({"characters": "all"}, "characters must be one of 'auto', got 'all'"),
        ({"min_df": 0}, "min_df must be at least 1"),
        ({"steps": 0}, "steps must be at least 1"),
    ],
)
def test_options_out_of_range_are_refused_in_words(options, message):
    with pytest.raises(InputError, match=message):
        linear(**options)


def test_logits_are_weights_times_features_and_are_the_features_too(tickets):
    encoder, network, _ = trained(linear(), tickets["text"], tickets["label"])
    encoded = encoder.encode(tickets["text"])
    output = network(**encoded.batch(np.arange(90)))
    layer = network.output_layer
    plain = F.linear(torch.from_numpy(encoded.matrix.toarray()), layer.weight, layer.bias)
    torch.testing.assert_close(output.logits, plain, atol=1e-5, rtol=1e-5)
    assert output.features is output.logits
    assert network.num_features == output.features.shape[1] == 3


def test_it_learns_the_tickets_and_an_untrained_one_has_not(tickets):
    encoder, network, examples = trained(linear(), tickets["text"], tickets["label"])
    labels = torch.from_numpy(examples.labels)
    accuracy = (logits_of(encoder, network, tickets["text"]).argmax(1) == labels).double().mean()
    fresh = LinearClassifier(encoder.num_features, 3)
    before = (logits_of(encoder, fresh, tickets["text"]).argmax(1) == labels).double().mean()
    assert accuracy > 0.95
    assert before < 0.5


def test_a_text_alone_and_in_a_batch_have_the_same_logits(tickets):
    encoder, network, _ = trained(linear(), tickets["text"], tickets["label"])
    together = logits_of(encoder, network, tickets["text"][:20])
    alone = torch.cat([logits_of(encoder, network, [text]) for text in tickets["text"][:20]])
    torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-5)


def test_the_same_rows_give_the_same_weights(tickets):
    first = trained(linear(), tickets["text"], tickets["label"])[1]
    again = trained(linear(), tickets["text"], tickets["label"])[1]
    assert torch.equal(first.output_layer.weight, again.output_layer.weight)


def test_a_text_without_any_known_ngram_gets_the_prior(tickets):
    encoder, network, _ = trained(linear(), tickets["text"], tickets["label"])
    assert torch.equal(logits_of(encoder, network, ["", "𓂀"]), network.output_layer.bias.detach().expand(2, 3))


def test_a_plain_loop_with_any_optimizer_trains_it_too(tickets):
    encoder, network, examples = trained(linear(), tickets["text"], tickets["label"], steps=1)
    objective = Objective(copy.deepcopy(network), SoftCrossEntropy())
    batch = encoder.encode(tickets["text"]).batch(np.arange(90))
    optimizer = torch.optim.SGD(objective.parameters(), lr=5.0)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = objective(labels=torch.from_numpy(examples.labels), **batch)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


@pytest.mark.data
@pytest.mark.slow
def test_trec_is_at_least_tfidf_and_a_linear_svc(data_folder):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    frame = pl.read_parquet(data_folder / "trec" / "trec.parquet")
    rows, test = frame.filter(pl.col("split") == "train").sample(4000, seed=0), frame.filter(pl.col("split") == "test")
    texts, labels = rows["text"].to_list(), rows["label"].to_list()
    classes = tuple(sorted(set(labels)))
    train = Examples.from_labels(texts[400:], labels[400:], classes=classes)
    dev = Examples.from_labels(texts[:400], labels[:400], classes=classes)
    encoder = linear().fit_encoder(train.inputs)
    objective = Objective(linear().build(encoder, len(classes)), SoftCrossEntropy())
    fit = fit_full_batch(objective, train, encoder.encode(train.inputs), dev, encoder.encode(dev.inputs))
    encoder, network, _ = trained(linear(), texts, labels, strength=fit.strength, steps=fit.steps)
    predicted = [classes[k] for k in logits_of(encoder, network, test["text"].to_list()).argmax(1)]
    accuracy = np.mean(np.array(predicted) == test["label"].to_numpy())
    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    peer = LinearSVC().fit(vectorizer.fit_transform(texts), labels)
    assert accuracy >= peer.score(vectorizer.transform(test["text"].to_list()), test["label"].to_list())


def test_the_saved_encoder_is_loaded_by_the_architecture(tickets, tmp_path):
    encoder, network, _ = trained(linear(), tickets["text"], tickets["label"])
    encoder.save(tmp_path)
    again = linear().load_encoder(tmp_path)
    assert isinstance(again, NgramEncoder)
    torch.testing.assert_close(logits_of(again, network, tickets["text"]), logits_of(encoder, network, tickets["text"]))
