"""The models, one file an architecture. `MODELS` maps a name to the function that builds it."""

from sfumato.architecture import Architecture
from sfumato.registry import Registry

MODELS: Registry[Architecture] = Registry(
    "model",
    {
        "linear": "sfumato.models.linear:linear",
        "bag": "sfumato.models.bag:bag",
        "textcnn": "sfumato.models.textcnn:textcnn",
        "lstm": "sfumato.models.lstm:lstm",
        "textrnn": "sfumato.models.textrnn:textrnn",
        "transformer": "sfumato.models.transformer:transformer",
        "transformer-cnn": "sfumato.models.transformer_cnn:transformer_cnn",
        "image-cnn": "sfumato.models.image_cnn:image_cnn",
    },
)
