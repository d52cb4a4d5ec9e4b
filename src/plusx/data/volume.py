"""Volumes: the only way from a file of voxels to numbers, in training, evaluation, prediction and serving.

What comes out for what goes in (`tests/data/test_volume.py` holds each line):

- files: `.npy` of three axes, or four with channels last; NIfTI, packed or not; told by their first bytes
- DICOM: a series' slices in a zip, as a folder of them is read, too; or one file of many frames
- NIfTI and DICOM are turned to one orientation, and resampled to the spec's spacing in millimetres; `.npy` says no
  spacing: its voxels are taken as they are
- resampling is linear, after a Gaussian where voxels become fewer
- values are cut off at the window's ends, or at each volume's own percentiles, and lie from 0 to 255 then, as pixels
  do: a network of pictures, inflated, meets the scale that it knows
- stored as float16, whose 11 bits are finer than a 2,000th of the window, for half of float32's memory: a cache of
  volumes is what fills a disk
- a smaller volume is padded by 0, the window's lower end
- refused: other numbers of axes or channels, voxels that are infinite or no number, pickles, zero spacing
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from jaxtyping import Float16, Float32
from pydantic import BaseModel, Field, PositiveFloat, model_validator

from plusx.data.decode import BadSample
from plusx.data.dicom import read_dicom
from plusx.data.nifti import Voxels, is_nifti, read_nifti
from plusx.data.npy import MAGIC, read_npy
from plusx.data.series import FOLDER, is_dicom, zipped_slices

EXTENSIONS = (".npy", ".nii", ".nii.gz", ".dcm", ".zip", FOLDER)
"""The endings, in lower case, by which volumes are found in folders."""
PACKED = b"PK\x03\x04"
MAX_BYTES = 1 << 30
SPARE_BYTES = 64 << 20

Volume = Float32[np.ndarray, "depth height width channels"]
TOP = 255.0


class VolumeSpec(BaseModel, frozen=True, extra="forbid"):
    """How any volume becomes float16 levels (depth, height, width, channels), and how the network normalises them.

    >>> spec = VolumeSpec(depth=1, height=2, width=2, window=(-1000, 1000))
    >>> spec.prepare(np.full((3, 2, 2), 0.0)).ravel().tolist()
    [127.5, 127.5, 127.5, 127.5]
    """

    modality: Literal["volume"] = "volume"
    depth: int = Field(ge=1, le=1024)
    height: int = Field(ge=1, le=1024)
    width: int = Field(ge=1, le=1024)
    channels: int = Field(default=1, ge=1, le=256)
    spacing: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Millimetres from slice to slice, row to row, column to column. None: voxels are taken as they are."""
    fit: Literal["crop", "stretch"] = "crop"
    """crop: the middle is cut out, or padded; stretch: the whole volume, whatever its spacing."""
    window: tuple[float, float] | None = None
    """The values that become 0 and 255, such as (-1000, 400) of a CT's Hounsfield units; None: `percentiles`."""
    percentiles: tuple[float, float] = (0.5, 99.5)
    """Without a window, those of each volume that become 0 and 255: an MR scan's values have no unit."""
    max_voxels: int = Field(default=1 << 28, ge=1)
    """Larger volumes are refused before they are unpacked, and such as would be larger before they are resampled."""
    mean: tuple[float, ...] = Field(default_factory=lambda data: (127.5,) * data.get("channels", 1))
    """Per channel, on the 0..255 scale. The network subtracts it; `prepare` does not."""
    std: tuple[float, ...] = Field(default_factory=lambda data: (63.75,) * data.get("channels", 1))
    """Per channel, on the 0..255 scale, above 0. The network divides by it; `prepare` does not."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(f"{name} has {len(values)} values for {self.channels} channels")
        if min(self.std) <= 0:
            raise ValueError("std must be above 0")
        if self.window is not None and not (np.isfinite(self.window).all() and self.window[0] < self.window[1]):
            raise ValueError("window must be a lower and a higher value")
        if not 0 <= self.percentiles[0] < self.percentiles[1] <= 100:
            raise ValueError("percentiles must be a lower and a higher one, from 0 to 100")
        return self

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(channels, depth, height, width): what the network sees of one example."""
        return self.channels, self.depth, self.height, self.width

    @property
    def features(self) -> tuple[int, int, int, int]:
        """(channels, depth, height, width): what the front makes of one example for the network."""
        return self.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the values that `prepare` gives."""
        return np.dtype(np.float16)

    @property
    def words(self) -> str:
        """What a person is told of it."""
        return "x".join(map(str, self.shape))

    @property
    def storage_key(self) -> str:
        """JSON of all that decides what `prepare` gives; mean and std do not."""
        return json.dumps(self.model_dump(mode="json", exclude={"mean", "std"}), sort_keys=True)

    def prepare(self, source: bytes | np.ndarray) -> Float16[np.ndarray, "depth height width channels"]:
        """One volume as the spec asks, 0 to 255.

        `source` is a file's bytes, or numbers of shape (depth, height, width) or (depth, height, width, channels),
        which give what a `.npy` of them gives. Safe in threads.

        Raises:
            BadSample: no volume, damaged, too large, of other channels, or with a value that is no finite number.
            PlusxError: it is a NIfTI or DICOM file, and what reads it (`plusx[medical]`) is not installed.
        """
        values, spacing = read_voxels(source, self.max_voxels)
        if values.shape[3] != self.channels:
            raise BadSample(f"the volume has {values.shape[3]} channels, not {self.channels}")
        size = self.resampled_size(values.shape, spacing)
        if math.prod(size) * self.channels > self.max_voxels:
            raise BadSample(f"resampled to {size}, its voxels are above the limit of {self.max_voxels} (max_voxels)")
        values = resampled(values, size)
        levels = to_levels(values, self.window or bounds(values, self.percentiles))
        return middle(levels, (self.depth, self.height, self.width)).astype(np.float16)

    def resampled_size(self, shape: Sequence[int], spacing: Sequence[float] | None) -> tuple[int, ...]:
        """Voxels along each axis before the crop."""
        if self.fit == "stretch":
            return self.depth, self.height, self.width
        if self.spacing is None or spacing is None:
            return tuple(shape[:3])
        pairs = zip(shape, spacing, self.spacing, strict=False)
        return tuple(max(1, round(count * theirs / ours)) for count, theirs, ours in pairs)


def read_voxels(source: bytes | np.ndarray, max_voxels: int) -> Voxels:
    """A volume's numbers as float32, and its spacing where the file says it.

    Raises:
        BadSample: as `VolumeSpec.prepare`, for any number of channels.

    >>> read_voxels(np.zeros((3, 4, 5), np.int16), 100).values.shape
    (3, 4, 5, 1)
    """
    if isinstance(source, bytes) and not source.startswith(MAGIC):
        if not source:
            raise BadSample("the file is empty")
        found = _scan(source, max_voxels)
    else:
        found = Voxels(_with_channels(read_npy(source) if isinstance(source, bytes) else source, max_voxels), None)
    if not found.values.size:
        raise BadSample("the volume has no voxels")
    if not np.isfinite(found.values).all():
        place = " ".join(map(str, np.argwhere(~np.isfinite(found.values))[0][:3]))
        raise BadSample(f"voxel {place} (slice, row, column from 0) is infinite or no number; give it a value")
    return found


def _scan(source: bytes, max_voxels: int) -> Voxels:
    if source.startswith(PACKED):
        # Voxels are mostly of two bytes; what a slice says beside them takes little.
        return read_dicom(zipped_slices(source, min(MAX_BYTES, SPARE_BYTES + 8 * max_voxels)), max_voxels)
    if is_dicom(source):
        return read_dicom({"the file": source}, max_voxels)
    if is_nifti(source):
        return read_nifti(source, max_voxels)
    raise BadSample("not a .npy, NIfTI or DICOM volume, whatever its name says")


def _with_channels(values: np.ndarray, max_voxels: int) -> Volume:
    if values.ndim not in (3, 4):
        raise BadSample(f"an array of shape {values.shape} is no volume of 3 axes, or 4 with channels last")
    if values.size > max_voxels:
        raise BadSample(f"{values.shape} voxels are above the limit of {max_voxels} (max_voxels)")
    if values.dtype.kind not in "buif":
        raise BadSample(f"values of type {values.dtype} are no numbers that can be used")
    return (values[..., None] if values.ndim == 3 else values).astype(np.float32)


def resampled(values: Volume, size: tuple[int, ...]) -> Volume:
    """The same extent in `size` voxels (depth, height, width), linearly; a Gaussian of scikit-image's width goes before
    where they become fewer, so that what is finer than the new voxels does not alias."""
    if values.shape[:3] == tuple(size):
        return values
    # Here, because it takes a tenth of a second to import, and most sets are stored as they are.
    from scipy.ndimage import gaussian_filter, zoom

    factors = [new / old for new, old in zip(size, values.shape, strict=False)]
    blur = [max(0.0, (1 / factor - 1) / 2) for factor in factors]
    channels: list[np.ndarray] = []
    for channel in np.moveaxis(values, -1, 0):
        smooth = gaussian_filter(channel, blur, mode="nearest") if any(blur) else channel
        channels.append(np.asarray(zoom(smooth, factors, order=1, mode="nearest", grid_mode=True)))
    return np.stack(channels, axis=-1)


def bounds(values: Volume, percentiles: tuple[float, float]) -> tuple[float, float]:
    """A volume's own percentiles, all channels together."""
    low, high = np.percentile(values, percentiles)
    return float(low), float(high)


def to_levels(values: Volume, window: tuple[float, float]) -> Volume:
    """Values from the window's lower to its upper end as 0 to 255, cut off beyond; all 0 where it has no width."""
    low, high = window
    if high <= low:
        return np.zeros_like(values)
    return np.clip((values - np.float32(low)) * np.float32(TOP / (high - low)), 0, TOP)


def middle(values: Volume, size: tuple[int, ...]) -> Volume:
    """The middle `size` voxels, padded evenly by 0 where there are fewer.

    >>> middle(np.ones((3, 1, 1, 1), np.float32), (1, 1, 2)).ravel().tolist()
    [1.0, 0.0]
    """
    for axis, wanted in enumerate(size):
        spare = values.shape[axis] - wanted
        if spare > 0:
            values = values.take(range(spare // 2, spare // 2 + wanted), axis)
    pads = [(missing // 2, missing - missing // 2) for missing in map(int.__sub__, size, values.shape[:3])]
    return np.pad(values, [*pads, (0, 0)])
