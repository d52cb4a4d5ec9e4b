"""The recipes for signals: every choice follows from what the set is like, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.data.augment import Augmentation, SignalNoise, SignalScale, SignalShift
from plusx.data.signal import SignalSpec
from plusx.data.signal_facts import SignalFacts
from plusx.training.recipe import Recipe, Sgd
from plusx.training.schedule import Schedule

SHORT, MIDDLE = 256, 2048
LEAST_LENGTH = 16
"""Samples from which on no map is a single one."""
SEEN = 100_000
"""Signals, repeated ones included, that a training sees where the set allows it."""


@dataclass(frozen=True)
class Rung:
    """A network, and how often 10,000 signals must be seen before it is better than the rung below."""

    model: str
    epochs: float
    options: Mapping[str, Any]


def signals(facts: SignalFacts) -> Recipe:
    """The smallest network for signals of this length, and as many epochs as their number asks for."""
    recipe = _recipe(facts, _rungs(facts)[0])
    epochs = min(200, max(5, round(SEEN / facts.count)))
    reason = f"{facts.count:,} training signals, each seen {epochs} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def signals_ladder(facts: SignalFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in _rungs(facts))


def signals_fine_tune(facts: SignalFacts) -> Recipe:
    """`signals` at a lower rate, each stage slower than the next (arXiv 1801.06146, section 3.2)."""
    recipe = signals(facts)
    reasons = {
        **recipe.reasons,
        "optimizer": "half of a fresh network's rate",
        "rate_decay": "what is near the input is the most general (arXiv 1801.06146, section 3.2)",
    }
    rate = Sgd(lr=recipe.optimizer.lr / 2)
    return recipe.model_copy(
        update={"name": "signals_fine_tune", "optimizer": rate, "rate_decay": 0.6, "reasons": reasons}
    )


def _rungs(facts: SignalFacts) -> tuple[Rung, ...]:
    if facts.length <= MIDDLE:
        stem = "cifar" if facts.length <= SHORT else "imagenet"
        line = {"dims": 1, "stem": stem}
        return (
            Rung("resnet8", 0, {**line, "num_filters": 32}),
            Rung("resnet14", 10, line),
            Rung("resnet14", 30, {**line, "num_filters": 64}),
        )
    return (
        Rung("resnet10_1d", 0, {"num_filters": 32}),
        Rung("resnet18_1d", 10, {"num_filters": 32}),
        Rung("resnet18_1d", 30, {}),
    )


def _recipe(facts: SignalFacts, rung: Rung) -> Recipe:
    augment: tuple[Augmentation, ...] = (SignalShift(reach=facts.length // 20), SignalScale(), SignalNoise())
    batch_size = min(64, max(8, facts.count // 8))
    rate = "" if facts.rate_hz is None else f" at {facts.rate_hz:g} a second"
    alike = "all signals looked at have" if facts.same_length else "the median signal has"
    return Recipe(
        name="signals",
        model=rung.model,
        model_options=dict(rung.options),
        preprocessing=SignalSpec(
            length=facts.length,
            channels=facts.channels,
            rate_hz=facts.rate_hz,
            mean=facts.mean,
            std=facts.std,
        ),
        augment=augment,
        batch_size=batch_size,
        epochs=max(rung.epochs * max(1.0, (10_000 / facts.count) ** 0.5), 1e-6),
        optimizer=Sgd(lr=0.2 * batch_size / 64),
        schedule=Schedule(name="one_cycle", warmup=0.25, start=0.1, end=0.0),
        label_smoothing=0.1,
        # Of a map of a single sample, gradients in bfloat16 may be wrong (torch 2.14).
        precision="auto" if facts.length >= LEAST_LENGTH else "float32",
        reasons={
            "preprocessing": f"{alike} {facts.length:,} samples{rate}",
            "model": f"{facts.length:,} samples of {facts.channels} channels",
            "augment": "moved in time, larger and smaller, noisy",
            "batch_size": f"{facts.count:,} training signals",
        },
    )
