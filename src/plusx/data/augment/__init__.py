"""Augmentation of whole batches: pure functions of examples and of random numbers that the caller draws.

Each works on any device, without a loop over examples, and keeps the memory format. `u` holds each example's own
numbers in [0, 1), so that what happens to an example does not depend on its neighbours in the batch. A recipe holds
the models, which call the functions; `draws` is how many numbers an example needs.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from plusx.data.augment.cover import Cutout, Erase, cutout, erase
from plusx.data.augment.move import Crop, Flip, Shift, crop, flip, shift
from plusx.data.augment.policy import RandAugment, TrivialAugment, rand_augment, trivial_augment
from plusx.data.augment.signals import (
    SignalNoise,
    SignalScale,
    SignalShift,
    signal_noise,
    signal_scale,
    signal_shift,
)
from plusx.data.augment.volumes import Intensity, VolumeFlip, VolumeShift, intensity, volume_flip, volume_shift
from plusx.data.augment.warp import Warp, warp
from plusx.errors import WrongUse

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Crop",
    "Cutout",
    "Erase",
    "Flip",
    "Intensity",
    "RandAugment",
    "Shift",
    "SignalNoise",
    "SignalScale",
    "SignalShift",
    "TrivialAugment",
    "VolumeFlip",
    "VolumeShift",
    "Warp",
    "check_suited",
    "crop",
    "cutout",
    "erase",
    "flip",
    "intensity",
    "rand_augment",
    "shift",
    "signal_noise",
    "signal_scale",
    "signal_shift",
    "suits",
    "trivial_augment",
    "volume_flip",
    "volume_shift",
    "warp",
]

AUGMENTATIONS = {
    "flip": Flip,
    "shift": Shift,
    "crop": Crop,
    "warp": Warp,
    "cutout": Cutout,
    "erase": Erase,
    "trivial_augment": TrivialAugment,
    "rand_augment": RandAugment,
    "volume_shift": VolumeShift,
    "volume_flip": VolumeFlip,
    "intensity": Intensity,
    "signal_shift": SignalShift,
    "signal_scale": SignalScale,
    "signal_noise": SignalNoise,
}

Augmentation = Annotated[
    Flip
    | Shift
    | Crop
    | Warp
    | Cutout
    | Erase
    | TrivialAugment
    | RandAugment
    | VolumeShift
    | VolumeFlip
    | Intensity
    | SignalShift
    | SignalScale
    | SignalNoise,
    Field(discriminator="name"),
]
"""Any of them in a recipe, told apart by `name`."""


def suits(augmentation: Augmentation | type[Augmentation]) -> tuple[str, ...]:
    """The modalities whose examples an augmentation can change; it says so itself where they are no pictures.

    >>> suits(Flip()), suits(VolumeFlip())
    (('image',), ('volume',))
    """
    return getattr(augmentation, "suits", ("image",))


def check_suited(augmentations: Sequence[Augmentation], modality: str) -> None:
    """Nothing, if each can change examples of this modality.

    Raises:
        WrongUse: one cannot; the line names those that can.

    >>> check_suited([Flip()], "array")
    Traceback (most recent call last):
    plusx.errors.WrongUse: --set augment: flip is not for the modality array; leave it out
    """
    for one in augmentations:
        if modality not in suits(one):
            fitting = [name for name, kind in AUGMENTATIONS.items() if modality in suits(kind)]
            mend = f"use {', '.join(fitting)}" if fitting else "leave it out"
            raise WrongUse(f"--set augment: {one.name} is not for the modality {modality}; {mend}")
