"""Estimates an n-gram language model from texts, and writes it in the ARPA format that `plusx predict --lm` reads.

    python benchmarks/ngrams.py LIST.csv OUT.arpa [--order 3]

Absolute discounting with backing off (Ney, Essen and Kneser, 1994): each count is lessened by a half, and what that
frees is shared among the words not seen after a context, as likely as they are after a shorter one.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
DISCOUNT = 0.5
Gram = tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", type=Path, help="with the columns text and split; its train rows are counted")
    parser.add_argument("out", type=Path)
    parser.add_argument("--order", type=int, default=3)
    options = parser.parse_args()
    write_arpa(training_texts(options.list), options.out, options.order)


def training_texts(listing: Path) -> list[str]:
    with listing.open(newline="", encoding="utf-8") as file:
        return [row["text"] for row in csv.DictReader(file) if row["split"] == "train"]


def write_arpa(texts: Iterable[str], out: Path, order: int) -> None:
    """Writes the model of these texts."""
    grams = estimate(texts, order)
    lines = ["\\data\\", *(f"ngram {number}={len(own)}" for number, own in enumerate(grams, 1)), ""]
    for number, own in enumerate(grams, 1):
        lines.append(f"\\{number}-grams:")
        lines += ["\t".join((f"{one:.5f}", " ".join(gram), f"{back:.5f}")) for gram, (one, back) in sorted(own.items())]
        lines.append("")
    out.write_text("\n".join([*lines, "\\end\\", ""]), encoding="utf-8")


def estimate(texts: Iterable[str], order: int) -> list[dict[Gram, tuple[float, float]]]:
    """For each length from 1 on: n-grams with the logarithms, to base 10, of probability and back-off weight."""
    counts = count(texts, order)
    probabilities: list[dict[Gram, float]] = []
    backs: dict[Gram, float] = {}
    for own in counts:
        after: dict[Gram, list[Gram]] = defaultdict(list)
        for gram in own:
            after[gram[:-1]].append(gram)
        known: dict[Gram, float] = {}
        for context, grams in after.items():
            total = sum(own[gram] for gram in grams)
            freed = DISCOUNT * len(grams) / total
            shorter = probabilities[-1] if probabilities else {}
            left = 1 - sum(shorter.get(gram[1:], 0.0) for gram in grams)
            # A context that every word was seen after gives nothing away.
            backs[context] = freed / left if left > 1e-9 else 1e-9
            known |= {gram: (own[gram] - DISCOUNT) / total for gram in grams}
        if not probabilities:
            known |= {(BEGIN,): 1e-9, (UNKNOWN,): DISCOUNT * len(own) / own.total()}
        probabilities.append(known)
    return [
        {gram: (math.log10(one), math.log10(backs.get(gram, 1.0))) for gram, one in known.items()}
        for known in probabilities
    ]


def count(texts: Iterable[str], order: int) -> list[Counter[Gram]]:
    """How often each n-gram stands in the texts, for each length from 1 on; a text's begin alone is none."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for text in texts:
        words = (BEGIN, *text.lower().split(), END)
        for length, own in enumerate(counts, 1):
            own.update(words[start : start + length] for start in range(len(words) - length + 1))
    del counts[0][BEGIN,]
    return counts


if __name__ == "__main__":
    main()
