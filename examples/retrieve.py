"""Find the sentence that answers a question: by words, by a small dual encoder with soft targets, and by both."""

from sfumato.architecture import Training
from sfumato.retrieval import build, fit
from sfumato.retrieval.lexical import BM25, fused
from sfumato.retrieval.ranking import evaluate
from sfumato.retrieval.search import top_k

PLACES = ("Oslo", "Lima", "Cairo", "Delhi", "Tokyo", "Rome", "Quito", "Accra", "Dhaka", "Paris", "Hanoi", "Kabul")
THINGS = {"bridge": "cross", "tower": "climb", "river": "swim", "market": "shop", "museum": "learn"}


def main() -> None:
    pairs = [(place, thing) for place in PLACES for thing in THINGS]
    task = build(
        {
            "question": [f"Where in {place} do people {THINGS[thing]}?" for place, thing in pairs],
            "sentence": [f"The {thing} of {place} is open all day." for place, thing in pairs],
        }
    )
    train, test = task.split(0.25, seed=0)
    small = Training(epochs=30, batch_size=16, lr=0.01, max_length=16)
    retriever = fit(task, train, model="bag", method="kwls", dev=None, training=small)
    words = BM25(task.corpus.sentences).top_k(test.texts, 10)
    vectors = top_k(retriever.encode_questions(test.texts), retriever.encode_sentences(task.corpus.sentences), 10)
    for name, found in (("BM25", words), ("dual encoder", vectors), ("both", fused(words, vectors))):
        print(f"{name:13} recall@1 {evaluate(found, test.positives)['recall@1']:.2f} on {len(test)} new questions")


if __name__ == "__main__":
    main()
