"""How much memory an example takes while it is decoded, from its header alone: what a server lets in at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from plusx.data.compressed import kind_of, most_samples
from plusx.data.decode import BadSample, opened, quiet_if_needed, understandable
from plusx.data.image import ImageSpec, reduce_while_decoding
from plusx.data.modalities import Spec
from plusx.data.nifti import is_nifti, voxels_of
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.volume import PACKED, VolumeSpec

PIXEL_BYTES = 20
"""Of a picture with transparency: itself, its canvas, both together, and the colours of that, four bytes each."""
JPEG_PIXEL_BYTES, COEFFICIENT_BYTES = 8, 6
"""At the size that it is decoded at; and of a progressive one at its own, since all scans add to its coefficients."""
SAMPLE_BYTES = 30
VALUE_BYTES = 40
VOXEL_BYTES = 40
"""As read, as float32, and what finding its percentiles and resampling it take beside that."""
ZIP_BYTES = 20
"""A byte of a zip of DICOM files, which are mostly packed by half."""
OTHER_BYTES = 8


def footprint_bytes(spec: Spec, source: bytes | np.ndarray) -> int:
    """About so many bytes `spec.prepare(source)` takes at most; of what it refuses any number.

    >>> footprint_bytes(SoundSpec(samples=10), bytes(100))
    3100
    """
    if isinstance(source, np.ndarray):
        return OTHER_BYTES * source.nbytes
    try:
        return len(source) + _decoded_bytes(spec, source)
    except BadSample:
        return len(source)


def _decoded_bytes(spec: Spec, source: bytes) -> int:
    if isinstance(spec, ImageSpec):
        return _of_picture(source, spec)
    if isinstance(spec, SoundSpec):
        return SAMPLE_BYTES * min(_samples(source), spec.max_samples)
    if isinstance(spec, SignalSpec):
        return VALUE_BYTES * min(len(source), spec.max_samples)
    if isinstance(spec, VolumeSpec):
        return _of_volume(source, spec)
    return OTHER_BYTES * len(source)


def _of_picture(source: bytes, spec: ImageSpec) -> int:
    with understandable(), quiet_if_needed(source):
        picture = opened(source, spec.max_pixels)
        whole = picture.width * picture.height
        if not isinstance(picture, JpegImageFile):
            return PIXEL_BYTES * whole
        reduce_while_decoding(picture, spec)
        coefficients = COEFFICIENT_BYTES * whole if picture.info.get("progressive") else 0
        return JPEG_PIXEL_BYTES * picture.width * picture.height + coefficients


def _samples(source: bytes) -> int:
    if kind_of(source) is None:
        return len(source)
    try:
        miniaudio: Any = import_module("miniaudio")
    except ImportError:  # then it is refused
        return 0
    # A rough bound is enough here: what needs counting is counted when it is read.
    return most_samples(source, miniaudio, 1 << 62)


def _of_volume(source: bytes, spec: VolumeSpec) -> int:
    if source.startswith(PACKED):
        return ZIP_BYTES * len(source)
    if is_nifti(source):
        return VOXEL_BYTES * min(voxels_of(source), spec.max_voxels)
    return VOXEL_BYTES * min(len(source), spec.max_voxels)
