"""What recipes share whose networks answer many places of a picture: masks and boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.data.image_facts import ImageFacts
from plusx.training.recipe import Recipe, Sgd

RATE_DECAY = 0.6


@dataclass(frozen=True)
class Rung:
    """A network and the longest side of the pictures that suit it; `epochs` as in `plusx.recipes.images.Rung`, of 2,000
    pictures."""

    model: str
    epochs: float
    longest: int
    options: Mapping[str, Any]


def seen_often(recipe: Recipe, facts: ImageFacts, seen: int, fewest: int, most: int) -> Recipe:
    """The recipe with as many epochs, from `fewest` to `most`, as show `seen` pictures."""
    epochs = min(most, max(fewest, round(seen / facts.count)))
    reasons = {**recipe.reasons, "epochs": f"{facts.count:,} training pictures, each seen {epochs} times"}
    return recipe.model_copy(update={"epochs": epochs, "reasons": reasons})


def from_a_start(recipe: Recipe, lr: float) -> Recipe:
    """The recipe with plain SGD, each stage slower than the next, for a start's network."""
    reasons = {**recipe.reasons, "optimizer": "plain SGD keeps the scale of what was learned"}
    changes = {"optimizer": Sgd(lr=lr), "rate_decay": RATE_DECAY, "reasons": reasons}
    return recipe.model_copy(update={"name": f"{recipe.name}_fine_tune", **changes})


def epochs_of(rung: Rung, facts: ImageFacts) -> float:
    """From how many epochs on the rung is worth its cost for this set; more where the set is small."""
    return max(rung.epochs * max(1.0, (2_000 / facts.count) ** 0.5), 1e-6)
