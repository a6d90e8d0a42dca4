"""The options of LCM: what each changes, and one value of each with plain loops."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sfumato import METHODS, InputError
from sfumato.base import Output, Supervision
from sfumato.controls import controls
from sfumato.method import Plan
from sfumato.methods import lcm
from sfumato.methods.label_confusion import LabelConfusion

C, D = 3, 5
LABELS = torch.tensor([0, 1, 2, 0, 1, 1])
PLAN = Plan(C, D, steps_per_epoch=7, epochs=4)


def six_texts(d=D, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, C, generator=generator).requires_grad_()
    features = torch.randn(6, d, generator=generator).requires_grad_()
    return Output(logits, features), Supervision(LABELS, F.one_hot(LABELS, C).float())


def spread(criterion, seed=1):
    """Move the parameters away from their small initial values, so that the targets differ from row to row."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in criterion.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return criterion


def learning(**options):
    """LCM with those options and the parameters spread, but for given label vectors."""
    return spread(METHODS["lcm-paper"](**options).criterion(PLAN))


def targets(criterion):
    return criterion.soft_targets(*six_texts()).detach()


def numbers(criterion):
    return {name: p.detach().double().tolist() for name, p in criterion.named_parameters()}


def softmax(row):
    powers = [math.exp(x) for x in row]
    return [power / sum(powers) for power in powers]


def dot(first, second):
    return sum(a * b for a, b in zip(first, second, strict=True))


def class_vectors(part):
    """Return the class vectors of the dense encoder with plain loops."""
    L, W_l, b_l = part["label_embeddings"], part["label_encoder.W_l"], part["label_encoder.b_l"]
    return [[math.tanh(sum(x[i] * W_l[i][j] for i in range(len(x))) + b_l[j]) for j in range(len(b_l))] for x in L]


def confusion_of(part, vectors, v):
    """Return the LCD of one text with plain loops."""
    similarity = [dot(vector, v) for vector in vectors]
    W, b = part["confusion.W"], part["confusion.b"]
    return softmax([sum(similarity[k] * W[k][c] for k in range(C)) + b[c] for c in range(C)])


def simulated(y_c, label, alpha=4.0):
    return softmax([alpha * (c == label) + y_c[c] for c in range(C)])


def by_the_book(part, vectors, texts):
    return [
        simulated(confusion_of(part, vectors, v), label)
        for v, label in zip(texts.tolist(), LABELS.tolist(), strict=True)
    ]


# --- label encoder


def test_every_label_encoder_gives_other_targets_and_can_be_trained():
    found = []
    for kind in ("mlp", "lstm", "bilstm", "attention"):
        criterion = learning(label_encoder=kind)
        output, supervision = six_texts()
        criterion(output, supervision).backward()
        for name, parameter in criterion.named_parameters():
            assert parameter.grad.abs().sum() > 0, (kind, name)
        found.append(targets(criterion))
    for i, one in enumerate(found):
        assert all((one - other).abs().max() > 1e-3 for other in found[:i])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def lstm_states(L, part, suffix=""):
    """Return the state after each class: the equations of the LSTM, gate by gate."""
    weights = (
        part[f"label_encoder.lstm.{name}_l0{suffix}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    W_x, W_h, b_x, b_h = weights
    h, c, states = [0.0] * D, [0.0] * D, []
    for x in L:
        gates = [dot(W_x[k], x) + b_x[k] + dot(W_h[k], h) + b_h[k] for k in range(4 * D)]
        keep = [sigmoid(gates[D + j]) for j in range(D)]
        c = [keep[j] * c[j] + sigmoid(gates[j]) * math.tanh(gates[2 * D + j]) for j in range(D)]
        h = [sigmoid(gates[3 * D + j]) * math.tanh(c[j]) for j in range(D)]
        states.append(h)
    return states


@pytest.mark.parametrize("kind", ["lstm", "bilstm"])
def test_the_recurrent_encoder_runs_over_the_classes_in_their_order(kind):
    criterion = learning(label_encoder=kind, embedding_size=4)
    part = numbers(criterion)
    vectors = lstm_states(part["label_embeddings"], part)
    if kind == "bilstm":
        back = lstm_states(part["label_embeddings"][::-1], part, "_reverse")[::-1]
        vectors = [
            [(a + b) / 2 for a, b in zip(one, other, strict=True)] for one, other in zip(vectors, back, strict=True)
        ]
    expected = by_the_book(part, vectors, six_texts()[0].features)
    assert targets(criterion).numpy() == pytest.approx(np.array(expected), rel=1e-4)


def test_the_attention_encoder_averages_the_embeddings_and_has_no_layer_after_it():
    criterion = learning(label_encoder="attention")
    assert [name for name, _ in criterion.named_parameters()] == ["label_embeddings"]
    L = numbers(criterion)["label_embeddings"]
    shares = [softmax([dot(one, other) for other in L]) for one in L]
    vectors = [[sum(share[k] * L[k][j] for k in range(C)) for j in range(D)] for share in shares]
    expected = [
        simulated(softmax([dot(vector, v) for vector in vectors]), label)
        for v, label in zip(six_texts()[0].features.tolist(), LABELS.tolist(), strict=True)
    ]
    assert targets(criterion).numpy() == pytest.approx(np.array(expected), rel=1e-4)


def test_attention_cannot_change_the_length_of_the_vectors():
    with pytest.raises(InputError, match="keeps the length of the label embeddings, 7, but the text's vector has 5"):
        METHODS["lcm"](label_encoder="attention", embedding_size=7).criterion(PLAN)


def test_a_module_of_the_user_is_copied_for_each_run():
    given = nn.Linear(7, D)
    method = METHODS["lcm"](label_encoder=given, embedding_size=7)
    first, second = method.criterion(PLAN), method.criterion(PLAN)
    assert torch.equal(first.label_encoder.weight, given.weight)
    with torch.no_grad():
        first.label_encoder.weight.zero_()
    assert torch.equal(second.label_encoder.weight, given.weight)
    assert given.weight.abs().sum() > 0


def two_layers(num_classes, num_features):
    return nn.Sequential(nn.Linear(num_features, 4), nn.ReLU(), nn.Linear(4, num_features))


def test_a_function_of_the_sizes_makes_the_label_encoder_from_the_seed_alone():
    method = METHODS["lcm"](label_encoder=two_layers)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, again = method.criterion(PLAN), method.criterion(PLAN)
    assert torch.equal(torch.rand(1), expected)  # the global random state is as it was
    assert torch.equal(first.label_encoder[0].weight, again.label_encoder[0].weight)
    other = method.criterion(Plan(C, D, 7, 4, seed=1))
    assert not torch.equal(first.label_encoder[0].weight, other.label_encoder[0].weight)


@pytest.mark.parametrize("kind", ["lstm", "bilstm"])
def test_a_recurrent_encoder_leaves_the_global_random_state_alone(kind):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    METHODS["lcm"](label_encoder=kind).criterion(PLAN)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (nn.Linear(D, 4), r"must turn \(3, 5\) into \(3, 5\), one vector a class as long as the text's, got \(3, 4\)"),
        (nn.Linear(9, D), r"label_encoder fails on label embeddings \(3, 5\)"),
        (lambda C, d: "encoder", "label_encoder must return a torch module, got str"),
    ],
)
def test_a_label_encoder_that_does_not_fit_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        METHODS["lcm"](label_encoder=given).criterion(PLAN)


# --- feature


def twice_the_first_two(output):
    return 2 * output.features[:, :2]


@pytest.mark.parametrize(
    ("feature", "texts"),
    [
        ("pooled", lambda output: output.features),
        ("logits", lambda output: output.logits),
        (twice_the_first_two, twice_the_first_two),
    ],
)
def test_the_feature_is_what_the_class_vectors_are_compared_with(feature, texts):
    criterion = learning(feature=feature)
    part = numbers(criterion)
    expected = by_the_book(part, class_vectors(part), texts(six_texts()[0]))
    assert targets(criterion).numpy() == pytest.approx(np.array(expected), rel=1e-4)
    assert len(part["label_encoder.b_l"]) == texts(six_texts()[0]).shape[1]


def test_the_features_are_told_apart():
    pooled, logits = targets(learning()), targets(learning(feature="logits"))
    assert (pooled - logits).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        (lambda output: output.hidden, "feature must be a function of an Output, it failed"),
        (
            lambda output: output.features.sum(dim=1),
            r"must return \(B, d\), one vector a text; for two texts .* \(2,\)",
        ),
        (nn.Linear(D, 2), "feature must be a function without parameters"),
    ],
)
def test_a_feature_that_is_no_vector_a_text_is_refused(feature, said):
    with pytest.raises(InputError, match=said):
        METHODS["lcm"](feature=feature).criterion(PLAN)


# --- grad


def test_detached_features_spare_the_text_encoder_and_train_the_label_encoder():
    both, detached = learning(), learning(grad="detached-features")
    assert torch.equal(targets(both), targets(detached))  # only the gradient differs
    for criterion, reaches in ((both, True), (detached, False)):
        output, supervision = six_texts()
        criterion(output, supervision).backward()
        assert (output.features.grad is not None) == reaches
        assert output.logits.grad.abs().sum() > 0
        assert all(parameter.grad.abs().sum() > 0 for parameter in criterion.parameters())


# --- mixing


@pytest.mark.parametrize("weight", [0.1, 0.6])
def test_a_mix_is_a_weighted_mean_of_the_label_and_the_confusion_distribution(weight):
    criterion = learning(mixing="mix", mix_weight=weight)
    part = numbers(criterion)
    vectors = class_vectors(part)
    found = targets(criterion)
    for row, v, label in zip(found.tolist(), six_texts()[0].features.tolist(), LABELS.tolist(), strict=True):
        y_c = confusion_of(part, vectors, v)
        assert row == pytest.approx([(1 - weight) * (c == label) + weight * y_c[c] for c in range(C)], rel=1e-4)
    assert (found - targets(learning())).abs().max() > 1e-3


@pytest.mark.parametrize(("name", "options"), [("lcm", {"gold_mass": 0.7}), ("lcm-paper", {"alpha": 2.0})])
@pytest.mark.parametrize("num_classes", [2, 20])
def test_under_a_uniform_confusion_distribution_mix_and_softmax_keep_the_same_mass(name, options, num_classes):
    plan = Plan(num_classes, D, 7, 4)
    y_t, even = torch.eye(num_classes), torch.full((num_classes, num_classes), 1 / num_classes)
    softmax_, mix = (METHODS[name](**options, mixing=mixing).criterion(plan) for mixing in ("softmax", "mix"))
    simulated = lcm.simulated_label_distribution(y_t, even, softmax_.alpha)
    mixed = lcm.mixed_label_distribution(y_t, even, mix.mix_weight)
    assert mixed.numpy() == pytest.approx(simulated.numpy(), rel=1e-5)


def test_a_share_that_underflows_in_a_mix_leaves_loss_and_gradient_finite():
    criterion = learning(mixing="mix", mix_weight=0.5)
    output, supervision = six_texts()
    far = Output(output.logits, output.features * 1000)
    loss = criterion(far, supervision)
    loss.backward()
    assert loss.isfinite()
    assert (criterion.soft_targets(far, supervision) < 1e-37).any()
    assert output.features.grad.isfinite().all()


# --- stop


def test_a_stop_in_steps_is_exact_before_and_after():
    criterion = METHODS["lcm"](stop_step=13).criterion(PLAN)
    output, supervision = six_texts()
    plain = F.cross_entropy(output.logits, LABELS).item()
    criterion.at(12)
    assert criterion(output, supervision).item() == criterion.first(output, supervision).item()
    assert criterion(output, supervision).item() != pytest.approx(plain, rel=1e-3)
    criterion.at(13)
    assert criterion(output, supervision).item() == pytest.approx(plain, rel=1e-6)


def test_the_loss_after_the_stop_may_be_label_smoothing_of_a_tenth():
    output, supervision = six_texts()
    hard, smooth = (METHODS["lcm"](stop=1, after=after).criterion(PLAN) for after in ("ce", "ls"))
    for criterion in (hard, smooth):
        criterion.at(6)
    assert hard(output, supervision).item() == smooth(output, supervision).item()  # before the stop, both are LCM
    for criterion in (hard, smooth):
        criterion.at(7)
    expected = 0.0
    for z, label in zip(output.logits.tolist(), LABELS.tolist(), strict=True):
        p = softmax(z)
        expected -= sum((0.9 * (c == label) + 0.1 / C) * math.log(p[c]) for c in range(C)) / 6
    assert smooth(output, supervision).item() == pytest.approx(expected, rel=1e-5)
    assert hard(output, supervision).item() != pytest.approx(expected, rel=1e-3)


# --- initial label embeddings


def test_the_label_embeddings_start_small_or_normal_or_as_given():
    plan = Plan(200, D, 7, 4)
    small, normal = (METHODS["lcm"](init=init).criterion(plan).label_embeddings for init in ("keras", "normal"))
    assert small.abs().max() <= 0.05
    assert normal.std().item() == pytest.approx(1, abs=0.1)
    assert normal.mean().item() == pytest.approx(0, abs=0.1)


def test_given_label_vectors_are_the_first_embeddings_and_set_their_length():
    vectors = [[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]]
    method = METHODS["lcm-paper"](init=vectors)
    criterion = method.criterion(PLAN)
    assert criterion.label_embeddings.tolist() == vectors
    part = numbers(criterion)
    expected = by_the_book(part, class_vectors(part), six_texts()[0].features)
    assert targets(criterion).numpy() == pytest.approx(np.array(expected), rel=1e-4)
    with torch.no_grad():
        criterion.label_embeddings.zero_()  # one run does not change what the next one starts from
    assert method.criterion(PLAN).label_embeddings.tolist() == vectors


def test_vectors_of_another_number_of_classes_are_refused():
    with pytest.raises(InputError, match="one row a class, in the order of the classes: 3, got 2"):
        METHODS["lcm"](init=np.ones((2, 4))).criterion(PLAN)


# --- what all have in common


@pytest.mark.parametrize(
    "options",
    [
        {"label_encoder": "lstm"},
        {"label_encoder": "attention"},
        {"feature": "logits"},
        {"grad": "detached-features"},
        {"mixing": "mix"},
        {"init": "normal"},
        {"stop_step": 2, "after": "ls"},
    ],
    ids=str,
)
def test_the_options_can_be_written_down_and_build_the_method_and_its_controls_again(options):
    method = METHODS["lcm"](**options)
    assert METHODS.build("lcm", json.loads(json.dumps(dict(method.options)))).options == method.options
    record = [{"from_step": 0, "gold_mass": 0.8, "class_mean": np.eye(C).tolist()}]
    for control in controls(method, record).values():
        assert control.criterion(PLAN)(*six_texts()).isfinite()


def test_low_precision_logits_are_read_in_float32():
    criterion = LabelConfusion(C, D, alpha=1.0, feature="logits", mix_weight=0.5)
    output, supervision = six_texts()
    low = Output(output.logits.bfloat16(), output.features.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert criterion(low, supervision).dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label_encoder": "lstn"}, "label_encoder must be one of 'mlp', 'lstm', 'bilstm', 'attention', got 'lstn'"),
        ({"feature": 3}, "feature must be one of 'pooled', 'logits', got 3"),
        ({"grad": "none"}, "grad must be one of 'both', 'detached-features', got 'none'"),
        ({"mixing": "mixed"}, "mixing must be one of 'softmax', 'mix', got 'mixed' (did you mean 'mix'?)"),
        ({"mix_weight": 0.1}, "mix_weight needs mixing='mix', got mixing='softmax'"),
        ({"mixing": "mix", "mix_weight": 1.0}, "mix_weight must be more than 0 and at most 0.999999, got 1.0"),
        ({"stop": 1, "stop_step": 3}, "give stop (epochs) or stop_step (optimizer steps), got 1 and 3"),
        ({"stop_step": 2.5}, "stop_step must be a whole number, got 2.5"),
        ({"after": "ls"}, "after='ls' needs a stop; give stop (epochs) or stop_step"),
        ({"after": "mse", "stop": 1}, "after must be one of 'ce', 'ls', got 'mse'"),
        ({"init": "zero"}, "init must be one of 'keras', 'normal', got 'zero'"),
        ({"init": [1.0, 2.0]}, "init must have one row a class, (C, e), got shape (2,)"),
        ({"init": [[1.0], [float("nan")]]}, "init must be finite; the vector of class 2 is not"),
        ({"init": [["a"], ["b"]]}, "init must be 'keras', 'normal' or an array of numbers (C, e)"),
        ({"init": [[1.0, 2.0]], "embedding_size": 3}, "init holds label vectors of length 2, and embedding_size=3"),
    ],
)
@pytest.mark.parametrize("name", ["lcm", "lcm-paper"])
def test_an_option_that_is_not_allowed_is_named_with_what_is(name, options, said):
    with pytest.raises(InputError) as error:
        METHODS[name](**options)
    assert str(error.value).startswith(f"{name}: ")
    assert said in str(error.value)
