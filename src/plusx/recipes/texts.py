"""The recipe for any set of labelled texts: every choice follows from what the set is like, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.data.augment import Augmentation, ByteDrop, LetterCase, TextStart
from plusx.data.text import TextSpec
from plusx.data.text_facts import TextFacts
from plusx.training.recipe import Muon, Recipe, Sgd
from plusx.training.schedule import Schedule

SHORTEST, LONGEST = 64, 1024
STEP = 64
"""Lengths are multiples of it, so that sets that are much alike are prepared alike."""
SEEN = 150_000
"""Texts that a training from fresh weights is shown, unless that is fewer or more epochs than it may have."""
FEWEST_EPOCHS, MOST_EPOCHS = 2.0, 40.0
RATE_DECAY = 0.6


@dataclass(frozen=True)
class Rung:
    """A network with the settings that suit it.

    Args:
        model: a network of the zoo.
        epochs: how often 20,000 texts must be seen before it is better than the rung below.
        options: of the network.
        average: the decay of the weights' average.
    """

    model: str
    epochs: float
    options: Mapping[str, Any]
    average: float | None = None


RUNGS = (
    Rung("resnet8_text", 0, {"num_filters": 32}),
    Rung("resnet8_text", 3, {}),
    Rung("resnet10_text", 8, {}),
    Rung("resnet18_text", 20, {}, average=0.998),
)
FIRST_CHOICE = 1
AUGMENT: tuple[Augmentation, ...] = (TextStart(), ByteDrop(), LetterCase())


def texts(facts: TextFacts) -> Recipe:
    """A small network that reads nearly all of nearly every text, and as many epochs as such sets were seen to need.

    Measured in `benchmarks/RESULTS.md`.
    """
    recipe = _recipe(facts, RUNGS[FIRST_CHOICE])
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, round(2 * SEEN / facts.count) / 2))
    reason = f"{facts.count:,} training texts, each seen {epochs:g} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def texts_ladder(facts: TextFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in RUNGS)


def fine_tune_texts(facts: TextFacts) -> Recipe:
    """`texts` with plain SGD, each stage slower than the next (arXiv 1801.06146, section 3.2), from trained weights.

    As `fine_tune` does for pictures; not measured on texts. Network and preprocessing are the start's.
    """
    recipe = texts(facts)
    return recipe.model_copy(
        update={
            "name": "fine_tune_texts",
            "optimizer": Sgd(lr=0.1),
            "rate_decay": RATE_DECAY,
            "reasons": {
                **recipe.reasons,
                "optimizer": "plain SGD keeps the scale of what was learned",
                "rate_decay": "what is near the input is the most general (arXiv 1801.06146, section 3.2)",
            },
        }
    )


def length_for(facts: TextFacts) -> int:
    """Bytes that hold 95 of 100 texts whole, a multiple of 64 from 64 to 1,024.

    >>> length_for(TextFacts(count=10, classes=2, median=80, high=130)), length_for(TextFacts(10, 2, 9_000, 80_000))
    (192, 1024)
    """
    return min(LONGEST, max(SHORTEST, -(-facts.high // STEP) * STEP))


def _recipe(facts: TextFacts, rung: Rung) -> Recipe:
    length = length_for(facts)
    batch_size = min(64, max(8, facts.count // 8))
    return Recipe(
        name="texts",
        model=rung.model,
        model_options=dict(rung.options),
        preprocessing=TextSpec(length=length),
        augment=AUGMENT,
        batch_size=batch_size,
        # What a set lacks in texts it makes up for by showing each more often.
        epochs=max(rung.epochs * max(1.0, (20_000 / facts.count) ** 0.5), 1e-6),
        optimizer=_optimizer(batch_size),
        schedule=Schedule(name="one_cycle", warmup=0.2, start=0.1, end=0.0),
        label_smoothing=0.1,
        average=rung.average,
        precision="auto",
        reasons={
            "preprocessing": f"95 of 100 texts have at most {facts.high:,} bytes, the median has {facts.median:,}",
            "model": f"reads {length:,} bytes at once, the first layer every second",
            "augment": "texts begin elsewhere, lose some characters, and their ASCII letters are small or large",
            "batch_size": f"{facts.count:,} training texts",
        },
    )


def _optimizer(batch_size: int) -> Muon:
    # As the root of the batch: Muon's updates have one length, so that only their noise shrinks with it.
    share = (batch_size / 64) ** 0.5
    return Muon(lr=0.08 * share, momentum=0.9, other_lr=0.05 * share)
