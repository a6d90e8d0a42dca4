import json
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sfumato import METHODS, InputError
from sfumato.base import Output, Supervision, Switch
from sfumato.controls import record_of
from sfumato.method import Plan
from sfumato.methods import lcm
from sfumato.methods.label_confusion import LabelConfusion

LABELS = torch.tensor([0, 1, 2, 0, 1, 1])


def six_texts(C=3, d=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, C, generator=generator).requires_grad_()
    features = torch.randn(6, d, generator=generator).requires_grad_()
    return Output(logits, features), Supervision(LABELS, F.one_hot(LABELS, C).float())


def spread(criterion, seed=1):
    """Move the parameters away from their small initial values, so that the SLD differs from row to row."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in criterion.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return criterion


def softmax_by_the_book(row):
    powers = [math.exp(x) for x in row]
    return [power / sum(powers) for power in powers]


def loss_by_the_book(criterion, output, labels, alpha):
    part = {name: parameter.detach().double().tolist() for name, parameter in criterion.named_parameters()}
    L, W, b = part["label_embeddings"], part["confusion.W"], part["confusion.b"]
    W_l, b_l = part["label_encoder.W_l"], part["label_encoder.b_l"]
    C, e, d = len(L), len(L[0]), len(b_l)
    V_l = [[math.tanh(sum(L[c][i] * W_l[i][j] for i in range(e)) + b_l[j]) for j in range(d)] for c in range(C)]
    total = 0.0
    for v, z, label in zip(output.features.tolist(), output.logits.tolist(), labels.tolist(), strict=True):
        similarity = [sum(V_l[c][j] * v[j] for j in range(d)) for c in range(C)]
        y_c = softmax_by_the_book([sum(similarity[k] * W[k][c] for k in range(C)) + b[c] for c in range(C)])
        y_s = softmax_by_the_book([alpha * (c == label) + y_c[c] for c in range(C)])
        y_p = softmax_by_the_book(z)
        total += sum(s * math.log(s / p) for s, p in zip(y_s, y_p, strict=True))
    return total / len(labels)


@pytest.mark.parametrize(("alpha", "e"), [(4.0, None), (0.5, 2), (1.5, 9)])
def test_loss_is_the_sum_printed_in_the_paper(alpha, e):
    criterion = spread(LabelConfusion(3, 5, alpha=alpha, embedding_size=e))
    output, supervision = six_texts()
    expected = loss_by_the_book(criterion, output, LABELS, alpha)
    assert criterion(output, supervision).item() == pytest.approx(expected, rel=1e-5)


def test_the_loss_is_cross_entropy_minus_the_entropy_of_the_learned_target():
    criterion = spread(LabelConfusion(3, 5, alpha=1.0))
    output, supervision = six_texts()
    y_s = criterion.soft_targets(output, supervision)
    entropy = -(y_s * y_s.log()).sum(dim=1).mean()
    expected = F.cross_entropy(output.logits, y_s) - entropy
    assert criterion(output, supervision).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_gradient_flows_through_both_arguments_of_the_divergence():
    criterion = spread(LabelConfusion(3, 5, alpha=1.0))
    output, supervision = six_texts()
    criterion(output, supervision).backward()
    assert output.logits.grad.abs().sum() > 0  # through the prediction
    assert output.features.grad.abs().sum() > 0  # through the learned target, into the text encoder
    for name, parameter in criterion.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_gradient_agrees_with_finite_differences():
    criterion = spread(LabelConfusion(3, 5, alpha=1.0)).double()
    output, supervision = six_texts()
    v, z = output.features.detach().double().requires_grad_(), output.logits.detach().double().requires_grad_()
    y = supervision.targets.double()

    def loss(v, z, *parameters):
        y_c = lcm.label_confusion_distribution(v, lcm.label_vectors(*parameters[:3]), *parameters[3:])
        y_s = lcm.simulated_label_distribution(y, y_c, 1.0)
        return (y_s * (y_s.log() - z.log_softmax(dim=1))).sum()

    assert torch.autograd.gradcheck(loss, (v, z, *criterion.parameters()))


@pytest.mark.parametrize("name", ["lcm", "lcm-paper"])
def test_detaching_the_target_is_refused_with_the_reason(name):
    with pytest.raises(InputError, match=f"{name}: grad='target-detached' would leave the label encoder at its random"):
        METHODS[name](grad="target-detached")


@pytest.mark.parametrize("C", [2, 4, 20, 134])
@pytest.mark.parametrize("alpha", [0.5, 4.0])
def test_a_uniform_confusion_distribution_is_label_smoothing_of_the_equivalent_strength(C, alpha):
    labels = torch.arange(C)
    y_s = lcm.simulated_label_distribution(F.one_hot(labels).double(), torch.full((C, C), 1 / C).double(), alpha)
    eps = lcm.equivalent_smoothing(alpha, C)
    assert y_s.numpy() == pytest.approx((1 - eps) * np.eye(C) + eps / C, rel=1e-9)
    assert y_s.diagonal().numpy() == pytest.approx(lcm.label_mass(alpha, C), rel=1e-9)


@pytest.mark.parametrize(
    ("C", "mass"), [(4, 0.948), (14, 0.808), (20, 0.742), (54, 0.507), (134, 0.291), (1000, 0.052)]
)
def test_the_papers_alpha_flattens_the_target_as_the_classes_grow(C, mass):
    # Hand calculation: e^4 / (e^4 + C - 1) with e^4 = 54.598.
    assert lcm.label_mass(4.0, C) == pytest.approx(mass, abs=6e-4)
    assert lcm.label_mass(lcm.alpha_for(0.9, C), C) == pytest.approx(0.9)


def test_the_papers_alpha_at_twenty_classes_equals_smoothing_of_more_than_a_quarter():
    # 20 / (e^4 + 19) = 20 / 73.598; the label smoothing that the paper compares with has 0.1.
    assert lcm.equivalent_smoothing(4.0, 20) == pytest.approx(0.2717, abs=1e-4)


def test_alpha_one_half_does_not_keep_the_label_on_top_though_the_paper_says_so():
    on_a_wrong_class = torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    y_t = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    y_s = lcm.simulated_label_distribution(y_t, on_a_wrong_class, 0.5)[0]
    # e^.5 and e^1 and 1 and 1, over their sum 6.367
    assert y_s.tolist() == pytest.approx([0.2589, 0.4269, 0.1571, 0.1571], abs=1e-4)


def test_above_alpha_one_the_label_stays_on_top_and_at_one_a_tie_can_happen():
    worst = torch.tensor([[0.0, 1.0, 0.0]])
    y_t = torch.tensor([[1.0, 0.0, 0.0]])
    above = lcm.simulated_label_distribution(y_t, worst, 1.01)[0]
    at_one = lcm.simulated_label_distribution(y_t, worst, 1.0)[0]
    assert above[0] > above[1]
    assert at_one[0] == at_one[1]


def test_a_large_alpha_is_cross_entropy_with_the_hard_label():
    output, supervision = six_texts()
    loss = spread(LabelConfusion(3, 5, alpha=lcm.LARGEST_ALPHA))(output, supervision)
    assert loss.item() == pytest.approx(F.cross_entropy(output.logits, LABELS).item(), rel=1e-6)
    loss.backward()
    assert output.features.grad.isfinite().all()


def test_the_stop_is_exact_before_and_after():
    criterion = METHODS["lcm-paper"](stop=2).criterion(Plan(3, 5, steps_per_epoch=7, epochs=4))
    output, supervision = six_texts()
    plain = F.cross_entropy(output.logits, LABELS).item()
    criterion.at(13)
    learned = criterion.first(output, supervision).item()
    assert criterion(output, supervision).item() == learned
    assert learned != pytest.approx(plain, rel=1e-3)
    criterion.at(14)
    assert criterion(output, supervision).item() == pytest.approx(plain, rel=1e-6)


def test_without_a_stop_the_targets_are_learned_to_the_end():
    criterion = METHODS["lcm-paper"]().criterion(Plan(3, 5, 7, 4))
    assert isinstance(criterion, LabelConfusion)
    assert isinstance(METHODS["lcm-paper"](stop=0).criterion(Plan(3, 5, 7, 4)), Switch)


def test_the_two_names_differ_in_alpha_alone():
    plan = Plan(20, 5, 7, 4)
    assert METHODS["lcm-paper"]().criterion(plan).alpha == 4.0
    assert METHODS["lcm"]().criterion(plan).alpha == pytest.approx(math.log(0.9 * 19 / 0.1))


def test_label_embeddings_start_small_and_can_be_read():
    criterion = METHODS["lcm"](embedding_size=7).criterion(Plan(30, 5, 7, 4))
    embeddings = criterion.label_embeddings
    assert embeddings.shape == (30, 7)
    assert 0.045 < embeddings.abs().max() <= 0.05
    assert METHODS["lcm"]().criterion(Plan(30, 5, 7, 4)).label_embeddings.shape == (30, 5)


def test_building_it_leaves_the_global_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first, second = (METHODS["lcm"]().criterion(Plan(3, 5, 7, 4, seed=seed)) for seed in (0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert not torch.equal(first.label_embeddings, second.label_embeddings)


def test_low_precision_activations_are_scored_in_float32():
    criterion = spread(LabelConfusion(3, 5, alpha=1.0))
    output, supervision = six_texts()
    low = Output(output.logits.bfloat16(), output.features.bfloat16())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = criterion(low, supervision)
    same = criterion(Output(low.logits.float(), low.features.float()), supervision)
    assert loss.dtype == torch.float32
    assert loss.item() == same.item()


def test_example_weights_scale_the_rows():
    criterion = spread(LabelConfusion(3, 5, alpha=1.0))
    output, supervision = six_texts()
    only_first = torch.tensor([6.0, 0, 0, 0, 0, 0])
    first = criterion(Output(output.logits[:1], output.features[:1]), Supervision(LABELS[:1], supervision.targets[:1]))
    assert criterion(output, supervision._replace(weights=only_first)).item() == pytest.approx(first.item(), rel=1e-6)


def test_the_record_holds_the_mean_target_of_each_class_and_epoch():
    criterion = spread(LabelConfusion(3, 5, alpha=1.0, record_every=2))
    seen = [[], []]
    for step in range(4):
        output, supervision = six_texts(seed=step)
        criterion.at(step)
        criterion(output, supervision)
        seen[step // 2].append(criterion.soft_targets(output, supervision).detach())
    record = criterion.record
    assert [entry["from_step"] for entry in record] == [0, 2]
    labels = LABELS.repeat(2)
    for entry, targets in zip(record, map(torch.cat, seen), strict=True):
        gold = sum(targets[i, labels[i]].item() for i in range(12)) / 12
        assert entry["gold_mass"] == pytest.approx(gold, rel=1e-5)
        for k in range(3):
            rows = [targets[i].tolist() for i in range(12) if labels[i] == k]
            assert entry["class_mean"][k] == pytest.approx(np.mean(rows, axis=0), rel=1e-5)
    assert json.loads(json.dumps(record)) == record


def test_a_class_that_no_text_had_gets_the_mean_mass():
    criterion = LabelConfusion(4, 5, alpha=1.0)
    criterion(*six_texts(C=4))  # no row has class 3
    entry = criterion.record[0]
    assert entry["class_mean"][3][3] == pytest.approx(entry["gold_mass"], rel=1e-6)
    assert sum(entry["class_mean"][3]) == pytest.approx(1, rel=1e-6)


def test_evaluation_and_the_epochs_after_the_stop_are_not_recorded():
    criterion = LabelConfusion(3, 5, alpha=1.0).eval()
    criterion(*six_texts())
    assert criterion.record == []
    criterion.train()(*six_texts())
    assert len(criterion.record) == 1
    stopped = METHODS["lcm"](stop=1).criterion(Plan(3, 5, 10, 4))
    for step in (0, 5, 10, 20):
        stopped.at(step)
        stopped(*six_texts())
    assert [entry["from_step"] for entry in record_of(stopped)] == [0]


def test_a_step_count_that_goes_back_starts_the_record_afresh():
    criterion = LabelConfusion(3, 5, alpha=1.0, record_every=2)
    for step in (0, 2, 4, 0):
        criterion.at(step)
        criterion(*six_texts())
    assert [entry["from_step"] for entry in criterion.record] == [0]


def test_the_record_is_not_in_the_saved_state():
    learned = {"label_embeddings", "label_encoder.W_l", "label_encoder.b_l", "confusion.W", "confusion.b"}
    assert set(LabelConfusion(3, 5, alpha=1.0).state_dict()) == learned


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lcm-paper", {"alpha": 0}, "lcm-paper: alpha must be more than 0 and at most 50, got 0"),
        ("lcm-paper", {"alpha": float("nan")}, "alpha must be more than 0"),
        ("lcm-paper", {"alpha": "four"}, "alpha must be a number, got 'four'"),
        ("lcm", {"gold_mass": 1.0}, "lcm: gold_mass must be more than 0 and at most 0.999999, got 1.0"),
        ("lcm", {"stop": -1}, "lcm: stop must be at least 0, got -1"),
        ("lcm", {"embedding_size": 2.5}, "lcm: embedding_size must be a whole number of at least 1, got 2.5"),
        ("lcm", {"alpha": 3}, "lcm has no option 'alpha'; it takes: gold_mass, stop"),
    ],
)
def test_an_option_out_of_range_is_named_with_its_range(name, options, message):
    with pytest.raises(InputError) as error:
        METHODS.build(name, options)
    assert message in str(error.value)


def test_a_mass_that_cannot_stand_out_is_refused_once_the_classes_are_known():
    method = METHODS["lcm"](gold_mass=0.2)
    assert method.criterion(Plan(6, 5, 7, 4)).alpha > 0
    with pytest.raises(InputError, match=r"gold_mass must be more than 1/C = 0.25 for 4 classes, got 0.2"):
        method.criterion(Plan(4, 5, 7, 4))


def test_the_options_can_be_listed_without_torch():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from sfumato import METHODS\n"
        "print(list(METHODS.schema('lcm'))[:2], METHODS['lcm']().needs_training)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['gold_mass', 'stop'] True"
