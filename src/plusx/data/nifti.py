"""NIfTI volumes (`.nii`, `.nii.gz`), read by nibabel and turned to one orientation."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from plusx.data.decode import BadSample
from plusx.errors import PlusxError

GZIP = b"\x1f\x8b"
_HEADER_SIZES = (348, 540)
MAX_HEADER_BYTES, MAX_VOXEL_BYTES = 16 << 20, 8
_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}

Spacing = tuple[float, float, float]
"""Millimetres from voxel to voxel: from slice to slice, from row to row, from column to column."""


class Voxels(NamedTuple):
    """A volume, channels last, and its spacing; None where the file does not say it."""

    values: Float32[np.ndarray, "depth height width channels"]
    spacing: Spacing | None


def is_nifti(source: bytes) -> bool:
    """Whether the first bytes are a NIfTI header's, or those of something packed by gzip."""
    if source.startswith(GZIP):
        return True
    return len(source) >= 4 and any(struct.unpack(order + "i", source[:4])[0] in _HEADER_SIZES for order in "<>")


def voxels_of(source: bytes) -> int:
    """How many voxels a NIfTI file says it has; 0 where its header cannot be read.

    >>> voxels_of(struct.pack("<i36x8h", 348, 3, 10, 20, 30, 1, 1, 1, 1))
    6000
    """
    try:
        head = gzip.GzipFile(fileobj=BytesIO(source)).read(80) if source.startswith(GZIP) else source[:80]
        (size,) = struct.unpack_from("<i", head)
        order = "<" if size in _HEADER_SIZES else ">"
        second = struct.unpack_from(order + "i", head)[0] == _HEADER_SIZES[1]
        axes, *sizes = (
            struct.unpack_from(order + "8q", head, 16) if second else struct.unpack_from(order + "8h", head, 40)
        )
    except (OSError, EOFError, zlib.error, struct.error):
        return 0
    return max(0, math.prod(sizes[: max(0, axes)]))


def read_nifti(source: bytes, max_voxels: int) -> Voxels:
    """A NIfTI volume as its scanner's axes stand in the body, whatever order the file has them in.

    Slices go from the feet to the head, rows from the back to the front, columns from left to right: nibabel's
    closest canonical orientation, RAS, the axes in reverse. A fourth axis, of time or of sequences, is the channels.

    Raises:
        BadSample: no NIfTI, damaged, cut short, too large, not of three or four axes, or without a usable spacing.
        PlusxError: nibabel is not installed.
    """
    nibabel = nibabel_here()
    try:
        image = _opened(nibabel, source, max_voxels)
        if len(image.shape) not in (3, 4):
            raise BadSample(f"the volume has {len(image.shape)} axes, not 3 or 4")
        # By the header alone: what is packed by gzip may unpack to anything.
        if np.prod(image.shape, dtype=object) > max_voxels:
            raise BadSample(f"{image.shape} voxels are above the limit of {max_voxels} (max_voxels)")
        if image.get_data_dtype().kind not in "iuf":
            raise BadSample(f"voxels of type {image.get_data_dtype()} are not supported; save one number a voxel")
        spacing = _spacing(nibabel, image)
        voxels = turned(nibabel, image.get_fdata(dtype=np.float32), image.affine, spacing)
        # Only at its end gzip says whether the file is whole.
        image.file_map["image"].fileobj.read(1)
    except BadSample:
        raise
    except (EOFError, gzip.BadGzipFile) as error:
        raise BadSample("the file is cut short or damaged; copy it again") from error
    # nibabel and zlib raise whatever they like on a bad file.
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise BadSample(f"the file is damaged ({words[:120]})") from error
    return voxels


def turned(nibabel: Any, values: np.ndarray, affine: np.ndarray, spacing: Sequence[float]) -> Voxels:
    """A volume whose axes `affine` (4, 4) leads to the right, the front and the head, as `read_nifti` gives one.

    `spacing` is along the axes of `values`, which are three, or four with channels last.
    """
    axes = nibabel.orientations.io_orientation(affine)
    values = nibabel.orientations.apply_orientation(values, axes)
    of_axis = [spacing[int(np.flatnonzero(axes[:, 0] == axis)[0])] for axis in (2, 1, 0)]
    if values.ndim == 3:
        values = values[..., None]
    return Voxels(np.ascontiguousarray(values.transpose(2, 1, 0, 3)), (of_axis[0], of_axis[1], of_axis[2]))


def nibabel_here() -> Any:
    """nibabel.

    Raises:
        PlusxError: it is not installed.
    """
    try:
        import nibabel
    except ImportError:
        raise PlusxError("scans are turned by nibabel, which is not here; pip install 'plusx[medical]'") from None
    return nibabel


class _Unpacked(gzip.GzipFile):
    """What gzip packed, as far as the largest volume goes: where its voxels begin, the file's header decides."""

    def __init__(self, source: bytes, max_voxels: int):
        super().__init__(fileobj=BytesIO(source))
        self._limit = MAX_HEADER_BYTES + MAX_VOXEL_BYTES * max_voxels

    def read(self, size: int | None = -1) -> bytes:
        """As a file's `read`, of no more than the limit."""
        if size is None or size < 0 or self.tell() + size > self._limit:
            raise BadSample("the file's header asks for more than it may hold; save it anew")
        return super().read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's `seek`, no farther than the limit."""
        place = offset if whence == os.SEEK_SET else self._limit + 1
        # `tell` is a seek by nothing.
        if place > self._limit and (whence, offset) != (os.SEEK_CUR, 0):
            raise BadSample("the file's header asks for more than it may hold; save it anew")
        return super().seek(offset, whence)


def _opened(nibabel: Any, source: bytes, max_voxels: int) -> Any:
    file = _Unpacked(source, max_voxels) if source.startswith(GZIP) else BytesIO(source)
    start = file.read(4)
    file.seek(0)
    second = any(int.from_bytes(start, order) == _HEADER_SIZES[1] for order in ("little", "big"))
    kind = nibabel.Nifti2Image if second else nibabel.Nifti1Image
    # As it stands there: with its checks nibabel takes a size of 0 for 1 mm.
    _check_sizes(np.asarray(kind.header_class.from_fileobj(file, check=False)["pixdim"][1:4], float))
    file.seek(0)
    return kind.from_stream(file)


def _spacing(nibabel: Any, image: Any) -> list[float]:
    """Millimetres along the file's own axes."""
    sizes = np.asarray(nibabel.affines.voxel_sizes(image.affine), float) * _MM[image.header.get_xyzt_units()[0]]
    _check_sizes(sizes)
    return sizes.tolist()


def _check_sizes(sizes: np.ndarray) -> None:
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise BadSample(f"its voxels are {' x '.join(f'{size:g}' for size in sizes)} mm large; mend the file's header")
