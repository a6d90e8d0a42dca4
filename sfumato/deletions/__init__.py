"""What a trained model says of a text without one of its words: of every text, without every word.

The words of a text are the tokens of its model, grouped: a deletion takes the tokens of a word out of the row that the
model reads, and nothing else changes. `word_drops` is what MaskLoss reads off; `logits_without` is the fast part. No
torch is imported before a model is asked.
"""

from sfumato.deletions.answers import logits_without
from sfumato.deletions.drops import WordDrops, word_drops
from sfumato.deletions.words import Words, words_of

__all__ = ["WordDrops", "Words", "logits_without", "word_drops", "words_of"]
