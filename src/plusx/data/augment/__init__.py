"""Augmentation of whole batches: pure functions of examples and of random numbers that the caller draws.

Each works on any device, without a loop over examples, and keeps the memory format. `u` holds each example's own
numbers in [0, 1), so that what happens to an example does not depend on its neighbours in the batch. A recipe holds
the models, which call the functions; `draws` is how many numbers an example needs.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from plusx.data.augment.cover import Cutout, Erase, cutout, erase
from plusx.data.augment.move import Crop, Flip, Shift, crop, flip, shift
from plusx.data.augment.policy import RandAugment, TrivialAugment, rand_augment, trivial_augment
from plusx.data.augment.signals import SignalNoise, SignalScale, SignalShift, signal_noise, signal_scale, signal_shift
from plusx.data.augment.sounds import Gain, Noise, Speed, TimeShift, gain, noise, speed, time_shift
from plusx.data.augment.text import ByteDrop, ByteSwap, LetterCase, TextStart
from plusx.data.augment.volumes import Intensity, VolumeFlip, VolumeShift, intensity, volume_flip, volume_shift
from plusx.data.augment.warp import Warp, warp
from plusx.errors import WrongUse

__all__ = [
    "AUGMENTATIONS",
    "SUITED",
    "Augmentation",
    "ByteDrop",
    "ByteSwap",
    "Crop",
    "Cutout",
    "Erase",
    "Flip",
    "Gain",
    "Intensity",
    "LetterCase",
    "Noise",
    "RandAugment",
    "Shift",
    "SignalNoise",
    "SignalScale",
    "SignalShift",
    "Speed",
    "TextStart",
    "TimeShift",
    "TrivialAugment",
    "VolumeFlip",
    "VolumeShift",
    "Warp",
    "check_suited",
    "crop",
    "cutout",
    "erase",
    "flip",
    "gain",
    "intensity",
    "noise",
    "rand_augment",
    "shift",
    "signal_noise",
    "signal_scale",
    "signal_shift",
    "speed",
    "time_shift",
    "trivial_augment",
    "volume_flip",
    "volume_shift",
    "warp",
]

SUITED: dict[str, dict[str, Any]] = {
    "image": {
        "flip": Flip,
        "shift": Shift,
        "crop": Crop,
        "warp": Warp,
        "cutout": Cutout,
        "erase": Erase,
        "trivial_augment": TrivialAugment,
        "rand_augment": RandAugment,
    },
    "sound": {"time_shift": TimeShift, "speed": Speed, "gain": Gain, "noise": Noise},
    "volume": {"volume_shift": VolumeShift, "volume_flip": VolumeFlip, "intensity": Intensity},
    "signal": {"signal_shift": SignalShift, "signal_scale": SignalScale, "signal_noise": SignalNoise},
    "text": {"text_start": TextStart, "byte_drop": ByteDrop, "byte_swap": ByteSwap, "letter_case": LetterCase},
}
"""What each modality's examples can be changed by."""

AUGMENTATIONS: dict[str, Any] = {name: kind for kinds in SUITED.values() for name, kind in kinds.items()}

Augmentation = Annotated[
    Flip
    | Shift
    | Crop
    | Warp
    | Cutout
    | Erase
    | TrivialAugment
    | RandAugment
    | TimeShift
    | Speed
    | Gain
    | Noise
    | VolumeShift
    | VolumeFlip
    | Intensity
    | SignalShift
    | SignalScale
    | SignalNoise
    | TextStart
    | ByteDrop
    | ByteSwap
    | LetterCase,
    Field(discriminator="name"),
]
"""Any of them in a recipe, told apart by `name`."""


def check_suited(augmentations: Sequence[Augmentation], modality: str) -> None:
    """Nothing, if each can change examples of this modality.

    Raises:
        WrongUse: one cannot; the line names those that can.

    >>> check_suited([Flip()], "array")
    Traceback (most recent call last):
    plusx.errors.WrongUse: --set augment: flip is not for the modality array; leave it out
    """
    fitting = SUITED.get(modality, {})
    for one in augmentations:
        if one.name not in fitting:
            mend = f"use {', '.join(fitting)}" if fitting else "leave it out"
            raise WrongUse(f"--set augment: {one.name} is not for the modality {modality}; {mend}")
