"""Soft labels with scikit-learn: a search over methods, and another classifier that learns from soft targets.

Run: python examples/scikit_learn.py
"""

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sfumato import KeywordSmoother, SoftLabelClassifier, SoftTargetClassifier
from sfumato.corpus import make_corpus

train, test = make_corpus(300, seed=0, departments=4), make_corpus(300, seed=1, departments=4)

grid = [
    {"method": ["baseline"]},
    {"method": ["label-smoothing"], "method__smoothing": [0.1, 0.3]},
    {"method": ["kwls"], "method__weight": [0.1, 0.3]},
]
search = GridSearchCV(SoftLabelClassifier(model="linear"), grid, cv=2, scoring="neg_log_loss")
search.fit(train.texts, train.labels)
print("chosen:", search.best_params_)
print(f"test accuracy: {search.best_estimator_.score(test.texts, test.labels):.3f}")

targets = KeywordSmoother(weight=0.3).fit_transform(train.texts, train.labels)  # (N, C)
pipeline = make_pipeline(TfidfVectorizer(), SoftTargetClassifier(LogisticRegression(C=10)))
pipeline.fit(train.texts, train.labels, softtargetclassifier__soft_targets=targets)
print(f"logistic regression on soft targets: {pipeline.score(test.texts, test.labels):.3f}")
