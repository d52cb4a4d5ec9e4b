"""Augmentation of whole batches: pure functions of uint8 pictures and of random numbers that the caller draws.

Each works on any device, without a loop over examples, and keeps the memory format. `u` holds each example's own
numbers in [0, 1), so that what happens to an example does not depend on its neighbours in the batch. A recipe holds
the models, which call the functions; `draws` is how many numbers an example needs.
"""

from typing import Annotated

from pydantic import Field

from plusx.data.augment.cover import Cutout, Erase, cutout, erase
from plusx.data.augment.move import Crop, Flip, Shift, crop, flip, shift
from plusx.data.augment.policy import RandAugment, TrivialAugment, rand_augment, trivial_augment
from plusx.data.augment.warp import Warp, warp

__all__ = [
    "AUGMENTATIONS",
    "Augmentation",
    "Crop",
    "Cutout",
    "Erase",
    "Flip",
    "RandAugment",
    "Shift",
    "TrivialAugment",
    "Warp",
    "crop",
    "cutout",
    "erase",
    "flip",
    "rand_augment",
    "shift",
    "trivial_augment",
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
}

Augmentation = Annotated[
    Flip | Shift | Crop | Warp | Cutout | Erase | TrivialAugment | RandAugment, Field(discriminator="name")
]
"""Any of them in a recipe, told apart by `name`."""
