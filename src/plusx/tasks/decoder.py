"""How transcripts are read from outputs: the likeliest path, or a beam search with or without a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float

from plusx.errors import WrongUse
from plusx.tasks.arpa import BEGIN, END, NGrams, read_arpa
from plusx.tasks.ctc import Read, beam_search, greedy

USUAL_BEAM = 16
LN_10 = float(np.log(10))


@dataclass(frozen=True)
class Decoder:
    """Reads transcripts.

    Args:
        beam: how many readings a beam search follows; 1 takes the likeliest path.
        model: a language model that a beam search asks at the end of each word.
        weight: what its logarithms are multiplied by.
        word_bonus: is added for each word, since a model alone prefers few.
    """

    beam: int = 1
    model: NGrams | None = None
    weight: float = 0.5
    word_bonus: float = 1.0

    def read(self, log_probs: Float[np.ndarray, "count classes frames"], classes: Sequence[str]) -> list[Read]:
        """What is read of each example; `classes` are the characters."""
        if self.beam == 1:
            return greedy(log_probs)
        if self.model is None:
            return [beam_search(one, self.beam) for one in log_probs]
        asked = _Asked(self, self.model, tuple(classes))
        return [beam_search(one, self.beam, asked.so_far, asked.in_all) for one in log_probs]


def find_decoder(beam: int | None, lm: str | Path | None) -> Decoder | None:
    """The decoder that `--beam` and `--lm` ask for; None where neither was given. A model alone gets a beam of 16.

    Raises:
        WrongUse: the beam is not at least 1, or it is 1 beside a language model.
        PlusxError: the file is no language model.
    """
    if beam is None and lm is None:
        return None
    beam = USUAL_BEAM if beam is None else beam
    if beam < 1:
        raise WrongUse(f"--beam {beam}: it must be 1 or more")
    if lm is None:
        return Decoder(beam)
    if beam == 1:
        raise WrongUse("--beam 1: the likeliest path asks no language model; give a wider beam, or leave --lm out")
    return Decoder(beam, read_arpa(Path(lm)))


@dataclass(frozen=True)
class _Asked:
    """A language model's opinion of labels, remembered."""

    decoder: Decoder
    model: NGrams
    classes: tuple[str, ...]
    known: dict[tuple[str, ...], float] = field(default_factory=dict)

    def so_far(self, labels: tuple[int, ...]) -> float:
        """Of the words that have ended."""
        *ended, _ = "".join(self.classes[label] for label in labels).split(" ")
        return self._opinion(tuple(filter(None, ended)))

    def in_all(self, labels: tuple[int, ...]) -> float:
        """Of all words, and that they are all."""
        words = tuple("".join(self.classes[label] for label in labels).split())
        return self._opinion(words) + self.decoder.weight * LN_10 * self.model.log10([BEGIN, *words], END)

    def _opinion(self, words: tuple[str, ...]) -> float:
        if not words:
            return 0.0
        if words not in self.known:
            own = self.decoder.weight * LN_10 * self.model.log10([BEGIN, *words[:-1]], words[-1])
            self.known[words] = self._opinion(words[:-1]) + own + self.decoder.word_bonus
        return self.known[words]
