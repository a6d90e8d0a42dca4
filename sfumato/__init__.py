"""Turns hard labels into soft ones and trains better text classifiers with them.

Nothing heavy is imported here: each public name is resolved when it is first used (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sfumato.auditing.audit import Audit as Audit
    from sfumato.auditing.audit import audit as audit
    from sfumato.augmentation.augment import augment as augment
    from sfumato.comparison import Comparison as Comparison
    from sfumato.comparison import compare as compare
    from sfumato.data import Examples as Examples
    from sfumato.datasets.load import load_dataset as load_dataset
    from sfumato.errors import InputError as InputError
    from sfumato.fitting import fit as fit
    from sfumato.integrations.sklearn import KeywordSmoother as KeywordSmoother
    from sfumato.integrations.sklearn import LabelSmoother as LabelSmoother
    from sfumato.integrations.sklearn import SimilaritySmoother as SimilaritySmoother
    from sfumato.integrations.sklearn import SoftLabelClassifier as SoftLabelClassifier
    from sfumato.integrations.sklearn import SoftTargetClassifier as SoftTargetClassifier
    from sfumato.integrations.sklearn import TfidfSmoother as TfidfSmoother
    from sfumato.method import Method as Method
    from sfumato.method import combine as combine
    from sfumato.methods import METHODS as METHODS
    from sfumato.model import Model as Model
    from sfumato.model import load as load
    from sfumato.models import MODELS as MODELS
    from sfumato.softening import SoftTargets as SoftTargets
    from sfumato.softening import soften as soften

__version__ = "0.1.0"

_WHERE = {
    "Audit": "sfumato.auditing.audit",
    "Comparison": "sfumato.comparison",
    "Examples": "sfumato.data",
    "InputError": "sfumato.errors",
    "KeywordSmoother": "sfumato.integrations.sklearn",
    "LabelSmoother": "sfumato.integrations.sklearn",
    "METHODS": "sfumato.methods",
    "MODELS": "sfumato.models",
    "Method": "sfumato.method",
    "Model": "sfumato.model",
    "SimilaritySmoother": "sfumato.integrations.sklearn",
    "SoftLabelClassifier": "sfumato.integrations.sklearn",
    "SoftTargetClassifier": "sfumato.integrations.sklearn",
    "SoftTargets": "sfumato.softening",
    "TfidfSmoother": "sfumato.integrations.sklearn",
    "audit": "sfumato.auditing.audit",
    "augment": "sfumato.augmentation.augment",
    "combine": "sfumato.method",
    "compare": "sfumato.comparison",
    "fit": "sfumato.fitting",
    "load": "sfumato.model",
    "load_dataset": "sfumato.datasets.load",
    "soften": "sfumato.softening",
}

__all__ = [
    "METHODS",
    "MODELS",
    "Audit",
    "Comparison",
    "Examples",
    "InputError",
    "KeywordSmoother",
    "LabelSmoother",
    "Method",
    "Model",
    "SimilaritySmoother",
    "SoftLabelClassifier",
    "SoftTargetClassifier",
    "SoftTargets",
    "TfidfSmoother",
    "__version__",
    "audit",
    "augment",
    "combine",
    "compare",
    "fit",
    "load",
    "load_dataset",
    "soften",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'sfumato' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
