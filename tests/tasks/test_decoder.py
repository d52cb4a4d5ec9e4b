"""Readings with a language model, against the best of all readings by hand."""

import numpy as np
import pytest

from plusx.tasks.arpa import NGrams
from plusx.tasks.ctc import ctc_losses
from plusx.tasks.decoder import LN_10, Decoder
from plusx.tasks.softmax import log_softmax

CLASSES = (" ", "a", "b")
MODEL = NGrams(
    2,
    {
        ("<unk>",): (-3.0, 0.0),
        ("<s>",): (-99.0, 0.0),
        ("</s>",): (-0.5, 0.0),
        ("ab",): (-0.3, -0.2),
        ("b",): (-1.0, 0.0),
        ("<s>", "b"): (-0.1, 0.0),
        ("ab", "b"): (-0.05, 0.0),
    },
)


def outputs(*text: str) -> np.ndarray:
    """Of one example: in each frame these characters, equally likely; `_` is the blank."""
    columns = [[1.0 if one in frame else 0.0 for one in (*CLASSES, "_")] for frame in text]
    return log_softmax(8 * np.array(columns).T[None])


def text(decoder: Decoder, log_probs: np.ndarray) -> str:
    return "".join(CLASSES[label] for label in decoder.read(log_probs, CLASSES)[0].labels)


def test_the_model_decides_what_sounds_alike() -> None:
    unsure = outputs("ab", "_", "b")
    assert text(Decoder(beam=8, model=MODEL, weight=2.0), unsure) == "ab"
    assert text(Decoder(beam=8), outputs("a", "_", "b")) == "ab"


@pytest.mark.parametrize("weight", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_best_of_all_readings_by_hand(seed: int, weight: float) -> None:
    log_probs = log_softmax(np.random.default_rng(seed).normal(0, 1.5, (1, 4, 4)))
    decoder = Decoder(beam=5000, model=MODEL, weight=weight, word_bonus=0.7)
    every = [labels for length in range(5) for labels in np.ndindex(*(3,) * length)]

    def merit(labels: tuple[int, ...]) -> float:
        targets = np.full((1, 4), -1)
        targets[0, : len(labels)] = labels
        words = "".join(CLASSES[label] for label in labels).split()
        history = ["<s>", *words]
        opinion = sum(MODEL.log10(history[:place], word) for place, word in enumerate([*words, "</s>"], 1))
        return float(-ctc_losses(log_probs, targets)[0] + weight * LN_10 * opinion + 0.7 * len(words))

    best = max(every, key=merit)
    assert merit(decoder.read(log_probs, CLASSES)[0].labels) == pytest.approx(merit(best))


def test_one_reading_is_followed_by_the_likeliest_path() -> None:
    log_probs = log_softmax(np.random.default_rng(0).normal(0, 1, (3, 4, 9)))
    assert [one.log_probability for one in Decoder().read(log_probs, CLASSES)] == pytest.approx(
        log_probs.max(1).sum(1).tolist()
    )
