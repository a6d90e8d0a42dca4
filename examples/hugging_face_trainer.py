"""A method's own loss and targets under an unmodified Hugging Face Trainer, on a tiny BERT of random weights."""

import torch
import transformers as hf

from sfumato import METHODS, Examples
from sfumato.base import Objective
from sfumato.corpus import make_corpus
from sfumato.encode import train_tokenizer
from sfumato.method import Plan
from sfumato.models.transformer import TransformerClassifier


class CountSteps(hf.TrainerCallback):
    """Count optimizer steps: LCM stops after two epochs of them."""

    def on_step_end(self, args, state, control, model, **rest):
        model.advance()


hf.set_seed(0)
corpus, method = make_corpus(240, seed=0, departments=3), METHODS["lcm"](stop=2)
train = method.prepare(Examples.from_labels(corpus.texts, corpus.labels))
tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=train_tokenizer(train.inputs).tokenizer, pad_token="[PAD]")
tokens = tokenizer(train.inputs, padding=True, truncation=True, max_length=64, return_token_type_ids=False)
supervision = {"labels": torch.tensor(train.labels), "targets": torch.tensor(train.targets.dense())}
columns = {**tokens.convert_to_tensors("pt"), **supervision}
rows = [{name: column[k] for name, column in columns.items()} for k in range(len(train))]

sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
bert = hf.BertForSequenceClassification(hf.BertConfig(vocab_size=len(tokenizer), num_labels=3, **sizes))
plan = Plan(num_classes=3, num_features=32, steps_per_epoch=15, epochs=4)  # 240 rows, 16 a step
objective = Objective(TransformerClassifier(bert, num_classes=3), method.criterion(plan))
training = {"num_train_epochs": 4, "per_device_train_batch_size": 16, "learning_rate": 2e-3}
quiet = {"save_strategy": "no", "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False}
arguments = hf.TrainingArguments(**training, **quiet, remove_unused_columns=False)  # Objective reads them all
trainer = hf.Trainer(objective, arguments, train_dataset=rows, callbacks=[CountSteps()])
print("mean loss:", trainer.train().training_loss, "optimizer steps:", int(objective.step))
print("training accuracy:", (trainer.predict(rows).predictions.argmax(axis=1) == train.labels).mean())
