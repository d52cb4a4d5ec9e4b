"""The recipes for sounds with transcripts: every choice follows from what the set is like, and says why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.data.augment import Gain, Noise, Speed, TimeShift
from plusx.data.sound import SoundSpec
from plusx.data.sound_facts import SoundFacts
from plusx.training.recipe import AdamW, Recipe
from plusx.training.schedule import Schedule
from plusx.training.spec_mask import SpecMask

ROOM = 1.1
"""What is heard is so many times as long as the longest sound: slower ones fit, too."""
MELS = 64
SEEN = 60_000
LARGE = 20_000
MASK = SpecMask(bands=10, frames=15, band_masks=2, frame_masks=2)


@dataclass(frozen=True)
class Rung:
    """A network, how often 10,000 sounds must be heard before it is better than the rung below, and its rate."""

    model: str
    epochs: float
    lr: float
    options: Mapping[str, Any]


RUNGS = (
    Rung("jasper4x2", 0, 4e-3, {}),
    Rung("jasper4x2", 30, 3e-3, {"num_filters": [256] * 4}),
    Rung("quartznet5x5", 60, 1e-3, {}),
    Rung("quartznet15x5", 100, 1e-3, {}),
)


def speech(facts: SoundFacts) -> Recipe:
    """A 1-D residual network along time, small for few sounds, and epochs to match."""
    recipe = _recipe(facts, RUNGS[0] if facts.count < LARGE else RUNGS[2])
    epochs = min(100.0, max(10.0, round(SEEN / facts.count)))
    reason = f"{facts.count:,} training sounds, each heard {epochs:g} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def speech_ladder(facts: SoundFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in RUNGS)


def fine_tune_speech(facts: SoundFacts) -> Recipe:
    """`speech` at a quarter of its rate, for going on from trained weights."""
    recipe = speech(facts)
    return recipe.model_copy(
        update={
            "name": "fine_tune_speech",
            "optimizer": recipe.optimizer.model_copy(update={"lr": recipe.optimizer.lr / 4}),
            "reasons": {**recipe.reasons, "optimizer": "a lower rate keeps what was learned"},
        }
    )


def _recipe(facts: SoundFacts, rung: Rung) -> Recipe:
    spec = _spec(facts)
    batch_size = min(32, max(8, facts.count // 8))
    return Recipe(
        name="speech",
        model=rung.model,
        model_options=dict(rung.options),
        preprocessing=spec,
        # No further than the room that each sound has: what is cut off would still be in its transcript.
        augment=(TimeShift(reach=spec.samples // 25), Speed(), Gain(), Noise()),
        spec_mask=MASK,
        batch_size=batch_size,
        epochs=max(rung.epochs * max(1.0, (10_000 / facts.count) ** 0.5), 1e-6),
        optimizer=AdamW(lr=rung.lr * (batch_size / 32) ** 0.5),
        schedule=Schedule(name="one_cycle", warmup=0.1, start=0.1, end=0.0),
        clip_norm=5.0,
        precision="auto",
        reasons={
            "preprocessing": f"the longest sound looked at lasts {facts.longest_s:.1f} s; longer ones are refused",
            "model": "1-D residual blocks along time (arXiv 1904.03288, 1910.10261)",
            "augment": "sounds are said earlier, faster, louder and in noise, too",
            "spec_mask": "no one band or moment shall decide (arXiv 1904.08779)",
            "batch_size": f"{facts.count:,} training sounds",
        },
    )


def _spec(facts: SoundFacts) -> SoundSpec:
    rate = SoundSpec.model_fields["rate"].default
    samples = math.ceil(facts.longest_s * ROOM * 10) * rate // 10
    return SoundSpec(samples=samples, longer="refuse", bands="channels", mels=MELS, mean=facts.mean, std=facts.std)
