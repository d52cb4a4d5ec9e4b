"""n-gram language models in the ARPA format, as SRILM, KenLM and others write it: how likely a word is after others."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plusx.errors import PlusxError

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
UNSEEN = -7.0
"""The common logarithm of an unknown word's probability in a model that has none for it."""


@dataclass(frozen=True)
class NGrams:
    """Probabilities of words, each in lower case.

    Args:
        order: the longest n-gram's words.
        grams: each n-gram's common logarithms of its probability and of its back-off weight.
    """

    order: int
    grams: dict[tuple[str, ...], tuple[float, float]] = field(repr=False)

    def log10(self, before: Sequence[str], word: str) -> float:
        """The common logarithm of the probability of `word` after the words `before`, with back-off (Katz 1987).

        >>> NGrams(2, {("a",): (-1.0, -0.5), ("b",): (-2.0, 0.0), ("a", "b"): (-0.1, 0.0)}).log10(["b"], "a")
        -1.0
        """
        word = word if (word,) in self.grams else UNKNOWN
        context = tuple(before[-(self.order - 1) :]) if self.order > 1 else ()
        lost = 0.0
        while (found := self.grams.get((*context, word))) is None:
            if not context:
                return lost + UNSEEN
            lost += self.grams.get(context, (0.0, 0.0))[1]
            context = context[1:]
        return lost + found[0]


def read_arpa(path: Path) -> NGrams:
    """The language model in a text file of the ARPA format, plain or `.gz`.

    Raises:
        PlusxError: it cannot be read, or a line is not as the format has it.
    """
    grams: dict[tuple[str, ...], tuple[float, float]] = {}
    order = 0
    try:
        for line in _lines(path):
            if line.startswith("\\") and line.endswith("-grams:"):
                order = int(line[1:-7])
            elif order and not line.startswith("\\"):
                words, values = _gram(line, order)
                # Words that differ in case alone are one; the first, which is mostly the commoner, stands.
                grams.setdefault(words, values)
    except OSError as error:
        raise PlusxError(f"--lm {path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, EOFError) as error:
        raise PlusxError(f"--lm {path}: no language model in the ARPA format ({error})") from None
    if not grams:
        raise PlusxError(f"--lm {path}: no language model in the ARPA format; it has no \\1-grams:")
    return NGrams(order, grams)


def _lines(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            if line := line.strip():
                if line == "\\end\\":
                    return
                yield line


def _gram(line: str, order: int) -> tuple[tuple[str, ...], tuple[float, float]]:
    parts = line.split()
    if not order < len(parts) <= order + 2:
        raise ValueError(f"{line[:60]!r} is no {order}-gram")
    words = tuple(word.lower() for word in parts[1 : order + 1])
    return words, (float(parts[0]), float(parts[order + 1]) if len(parts) > order + 1 else 0.0)
