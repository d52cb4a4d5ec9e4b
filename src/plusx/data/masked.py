"""How pictures with masks are stored: the mask is one more channel, so that both are decoded once, and together.

Masks are brought to the network's size as their pictures are, by the nearest pixel; bars around them are ignored (255).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import UInt8

from plusx.data.boxes import BoxedSource, BoxedSpec
from plusx.data.decode import BadSample
from plusx.data.image import ImageSpec, peek_size, prepare
from plusx.data.masks import IGNORED, Pair, PairSource, read_mask
from plusx.data.modalities import Spec
from plusx.data.sources import Samples
from plusx.errors import WrongUse


@dataclass(frozen=True)
class MaskedSpec:
    """How a picture with its mask is stored: as `picture` says, with the mask as one more channel.

    >>> from plusx.data.masks import Codes
    >>> spec = MaskedSpec(ImageSpec(height=2, width=2, channels=1))
    >>> pair = Pair(np.full((2, 2), 9, np.uint8), np.array([[0, 1], [1, 255]], np.uint8), Codes.plain(2))
    >>> picture, mask = spec.split(spec.prepare(pair))
    >>> picture.shape, mask.tolist()
    ((2, 2, 1), [[0, 1], [1, 255]])
    """

    picture: ImageSpec

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channels + 1, height, width)."""
        channels, height, width = self.picture.shape
        return channels + 1, height, width

    @property
    def dtype(self) -> np.dtype:
        return self.picture.dtype

    @property
    def storage_key(self) -> str:
        return f"masked {self.picture.storage_key}"

    def prepare(self, source: Pair) -> UInt8[np.ndarray, "height width channels"]:
        """The picture's pixels with the mask behind them.

        Raises:
            BadSample: either cannot be used, their sizes differ, or every pixel is ignored.
        """
        mask = read_mask(source.mask, source.codes)
        height, width, _ = peek_size(source.picture)
        if mask.shape != (height, width):
            raise BadSample(f"its mask is {mask.shape[1]} x {mask.shape[0]} pixels, the picture {width} x {height}")
        pixels = prepare(source.picture, self.picture)
        fitted = prepare(mask, _mask_spec(self.picture))
        if (fitted == IGNORED).all():
            raise BadSample("its mask ignores every pixel")
        return np.concatenate([pixels, fitted], axis=2)

    def split(self, values: UInt8[np.ndarray, "*any channels"]) -> tuple[np.ndarray, np.ndarray]:
        """(pictures `(..., channels)`, masks `(...)`) of what is stored."""
        return np.ascontiguousarray(values[..., :-1]), np.ascontiguousarray(values[..., -1])


Stored = Spec | MaskedSpec | BoxedSpec
"""How examples are stored."""


def stored_spec(samples: Samples, spec: Spec) -> Stored:
    """How these examples are stored where the network is to see them as `spec` says.

    Raises:
        WrongUse: they are pictures with masks or boxes, and the network does not see pictures.
    """
    if not isinstance(samples.source, PairSource | BoxedSource):
        return spec
    if not isinstance(spec, ImageSpec):
        what = "masks" if isinstance(samples.source, PairSource) else "boxes"
        raise WrongUse(f"pictures with {what} are for networks that see pictures, not {spec.modality}s")
    return MaskedSpec(spec) if isinstance(samples.source, PairSource) else BoxedSpec(spec)


@lru_cache(maxsize=8)
def _mask_spec(picture: ImageSpec) -> ImageSpec:
    """The same fit for one channel of classes."""
    kept = picture.model_dump(include={"height", "width", "fit", "crop_fraction", "max_pixels"})
    return ImageSpec(**kept, channels=1, resampling="nearest", background=IGNORED)
