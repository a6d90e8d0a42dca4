"""scikit-learn: estimators that take part in pipelines, searches and cross-validation.

`SoftLabelClassifier` trains any model with any method on texts; `KeywordSmoother`, `TfidfSmoother`,
`LabelSmoother` and `SimilaritySmoother` turn labels into soft targets; `SoftTargetClassifier` lets another classifier
learn from soft targets.
"""

from sfumato.integrations.sklearn.classifier import SoftLabelClassifier as SoftLabelClassifier
from sfumato.integrations.sklearn.smoother import KeywordSmoother as KeywordSmoother
from sfumato.integrations.sklearn.smoother import LabelSmoother as LabelSmoother
from sfumato.integrations.sklearn.smoother import SimilaritySmoother as SimilaritySmoother
from sfumato.integrations.sklearn.smoother import TfidfSmoother as TfidfSmoother
from sfumato.integrations.sklearn.soft_target import SoftTargetClassifier as SoftTargetClassifier

__all__ = [
    "KeywordSmoother",
    "LabelSmoother",
    "SimilaritySmoother",
    "SoftLabelClassifier",
    "SoftTargetClassifier",
    "TfidfSmoother",
]
