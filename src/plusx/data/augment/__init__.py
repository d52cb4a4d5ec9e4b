"""Augmentation of whole batches: pure functions of uint8 pictures or int16 sounds, and of random numbers that the
caller draws.

Each works on any device, without a loop over examples, and keeps the memory format. `u` holds each example's own
numbers in [0, 1), so that what happens to an example does not depend on its neighbours in the batch. A recipe holds
the models, which call the functions; `draws` is how many numbers an example needs.
"""

from typing import Annotated

from pydantic import Field

from plusx.data.augment.cover import Cutout, Erase, cutout, erase
from plusx.data.augment.move import Crop, Flip, Shift, crop, flip, shift
from plusx.data.augment.policy import RandAugment, TrivialAugment, rand_augment, trivial_augment
from plusx.data.augment.sounds import Gain, Noise, Speed, TimeShift, gain, noise, speed, time_shift
from plusx.data.augment.warp import Warp, warp

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Crop",
    "Cutout",
    "Erase",
    "Flip",
    "Gain",
    "Noise",
    "RandAugment",
    "Shift",
    "Speed",
    "TimeShift",
    "TrivialAugment",
    "Warp",
    "crop",
    "cutout",
    "erase",
    "flip",
    "gain",
    "noise",
    "rand_augment",
    "shift",
    "speed",
    "time_shift",
    "trivial_augment",
    "warp",
]

PICTURES = {
    "flip": Flip,
    "shift": Shift,
    "crop": Crop,
    "warp": Warp,
    "cutout": Cutout,
    "erase": Erase,
    "trivial_augment": TrivialAugment,
    "rand_augment": RandAugment,
}
SOUNDS = {"time_shift": TimeShift, "speed": Speed, "gain": Gain, "noise": Noise}
AUGMENTATIONS = {**PICTURES, **SOUNDS}
FOR: dict[str, tuple[str, ...]] = {"image": tuple(PICTURES), "sound": tuple(SOUNDS)}
"""The augmentations of each modality that has any."""

Augmentation = Annotated[
    Flip | Shift | Crop | Warp | Cutout | Erase | TrivialAugment | RandAugment | TimeShift | Speed | Gain | Noise,
    Field(discriminator="name"),
]
"""Any of them in a recipe, told apart by `name`."""
