"""The recipes for any set of labelled sounds: every choice follows from what the set is like, and says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plusx.data.augment import Augmentation, Gain, Noise, Speed, TimeShift
from plusx.data.sound import SoundSpec
from plusx.data.sound_facts import SoundFacts
from plusx.training.recipe import Muon, Recipe, Sgd
from plusx.training.schedule import Schedule
from plusx.training.spec_mask import SpecMask

LONGEST_S = 3.0
SHORTEST_S = 0.25
SEEN = 120_000
RATE_DECAY = 0.6
MASK = SpecMask(bands=8, frames=20)


@dataclass(frozen=True)
class Rung:
    """A network, and how often 10,000 sounds must be seen before it is better than the rung below."""

    model: str
    epochs: float
    options: Mapping[str, Any]


SMALL = {"stem": "small"}
RUNGS = (
    Rung("resnet8", 0, {**SMALL, "num_filters": 16}),
    Rung("resnet8", 6, {**SMALL, "num_filters": 32}),
    Rung("resnet14", 20, {**SMALL, "num_filters": 32}),
)
FIRST_CHOICE = 1


def sounds(facts: SoundFacts) -> Recipe:
    """A small 2-D residual network on log-mel spectrograms, and as many epochs as the set's size asks for."""
    recipe = _recipe(facts, RUNGS[FIRST_CHOICE])
    epochs = min(60.0, max(8.0, round(SEEN / facts.count)))
    reason = f"{facts.count:,} training sounds, each heard {epochs:g} times"
    return recipe.model_copy(update={"epochs": epochs, "reasons": {**recipe.reasons, "epochs": reason}})


def sounds_ladder(facts: SoundFacts) -> tuple[Recipe, ...]:
    """Recipes from the cheapest to the dearest, each with the epochs from which on it is worth its cost."""
    return tuple(_recipe(facts, rung) for rung in RUNGS)


def waves(facts: SoundFacts) -> Recipe:
    """A 1-D residual network on the samples themselves: no spectrogram is computed, and more must be learned."""
    recipe = sounds(facts)
    spec = SoundSpec(samples=_samples(facts), front="waveform", std=max(facts.level, 1.0))
    return recipe.model_copy(
        update={
            "name": "waves",
            "model": "resnet10_1d",
            "model_options": {"num_filters": 32},
            "preprocessing": spec,
            "spec_mask": None,
            "optimizer": _following(Sgd(lr=0.2), recipe.batch_size),
            "reasons": {**recipe.reasons, "model": "one dimension: the network hears the samples"},
        }
    )


def fine_tune_sounds(facts: SoundFacts) -> Recipe:
    """`sounds` with plain SGD, each stage slower than the next (arXiv 1801.06146, section 3.2), as for pictures."""
    recipe = sounds(facts)
    return recipe.model_copy(
        update={
            "name": "fine_tune_sounds",
            "optimizer": Sgd(lr=0.1),
            "rate_decay": RATE_DECAY,
            "reasons": {
                **recipe.reasons,
                "optimizer": "plain SGD keeps the scale of what was learned",
                "rate_decay": "what is near the input is the most general (arXiv 1801.06146, section 3.2)",
            },
        }
    )


def _recipe(facts: SoundFacts, rung: Rung) -> Recipe:
    spec = SoundSpec(samples=_samples(facts), mean=facts.mean, std=facts.std)
    batch_size = min(64, max(8, facts.count // 8))
    return Recipe(
        name="sounds",
        model=rung.model,
        model_options=dict(rung.options),
        preprocessing=spec,
        augment=_augment(spec),
        spec_mask=MASK,
        batch_size=batch_size,
        epochs=max(rung.epochs * max(1.0, (10_000 / facts.count) ** 0.5), 1e-6),
        optimizer=_following(Muon(lr=0.1), batch_size),
        schedule=Schedule(name="one_cycle", warmup=0.25, start=0.1, end=0.0),
        label_smoothing=0.1,
        precision="auto",
        reasons={
            "preprocessing": _length_reason(facts, spec),
            "model": f"{spec.duration_s:g} s of sound are a picture of {spec.mels} bands and {spec.features[2]} frames",
            "augment": "sounds are said earlier, faster, louder and in noise, too",
            "spec_mask": "no one band or moment shall decide (arXiv 1904.08779)",
            "batch_size": f"{facts.count:,} training sounds",
        },
    )


def _augment(spec: SoundSpec) -> tuple[Augmentation, ...]:
    return TimeShift(reach=spec.samples // 10), Speed(), Gain(), Noise()


def _samples(facts: SoundFacts) -> int:
    """As much as nine tenths of the sounds have, up to three seconds, in whole tenths."""
    rate = SoundSpec.model_fields["rate"].default
    seconds = facts.duration_s if facts.same_length else facts.most_s
    tenths = round(min(LONGEST_S, max(SHORTEST_S, seconds)) * 10 + 0.49)
    return rate * tenths // 10


def _length_reason(facts: SoundFacts, spec: SoundSpec) -> str:
    if facts.same_length:
        return f"all sounds looked at last {facts.duration_s:g} s"
    most = f"nine tenths of the sounds last up to {facts.most_s:.1f} s, the median {facts.duration_s:.1f} s"
    return most if spec.duration_s >= facts.most_s else f"{most}; {spec.duration_s:g} s from their middles"


def _following(optimizer: Sgd | Muon, batch_size: int) -> Sgd | Muon:
    share = batch_size / 128
    if isinstance(optimizer, Sgd):
        return optimizer.model_copy(update={"lr": optimizer.lr * share})
    return optimizer.model_copy(update={"lr": optimizer.lr * share**0.5, "other_lr": optimizer.other_lr * share**0.5})
