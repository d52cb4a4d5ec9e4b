"""What people use for short texts: logistic regression on TF-IDF of words or characters, or fastText. Prints JSON.

    python benchmarks/peers/texts_usual.py LIST.csv --method words|characters|fasttext

Nothing here is plusx. The list has the columns text, label and split. Settings are chosen by the val split;
`duration_s` is that of the chosen training alone, from the texts to the model, without the search for it.
"""

# fastText is no dependency of this project.
# pyright: reportMissingImports=false
from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

MOST = 50_000
"""Features of TF-IDF, the commonest."""
Answer = Callable[[Sequence[str]], Sequence[str]]


class Part(NamedTuple):
    """Texts of a split, and their labels."""

    texts: list[str]
    labels: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path)
    parser.add_argument("--method", choices=METHODS, required=True)
    chosen = parser.parse_args()
    with chosen.list.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    train, val, test = (part(rows, split) for split in ("train", "val", "test"))
    fit, settings = METHODS[chosen.method]
    tried: list[tuple[float, float, dict[str, Any], Answer]] = []
    for setting in settings:
        began = time.perf_counter()
        answer = fit(train, **setting)
        tried.append((right(answer, val), time.perf_counter() - began, setting, answer))
    val_right, duration_s, setting, answer = max(tried, key=lambda one: one[0])
    found = {"val": val_right, "accuracy": right(answer, test), "duration_s": duration_s, "setting": setting}
    print(json.dumps({**found, "tried": len(tried)}))


def part(rows: Sequence[dict[str, str]], split: str) -> Part:
    own = [row for row in rows if row["split"] == split]
    return Part([row["text"] for row in own], [row["label"] for row in own])


def right(answer: Answer, held: Part) -> float:
    return sum(one == other for one, other in zip(answer(held.texts), held.labels, strict=True)) / len(held.labels)


def words(train: Part, strength: float, longest: int) -> Answer:
    return _regression(TfidfVectorizer(sublinear_tf=True, ngram_range=(1, longest), max_features=MOST), train, strength)


def characters(train: Part, strength: float, longest: int) -> Answer:
    vectors = TfidfVectorizer(sublinear_tf=True, analyzer="char_wb", ngram_range=(1, longest), max_features=MOST)
    return _regression(vectors, train, strength)


def _regression(vectors: TfidfVectorizer, train: Part, strength: float) -> Answer:
    model = make_pipeline(vectors, LogisticRegression(C=strength, max_iter=100))
    model.fit(train.texts, train.labels)
    return lambda texts: list(model.predict(texts))


def fasttext(train: Part, epochs: int, characters: bool) -> Answer:
    import fasttext as library

    numbers = {label: number for number, label in enumerate(sorted(set(train.labels)))}
    names = list(numbers)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(
            f"__label__{numbers[label]} {_line(text)}\n" for text, label in zip(train.texts, train.labels, strict=True)
        )
        file.flush()
        grams = {"minn": 2, "maxn": 4} if characters else {"wordNgrams": 2}
        model = library.train_supervised(file.name, epoch=epochs, lr=0.5, thread=1, verbose=0, **grams)

    def answer(texts: Sequence[str]) -> list[str]:
        # The wrapper's predict does not know NumPy 2; the library's own does what it would.
        found = [model.f.predict(_line(text) + "\n", 1, 0.0, "strict") for text in texts]
        return [names[int(best[0][1].removeprefix("__label__"))] if best else "" for best in found]

    return answer


def _line(text: str) -> str:
    return " ".join(text.split())


def _every(**values: Sequence[Any]) -> list[dict[str, Any]]:
    return [dict(zip(values, one, strict=True)) for one in product(*values.values())]


METHODS = {
    "words": (words, _every(strength=(3.0, 30.0), longest=(1, 2))),
    "characters": (characters, _every(strength=(3.0, 30.0), longest=(4,))),
    "fasttext": (fasttext, _every(epochs=(5, 25), characters=(False, True))),
}


if __name__ == "__main__":
    main()
