"""Three ways to train, one answer: our loop, a plain loop and an unmodified Hugging Face Trainer."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sfumato import METHODS
from sfumato.architecture import Training
from sfumato.base import Objective, Output
from sfumato.data import Examples
from sfumato.losses import SoftCrossEntropy
from sfumato.method import Plan
from sfumato.train import Loop

# Few rows of few words: nearly hard soft labels are what to expect, and do not matter here.
pytestmark = pytest.mark.filterwarnings("ignore::sfumato.methods.keyword_labels.KeywordWarning")

CLASSES = ["billing", "delivery", "login"]
WORDS = [
    "invoice",
    "refund",
    "charge",
    "amount",
    "parcel",
    "courier",
    "address",
    "door",
    "password",
    "code",
    "email",
    "card",
]
SPLITS = pytest.mark.parametrize("micro_batches", [1, 2], ids=["8", "2x4"])
NAMES = [*METHODS, "lcm with stop"]
EVERY_METHOD = pytest.mark.parametrize("name", NAMES)
USUAL = {"baseline", "kwls", "lcm with stop", "maskloss-label", "softeda"}  # a kind of criterion each
OTHERS_SLOWLY = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in USUAL else pytest.mark.slow) for name in [*METHODS, "lcm with stop"]],
)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(WORDS), 6)
        self.classifier = nn.Linear(6, 3)

    def forward(self, input_ids):
        features = self.embedding(input_ids).mean(dim=1).tanh()
        return Output(self.classifier(features), features)


class Encoded:
    """Five words a row, as our loop reads them."""

    def __init__(self, texts):
        self.input_ids = np.array([[WORDS.index(word) for word in text.split()] for text in texts])
        self.lengths = np.full(len(texts), 5)

    def __len__(self):
        return len(self.lengths)

    def batch(self, index):
        return {"input_ids": self.input_ids[index]}


@pytest.fixture(scope="module")
def trainer_parts():
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Steps(TrainerCallback):  # the three lines that a user of Trainer adds
        def on_step_end(self, args, state, control, model, **rest):
            model.advance()

    return Trainer, TrainingArguments, TrainerCallback, Steps


def method_of(name):
    return METHODS["lcm"](stop=1) if name == "lcm with stop" else METHODS[name]()


def split_of(method):
    """Eight rows with weights, prepared within a larger split, so that KWLS has something to count."""
    generator = np.random.default_rng(0)
    own = [generator.choice(WORDS[4 * (i % 3) : 4 * (i % 3) + 4], 3) for i in range(48)]
    rows = [[*words, *generator.choice(WORDS, 2)] for words in own]
    weights = generator.random(48) + 0.5
    labels = [CLASSES[i % 3] for i in range(48)]
    examples = Examples.from_labels([" ".join(row) for row in rows], labels, weights=weights)
    votes = np.eye(3)[examples.labels] * 2 + generator.multinomial(3, [1 / 3] * 3, size=48)
    teacher = generator.dirichlet([1, 1, 1], size=48)
    known = replace(examples, votes=votes.astype(np.float32), teacher=teacher.astype(np.float32))
    return method.prepare(known).take(np.arange(8))


def objective_of(method):
    torch.manual_seed(0)
    network = Bag()
    plan = Plan(num_classes=3, num_features=6, steps_per_epoch=1, epochs=2, seed=0, class_shares=(0.5, 0.3, 0.2))
    return Objective(network, method.criterion(plan) if method.criterion else SoftCrossEntropy())


def tensors(examples, index):
    similar = {} if examples.similar is None else {"similar": torch.from_numpy(examples.similar[index])}
    return similar | {
        "input_ids": torch.from_numpy(Encoded(examples.inputs).input_ids[index]),
        "labels": torch.from_numpy(examples.labels[index]),
        "targets": torch.from_numpy(examples.targets.rows(index)),
        "weights": torch.from_numpy(examples.weights[index]),
    }


def gradients(objective):
    return {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}


def plain_loop(objective, examples, micro_batches):
    """What anybody would write: ten lines of PyTorch."""
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1)
    total = 0.0
    for index in np.split(np.arange(8), micro_batches):
        loss = objective(**tensors(examples, index))["loss"] / micro_batches
        loss.backward()
        total += loss.item()
    found = gradients(objective)
    optimizer.step()
    objective.advance()
    return total, found


def native_loop(objective, examples, micro_batches):
    training = Training(batch_size=8 // micro_batches, accumulate=micro_batches, clip=math.inf)
    loop = Loop(objective, examples, Encoded(examples.inputs), training, seed=0, device="cpu", sampling=None)
    loop.mixed = False  # float32 in all three: what is compared is the arithmetic
    found = {}
    loop.optimizer.register_step_pre_hook(lambda *_: found.update(gradients(objective)))
    return loop.step(np.split(np.arange(8), micro_batches)), found


def trainer_loop(objective, examples, micro_batches, parts, folder):
    Trainer, TrainingArguments, TrainerCallback, Steps = parts
    found = {}

    class Look(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model, **rest):
            found.update(gradients(model))

    def collate(rows):
        return tensors(examples, np.array(rows))

    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=8 // micro_batches,
        gradient_accumulation_steps=micro_batches,
        max_steps=1,
        max_grad_norm=0,
        remove_unused_columns=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(
        objective, arguments, train_dataset=list(range(8)), data_collator=collate, callbacks=[Steps(), Look()]
    )
    return trainer.train().training_loss, found


@pytest.fixture
def reference(name):
    """The loss and gradient of the eight rows at once, without any loop."""
    method = method_of(name)
    objective = objective_of(method)
    loss = objective(**tensors(split_of(method), np.arange(8)))["loss"]
    loss.backward()
    return loss.item(), gradients(objective)


def assert_same(found, expected, objective):
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert set(found[1]) == set(expected[1])
    for name, gradient in expected[1].items():
        assert torch.allclose(found[1][name], gradient, rtol=1e-4, atol=1e-7), name
    assert int(objective.step) == 1  # one optimizer step, however many micro-batches


@EVERY_METHOD
@SPLITS
def test_a_plain_loop_gives_the_loss_and_gradient_of_the_whole_batch(name, micro_batches, reference):
    objective = objective_of(method_of(name))
    found = plain_loop(objective, split_of(method_of(name)), micro_batches)
    assert_same(found, reference, objective)


@EVERY_METHOD
@SPLITS
def test_the_native_loop_gives_the_loss_and_gradient_of_the_whole_batch(name, micro_batches, reference):
    objective = objective_of(method_of(name))
    found = native_loop(objective, split_of(method_of(name)), micro_batches)
    assert_same(found, reference, objective)


@OTHERS_SLOWLY
@SPLITS
def test_an_unmodified_trainer_gives_the_loss_and_gradient_of_the_whole_batch(
    name, micro_batches, reference, trainer_parts, tmp_path
):
    objective = objective_of(method_of(name))
    found = trainer_loop(objective, split_of(method_of(name)), micro_batches, trainer_parts, tmp_path)
    assert_same(found, reference, objective)


def test_unequal_micro_batches_count_by_their_rows_in_the_native_loop():
    method = METHODS["lcm"]()
    examples, objective = split_of(method), objective_of(method)
    loop = Loop(
        objective,
        examples,
        Encoded(examples.inputs),
        Training(batch_size=5, accumulate=2),
        seed=0,
        device="cpu",
        sampling=None,
    )
    loop.mixed = False
    whole = objective_of(method)(**tensors(examples, np.arange(8)))["loss"].item()
    assert loop.step([np.arange(5), np.arange(5, 8)]) == pytest.approx(whole, rel=1e-5)


def test_a_stop_after_one_step_holds_under_the_trainer(trainer_parts, tmp_path):
    # Two micro-batches a step: counting forward passes would stop half way through the first step.
    Trainer, TrainingArguments, _, Steps = trainer_parts
    method = METHODS["lcm"](stop=1)
    examples, objective = split_of(method), objective_of(method)
    calls = []
    for part, module in (("lcm", objective.criterion.first), ("hard", objective.criterion.then)):
        module.register_forward_hook(lambda *_, part=part: calls.append(part))
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        max_steps=3,
        remove_unused_columns=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    Trainer(
        objective,
        arguments,
        train_dataset=list(range(8)),
        data_collator=lambda rows: tensors(examples, np.array(rows)),
        callbacks=[Steps()],
    ).train()
    assert calls == ["lcm"] * 2 + ["hard"] * 4


def test_without_targets_the_labels_are_fitted_as_they_are():
    examples = split_of(METHODS["baseline"]())
    objective = objective_of(METHODS["baseline"]())
    batch = tensors(examples, np.arange(8))
    logits = objective(input_ids=batch["input_ids"])["logits"]
    loss = objective(input_ids=batch["input_ids"], labels=batch["labels"])["loss"]
    assert loss.item() == pytest.approx(F.cross_entropy(logits, batch["labels"]).item(), rel=1e-6)
