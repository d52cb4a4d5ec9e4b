"""The pictures that a study trains and tests on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from plusx.data.cache import Prepared, prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.image_facts import ImageFacts, survey_images
from plusx.data.samples import Samples, read_dataset
from plusx.errors import WrongUse


@dataclass(frozen=True)
class Pictures:
    """Prepared splits, and what the training pictures are like as they were prepared."""

    train: Prepared
    test: Prepared
    facts: ImageFacts

    @property
    def spec(self) -> ImageSpec:
        """How they were prepared, with the mean and the deviation that the network normalises by."""
        spec = self.train.spec
        assert isinstance(spec, ImageSpec)
        return spec


def read_pictures(data: str, data_dir: Path | None, *, side: int, train: int, test: int) -> Pictures:
    """The first so many pictures of both splits in a fixed random order, at most `side` pixels wide and high.

    Raises:
        WrongUse: there is no such set, it has no test split, or it is not of pictures with a class each.

    >>> pictures = read_pictures("digits", None, side=16, train=100, test=50)
    >>> len(pictures.train), len(pictures.test), pictures.spec.shape
    (100, 50, (1, 8, 8))
    """
    dataset = read_dataset(data, data_dir=data_dir)
    parts = {split: _some(dataset.split(split), most) for split, most in (("train", train), ("test", test))}
    if parts["train"].modality != "image" or parts["train"].task != "classify":
        raise WrongUse(f"--data {data}: studies need pictures with one class each, such as digits, mnist or cifar10")
    facts = survey_images(parts["train"])
    facts = replace(facts, height=min(facts.height, side), width=min(facts.width, side))
    spec = ImageSpec(
        height=facts.height,
        width=facts.width,
        channels=1 if facts.channels == 1 else 3,
        mean=facts.mean,
        std=facts.std,
    )
    prepared = {split: _in_memory(samples, spec) for split, samples in parts.items()}
    return Pictures(prepared["train"], prepared["test"], facts)


def _some(samples: Samples, most: int) -> Samples:
    # In the sets' own order classes may stand one after another.
    order = np.random.default_rng(0).permutation(len(samples))[:most]
    return samples.take(np.sort(order))


def _in_memory(samples: Samples, spec: ImageSpec) -> Prepared:
    prepared = prepare_samples(samples, spec, cache=None)
    used = samples.take(np.asarray(prepared.kept, np.int64))
    return Prepared.of(used, spec, prepared.gather(np.arange(len(prepared))))
