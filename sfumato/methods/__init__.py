"""The methods, one file a paper. `METHODS` maps a name to the function that builds it."""

from sfumato.method import Method
from sfumato.registry import Registry

METHODS: Registry[Method] = Registry(
    "method",
    {
        "baseline": "sfumato.methods.label_smoothing:baseline",
        "label-smoothing": "sfumato.methods.label_smoothing:label_smoothing",
        "kwls": "sfumato.methods.kwls:kwls",
        "kwls-paper": "sfumato.methods.kwls:kwls_paper",
        "kwls-official": "sfumato.methods.kwls_official:kwls_official",
        "tfidf": "sfumato.methods.tfidf:tfidf",
        "label-similarity": "sfumato.methods.label_similarity:label_similarity",
        "self-distillation": "sfumato.methods.self_distillation:self_distillation",
        "self-distillation-paper": "sfumato.methods.self_distillation:self_distillation_paper",
        "votes": "sfumato.methods.votes:votes",
        "lcm": "sfumato.methods.lcm:lcm",
        "lcm-paper": "sfumato.methods.lcm:lcm_paper",
        "baseline-sigmoid": "sfumato.methods.maskloss:baseline_sigmoid",
        "maskloss-label": "sfumato.methods.maskloss:maskloss_label",
        "maskloss-elem": "sfumato.methods.maskloss_elem:maskloss_elem",
        "aeda": "sfumato.methods.aeda:aeda",
        "eda": "sfumato.methods.eda:eda",
        "softeda": "sfumato.methods.eda:softeda",
        "lcda-text": "sfumato.methods.lcda:lcda_text",
        "lcda": "sfumato.methods.lcda:lcda",
        "adaptive": "sfumato.methods.adaptive:adaptive",
        "adaptive-fast": "sfumato.methods.adaptive:adaptive_fast",
        "confident-learning": "sfumato.methods.confident_learning:confident_learning",
        "class-weights": "sfumato.methods.class_weights:class_weights",
        "logit-adjustment": "sfumato.methods.logit_adjustment:logit_adjustment",
    },
)
