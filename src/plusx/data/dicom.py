"""DICOM volumes, read by pydicom: the slices of one series, or one file of many frames.

Of a header only the tags below are read, and no text of pydicom's is passed on: it may quote the patient's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from plusx.data.decode import BadSample, quiet
from plusx.data.nifti import Voxels, nibabel_here, turned
from plusx.errors import PlusxError

PIXELS = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames", "Rows", "Columns"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "FloatPixelData"),
    *("DoubleFloatPixelData", "ExtendedOffsetTable", "ExtendedOffsetTableLengths"),
]
PLACES = ["ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "RescaleSlope", "RescaleIntercept"]
GROUPS = ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"]
GROUP_OF = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}
DEFLATED = b"1.2.840.10008.1.2.1.99"
UNEVEN = 0.1
"""The share of a slice's distance by which another may differ; positions are rounded, a missing slice doubles it."""
TURNED = 1e-3

Vector = Float64[np.ndarray, " 3"]


class Slice(NamedTuple):
    """One slice: which frame of which file it is, its place in the body (mm, DICOM's axes), how its values are scaled.

    `steps` are the two directions of length 1: along a row, down a column; `spacing` is from row to row and from column
    to column.
    """

    file: Any
    frame: int
    position: Vector
    steps: Float64[np.ndarray, "2 3"]
    spacing: Float64[np.ndarray, " 2"]
    slope: float
    intercept: float


def read_dicom(files: Mapping[str, bytes], max_voxels: int) -> Voxels:
    """The volume of one series' files (by name), turned as `read_nifti` turns one; rescaled, in Hounsfield units of CT.

    Slices are in the order of their positions along their normal, whose distance is the spacing.

    Raises:
        BadSample: no series, two of them, slices that do not make one evenly spaced volume, colour, or a file that is
            damaged, too large, or packed in a way that pydicom cannot unpack here.
        PlusxError: pydicom or nibabel is not installed.
    """
    pydicom, nibabel = _pydicom(), nibabel_here()
    if not files:
        raise BadSample("no DICOM files in it")
    with quiet:
        read = {name: _opened(pydicom, _shown(name), source) for name, source in files.items()}
        _check_one_series(read)
        slices = [one for name, file in read.items() for one in _slices(_shown(name), file)]
        _check_alike(slices, max_voxels)
        slices, distance = _in_order(slices)
        values = _values(pydicom, read, slices)
    first = slices[0]
    across, down = first.steps
    affine = np.eye(4)
    # DICOM's axes point to the left and the back, NIfTI's to the right and the front.
    affine[:3, :3] = np.diag([-1, -1, 1]) @ np.stack([across, down, np.cross(across, down)], axis=1)
    down_mm, across_mm = first.spacing.tolist()
    return turned(nibabel, values.transpose(2, 1, 0), affine, [across_mm, down_mm, distance])


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError:
        raise PlusxError("DICOM files are read by pydicom, which is not here; pip install 'plusx[medical]'") from None
    return pydicom


def _opened(pydicom: Any, name: str, source: bytes) -> Any:
    # pydicom would unpack all of it at once, however large it becomes.
    if DEFLATED in source[:4096]:
        raise BadSample(f"{name} is deflated as a whole; save it in another transfer syntax")
    try:
        file = pydicom.dcmread(BytesIO(source), specific_tags=["SeriesInstanceUID", *PIXELS, *PLACES, *GROUPS])
        syntax = file.file_meta.TransferSyntaxUID
        size = int(file.Rows), int(file.Columns)
        grey = int(file.SamplesPerPixel) == 1 and str(file.PhotometricInterpretation).startswith("MONOCHROME")
    # pydicom raises whatever it likes on a bad file.
    except Exception:
        raise BadSample(f"{name} is damaged, or holds no picture; copy it again, or take it out") from None
    if not _can_unpack(pydicom, syntax):
        raise BadSample(f"{name} is packed as {syntax.name}, which cannot be unpacked here; save it uncompressed")
    if min(size) < 1:
        raise BadSample(f"{name} has no pixels")
    if not grey:
        raise BadSample(f"{name} is in colour; volumes have one number a voxel")
    return file


def _can_unpack(pydicom: Any, syntax: Any) -> bool:
    try:
        return not syntax.is_compressed or pydicom.pixels.get_decoder(syntax).is_available
    except (NotImplementedError, ValueError):  # one that it does not know, or that is of its maker alone
        return False


def _shown(name: str) -> str:
    """A file's name in an error of one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)[:80]


def _check_one_series(read: Mapping[str, Any]) -> None:
    count = len({str(file.get("SeriesInstanceUID", "")) for file in read.values()})
    if count > 1:
        raise BadSample(f"{count} series in one folder; put each into a folder of its own")


def _slices(name: str, file: Any) -> list[Slice]:
    """A file's slices: one, or a multi-frame file's frames."""
    try:
        count = int(file.get("NumberOfFrames", None) or 1)
        if count not in (1, len(file.get("PerFrameFunctionalGroupsSequence", None) or [])):
            raise ValueError("one place for all frames")
        return [_slice(file, frame) for frame in range(count)]
    # Tags that are not there, have no value, too few, or none that is a number.
    except Exception:
        raise BadSample(
            f"{name} does not say where in the body its slices are, or how far its pixels are apart"
        ) from None


def _slice(file: Any, frame: int) -> Slice:
    def numbers(tag: str, default: float | None = None) -> np.ndarray:
        value = _tag(file, frame, tag)
        found = np.atleast_1d(np.asarray(default if value is None else value, np.float64))
        if not np.isfinite(found).all():
            raise ValueError(tag)
        return found

    steps = numbers("ImageOrientationPatient").reshape(2, 3)
    spacing = numbers("PixelSpacing").reshape(2)
    if np.abs(steps @ steps.T - np.eye(2)).max() > TURNED or spacing.min() <= 0:
        raise ValueError("no directions of length 1, or no distance")
    slope, intercept = numbers("RescaleSlope", 1.0).item(), numbers("RescaleIntercept", 0.0).item()
    return Slice(file, frame, numbers("ImagePositionPatient").reshape(3), steps, spacing, slope, intercept)


def _tag(file: Any, frame: int, tag: str) -> Any:
    """A frame's value of a tag, of the frames' common ones, or of the file; None where there is none."""
    shared = list(file.get("SharedFunctionalGroupsSequence", None) or [])[:1]
    own = list(file.get("PerFrameFunctionalGroupsSequence", None) or [])[frame : frame + 1]
    for group in (*own, *shared):
        for item in group.get(GROUP_OF[tag], None) or []:
            if item.get(tag, None) is not None:
                return item.get(tag)
    return file.get(tag, None)


def _check_alike(slices: Sequence[Slice], max_voxels: int) -> None:
    """Nothing, if all slices have one size, one orientation and one spacing, and are not too many."""
    first = slices[0]
    for one in slices[1:]:
        size, other = ((int(each.file.Rows), int(each.file.Columns)) for each in (first, one))
        if size != other:
            shown = " and ".join(f"{rows} x {columns}" for rows, columns in (size, other))
            raise BadSample(f"slices of different sizes ({shown} pixels); take out what is another picture")
        if np.abs(one.steps - first.steps).max() > TURNED:
            raise BadSample("slices of different orientations; put each stack into a folder of its own")
        if not np.allclose(one.spacing, first.spacing, rtol=TURNED):
            raise BadSample("slices whose pixels are differently far apart; put each stack into a folder of its own")
    voxels = len(slices) * int(first.file.Rows) * int(first.file.Columns)
    if voxels > max_voxels:
        raise BadSample(f"{voxels} voxels are above the limit of {max_voxels} (max_voxels)")


def _in_order(slices: Sequence[Slice]) -> tuple[list[Slice], float]:
    """The slices along their normal, and the distance (mm) from each to the next.

    Raises:
        BadSample: there is but one, two are at one place, some are missing, or each is shifted against the next.
    """
    if len(slices) < 2:
        raise BadSample("only one slice; put a series' files into a folder of their own")
    normal = np.cross(*slices[0].steps)
    ordered = sorted(slices, key=lambda one: float(one.position @ normal))
    positions = np.stack([one.position for one in ordered])
    gaps = np.diff(positions @ normal)
    typical = float(np.median(gaps))
    if gaps.min() <= TURNED:
        raise BadSample("two slices at one place; keep one moment, or one sequence, in a folder")
    if np.abs(gaps - typical).max() > UNEVEN * typical:
        shown = f"{gaps.min():.3g} to {gaps.max():.3g} mm"
        raise BadSample(f"slices are missing, or uneven: from one to the next it is {shown}; copy all of them")
    aside = (positions - positions[0]) @ slices[0].steps.T
    if np.abs(aside).max() > slices[0].spacing.max():
        raise BadSample(
            "its slices are shifted against one another, as of a tilted gantry; straighten the volume first"
        )
    return ordered, float(np.mean(gaps))


def _values(pydicom: Any, read: Mapping[str, Any], slices: Sequence[Slice]) -> np.ndarray:
    """(slices, rows, columns), rescaled, float32. A file is unpacked once, and forgotten when its slices are done."""
    places: dict[int, list[int]] = {}
    for place, one in enumerate(slices):
        places.setdefault(id(one.file), []).append(place)
    shape = int(slices[0].file.Rows), int(slices[0].file.Columns)
    values = np.empty((len(slices), *shape), np.float32)
    for name, file in read.items():
        try:
            pixels = pydicom.pixels.pixel_array(file).reshape(-1, *shape)
            for place in places[id(file)]:
                one = slices[place]
                values[place] = pixels[one.frame] * one.slope + one.intercept
        except Exception:
            raise BadSample(f"{_shown(name)} is cut short or damaged; copy it again") from None
    return values
