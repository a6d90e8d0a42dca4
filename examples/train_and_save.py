"""Train a classifier on soft labels, save it, load it back, predict and measure.

Run: python examples/train_and_save.py [FOLDER]
"""

import sys
from pathlib import Path

import sfumato
from sfumato.corpus import make_corpus

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".") / "model"
train, test = make_corpus(400, seed=0, departments=4), make_corpus(200, seed=1, departments=4)

model = sfumato.fit({"text": train.texts, "label": train.labels}, model="linear", method="kwls", seed=0)
model.save(folder, overwrite=True)

loaded = sfumato.load(folder)
probabilities = loaded.predict_proba(test.texts)  # (N, C), calibrated on the dev rows
for text, name, row in zip(test.texts[:3], loaded.predict(test.texts[:3]), probabilities, strict=False):
    print(f"{row.max():.2f}  {name}: {text}")

evaluation = loaded.evaluate({"text": test.texts, "label": test.labels}, text="text", label="label")
for name, interval in evaluation.metrics.items():
    print(f"{name}: {interval.value:.3f} (95 % from {interval.low:.3f} to {interval.high:.3f})")
print(f"saved: {folder}")
