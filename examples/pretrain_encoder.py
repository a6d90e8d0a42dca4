"""Pre-train an encoder of characters by masked words, on the training texts of the Chinese sets or on a file of yours.

Run: python examples/pretrain_encoder.py encoder/ --data FOLDER
     python examples/pretrain_encoder.py encoder/ --texts texts.txt --steps 5000      (a text a line)

The same command goes on where it was stopped, to the weights that the unbroken run would have had. The folder then has
a BERT for `AutoModel`, its tokenizer for `AutoTokenizer` and the curve of the loss; `--set model.encoder=encoder/`
takes it. On a GPU: --layers 6 --hidden 384. J. Devlin and others, "BERT", NAACL 2019, section 3.1, task 1.

Trained is on the published training rows alone. The sets `thucnews-titles` and `toutiao` keep their test rows, but a
table that draws random splits of `fdcnews` then tests on texts that this encoder has read, without their labels.
"""

import argparse
import json
import math
import os
import time
from collections import Counter
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch.nn import functional as F
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast
from transformers.utils import logging

from sfumato import InputError
from sfumato.datasets import load
from sfumato.encode import TokenEncoder
from sfumato.limits import check_device, precision
from sfumato.registry import check_range, check_whole

SETS = ("thucnews-titles", "toutiao", "fdcnews")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PAD, MASK = SPECIAL.index("[PAD]"), SPECIAL.index("[MASK]")
SAID = 100  # steps between two points of the curve
LEAST = {
    "layers": 1,
    "hidden": 1,
    "steps": 1,
    "batch": 1,
    "max_length": 3,
    "vocabulary": len(SPECIAL) + 1,
    "pieces": 1,
    "seed": 0,
}
BUCKET = 50  # batches that are sorted by length together, so that little is padded


@dataclass(frozen=True)
class Settings:
    """What decides a run; another one does not go on from its checkpoint."""

    layers: int = 4
    hidden: int = 256
    steps: int = 20_000
    batch: int = 64
    max_length: int = 64
    vocabulary: int = 8000
    lr: float = 5e-4
    warmup: float = 0.05  # share of the steps
    weight_decay: float = 0.01
    dropout: float = 0.0  # while pre-training: few passes over the texts need none; the saved encoder has BERT's .1
    share: float = 0.15  # of the characters, that are to be guessed
    pieces: int = 4  # of one text at most, so that a few long articles do not crowd out all the titles
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            check_whole("pretrain_encoder", name, getattr(self, name), least)
        for name in ("lr", "warmup", "weight_decay", "share"):
            check_range("pretrain_encoder", name, getattr(self, name), 0, 1, open_low=name in ("lr", "share"))
        check_range("pretrain_encoder", "dropout", self.dropout, 0, 0.9)
        if self.hidden % max(self.hidden // 64, 1):  # the number of heads
            raise InputError(f"hidden must be a multiple of hidden // 64, the number of heads, got {self.hidden}")


def read_texts(data: str | None, file: str | None, max_length: int, pieces: int) -> list[str]:
    """Return the texts to learn from; long ones are cut into at most ``pieces`` of ``max_length`` characters."""
    if file is not None:
        try:
            texts = Path(file).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{file} is not UTF-8 (byte {error.start}); save it as UTF-8 and try again") from error
    else:
        texts = [text for name in SETS for text in load(name, data=data).splits["train"].inputs]
    room = max_length - 2  # [CLS] and [SEP]
    flat = (" ".join(text.split()) for text in texts)
    cut = [text[start : start + room] for text in flat for start in range(0, min(len(text), pieces * room), room)]
    if not cut:
        raise InputError(f"{file or data} has no text to learn from")
    return cut


def character_tokenizer(texts: list[str], vocabulary: int) -> Tokenizer:
    """Return a tokenizer of single characters, lower-cased, with the marks of BERT around each text."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.lower())
    del counts[" "]
    commonest = sorted(counts, key=lambda character: (-counts[character], character))[: vocabulary - len(SPECIAL)]
    tokenizer = Tokenizer(models.WordLevel({name: k for k, name in enumerate([*SPECIAL, *commonest])}, "[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False, lowercase=True)
    single = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), single])
    marks = [(name, SPECIAL.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    return tokenizer


def batches(lengths: np.ndarray, batch: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the rows of each batch of an epoch: shuffled, sorted by length inside buckets, shuffled again."""
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(lengths))
    found: list[np.ndarray] = []
    for start in range(0, len(order), batch * BUCKET):
        bucket = order[start : start + batch * BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        found += [bucket[first : first + batch] for first in range(0, len(bucket), batch)]
    return [found[k] for k in rng.permutation(len(found))]


def masked(ids: torch.Tensor, share: float, vocabulary: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Hide a share of the characters, (B, L): of these 80 % are [MASK], 10 % another character, 10 % as they were.

    Returns the ids to read, and which positions are to be guessed; at least one of the batch.
    """
    real = ids >= len(SPECIAL)
    asked = (torch.rand(ids.shape, generator=rng) < share) & real
    if not asked.any():
        asked.view(-1)[real.view(-1).nonzero()[:1]] = True
    how = torch.rand(ids.shape, generator=rng)
    other = torch.randint(len(SPECIAL), max(vocabulary, len(SPECIAL) + 1), ids.shape, generator=rng)
    read = torch.where(asked & (how < 0.8), MASK, torch.where(asked & (how >= 0.9), other, ids))
    return read, asked


class Pretraining:
    """A run: the model, its optimizer, and the step that it has come to."""

    def __init__(self, settings: Settings, tokenizer: Tokenizer, texts: list[str], device: torch.device) -> None:
        self.settings, self.device, self.step = settings, device, 0
        self.losses: list[tuple[int, float]] = []
        self.texts, self.encoder = texts, TokenEncoder(tokenizer, PAD)
        self.lengths = np.array([len(text) for text in texts])
        self.epoch: tuple[int, list[np.ndarray]] = (-1, [])
        self.vocabulary = tokenizer.get_vocab_size()
        torch.manual_seed(settings.seed)
        self.model = BertForMaskedLM(
            BertConfig(
                vocab_size=self.vocabulary,
                hidden_size=settings.hidden,
                num_hidden_layers=settings.layers,
                num_attention_heads=max(settings.hidden // 64, 1),
                intermediate_size=4 * settings.hidden,
                max_position_embeddings=settings.max_length,  # no others are trained
                pad_token_id=PAD,
                hidden_dropout_prob=settings.dropout,
                attention_probs_dropout_prob=settings.dropout,
                attn_implementation="eager" if device.type == "cpu" else "sdpa",  # there 2 times faster, fused is slow
            )
        ).to(device)
        self.named = dict(self.model.named_parameters())  # tied ones once
        parts = [[p for p in self.named.values() if (p.ndim > 1) == matrix] for matrix in (True, False)]
        decays = (settings.weight_decay, 0.0)  # matrices alone shrink
        groups = [{"params": part, "weight_decay": decay} for part, decay in zip(parts, decays, strict=True)]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.lr, fused=True)
        self.mixed = precision(device) == "bf16"

    def rate(self) -> float:
        """Return the learning rate of this step: up to its height, then linearly to zero."""
        rise = max(self.settings.warmup * self.settings.steps, 1)
        fall = max(self.settings.steps - rise, 1)
        return self.settings.lr * min((self.step + 1) / rise, max(self.settings.steps - self.step, 0) / fall)

    def inputs(self) -> dict[str, torch.Tensor]:
        """Return the ids and the mask of this step's texts, (B, L), which are turned into ids only now."""
        epoch, number = divmod(self.step, math.ceil(len(self.texts) / self.settings.batch))
        if self.epoch[0] != epoch:
            self.epoch = epoch, batches(self.lengths, self.settings.batch, self.settings.seed, epoch)
        rows = self.epoch[1][number]
        encoded = self.encoder.encode([self.texts[row] for row in rows], self.settings.max_length)
        return {name: torch.from_numpy(array) for name, array in encoded.batch(np.arange(len(rows))).items()}

    def advance(self) -> float:
        """Do one step; all of its chance follows from the seed and its number, so that a run can be broken anywhere."""
        inputs = self.inputs()
        drawn = int(np.random.SeedSequence((self.settings.seed, self.step)).generate_state(1)[0])
        torch.manual_seed(drawn)  # of dropout
        rng = torch.Generator().manual_seed(drawn)
        read, asked = masked(inputs["input_ids"], self.settings.share, self.vocabulary, rng)
        gold, asked = inputs["input_ids"][asked].to(self.device), asked.to(self.device)
        self.model.train()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.mixed):
            states = self.model.bert(read.to(self.device), inputs["attention_mask"].to(self.device)).last_hidden_state
            logits = self.model.cls(states[asked])  # only those to be guessed: most of the work would be the rest
        loss = F.cross_entropy(logits.float(), gold, reduction="sum") / max(len(gold), 1)  # none: only rare characters
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate()
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.named.values(), 1.0)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def save(self, folder: Path, about: dict) -> None:
        """Write parameters and moments, then the file that names them; the checkpoint before stands until then."""
        tensors = {f"parameter.{name}": p.detach() for name, p in self.named.items()}
        for name, p in self.named.items():
            moments = self.optimizer.state.get(p, {})
            tensors |= {f"{key}.{name}": value for key, value in moments.items()}
        file = folder / f"checkpoint-{self.step}.safetensors"
        save_file({name: value.contiguous().cpu() for name, value in tensors.items()}, file)
        state = {**about, "step": self.step, "file": file.name, "losses": self.losses}
        partial = folder / "checkpoint.json.partial"
        partial.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        os.replace(partial, folder / "checkpoint.json")
        for old in folder.glob("checkpoint-*.safetensors"):
            if old != file:
                old.unlink()

    def resume(self, folder: Path, about: dict) -> None:
        """Go on from the checkpoint of a folder, if it has one; raise if that is of another run."""
        path = folder / "checkpoint.json"
        if not path.is_file():
            return
        state = json.loads(path.read_text(encoding="utf-8"))
        differs = [name for name, value in about.items() if state.get(name) != value]
        if differs:
            raise InputError(f"{path} is of a run with other {' and '.join(differs)}; choose another folder")
        tensors = load_file(folder / state["file"], device=str(self.device))
        with torch.no_grad():
            for name, p in self.named.items():
                p.copy_(tensors[f"parameter.{name}"])
                self.optimizer.state[p] = {key: tensors[f"{key}.{name}"] for key in ("step", "exp_avg", "exp_avg_sq")}
        self.step, self.losses = state["step"], [(step, loss) for step, loss in state["losses"]]


def draw_curve(losses: list[tuple[int, float]], path: Path) -> None:
    """Draw the loss, in nats a character, along the steps."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axis = figure.subplots()
    axis.plot(*zip(*losses, strict=True))
    axis.set(xlabel="step", ylabel="loss of a hidden character (nats)")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


def finish(run: Pretraining, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the encoder and its tokenizer as `AutoModel` and `AutoTokenizer` read them, and the curve."""
    logging.disable_progress_bar()
    config = run.model.bert.config
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.1  # for who trains it on
    run.model.bert.save_pretrained(folder)
    names = {f"{name.strip('[]').lower()}_token": name for name in SPECIAL}
    tokenizer.no_truncation()
    length = run.model.config.max_position_embeddings
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=length, **names).save_pretrained(folder)
    if run.losses:
        draw_curve(run.losses, folder / "loss.svg")


def pretrain(settings: Settings, texts: list[str], folder: Path, *, device: str, save_every: int, stop: int) -> None:
    """Train to the last step, or to ``stop``, with a checkpoint every ``save_every`` steps."""
    check_whole("pretrain_encoder", "save_every", save_every, 1)
    check_whole("pretrain_encoder", "stop", stop, 0)
    check_device(device)
    if find_spec("matplotlib") is None:
        raise InputError("the curve of the loss is drawn by matplotlib, which is not installed: pip install matplotlib")
    folder.mkdir(parents=True, exist_ok=True)
    about = {"settings": asdict(settings), "texts": sha256("\n".join(texts).encode()).hexdigest()}
    tokenizer = character_tokenizer(texts, settings.vocabulary)
    run = Pretraining(settings, tokenizer, texts, torch.device(device))
    run.resume(folder, about)
    size = sum(p.numel() for p in run.named.values())
    print(f"{len(texts):,} pieces, {run.vocabulary} characters, {size:,} parameters, from step {run.step}", flush=True)
    seen, start, begun = [], run.step, time.monotonic()
    last = min(settings.steps, stop or settings.steps)
    while run.step < last:
        seen.append(run.advance())
        if run.step % SAID == 0 or run.step == last:
            run.losses.append((run.step, sum(seen) / len(seen)))
            left = (last - run.step) * (time.monotonic() - begun) / (run.step - start)
            print(f"step {run.step:,}  loss {run.losses[-1][1]:.3f}  {left / 60:.0f} minutes left", flush=True)
            seen = []
        if run.step % save_every == 0 or run.step == last:
            run.save(folder, about)
    finish(run, tokenizer, folder)
    print(f"saved: {folder}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", help="folder of the data sets; else that of SFUMATO_DATA")
    parser.add_argument("--texts", help="a file with a text a line, in place of the sets")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--save-every", type=int, default=500, help="steps between two checkpoints")
    parser.add_argument("--stop", type=int, default=0, help="stop at this step; the same command without it goes on")
    for name, value in asdict(Settings()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = parser.parse_args()
    told = {"device": given.device, "save_every": given.save_every, "stop": given.stop}
    try:
        settings = Settings(**{name: getattr(given, name) for name in asdict(Settings())})
        texts = read_texts(given.data, given.texts, settings.max_length, settings.pieces)
        pretrain(settings, texts, given.folder, **told)
    except (InputError, OSError) as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
