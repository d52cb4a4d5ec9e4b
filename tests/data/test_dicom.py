"""DICOM series and multi-frame files that pydicom wrote, voxel by voxel, and what is no volume."""

import builtins
import io
import logging
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest
from dicoms import AXIAL, PATIENT, dataset, frames, series, slice_of, stored, write, zipped
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless, generate_uid

from plusx.data.decode import BadSample
from plusx.data.samples import FileSource
from plusx.data.volume import VolumeSpec, read_voxels
from plusx.errors import PlusxError

LIMIT = 1 << 20
VOLUME = np.random.default_rng(0).integers(-1000, 2000, (5, 4, 3)).astype(np.int16)
SPEC = VolumeSpec(depth=5, height=4, width=3)


def read(slices: list[Dataset]) -> np.ndarray:
    voxels = read_voxels(zipped({f"{place}.dcm": stored(one) for place, one in enumerate(slices)}), LIMIT)
    assert voxels.values.dtype == np.float32
    return voxels.values[..., 0]


def in_the_body(volume: np.ndarray) -> np.ndarray:
    """An axial series as a volume whose rows go from back to front, and columns from left to right: DICOM's go the
    other way, from front to back, and from the right, which is on the left of a picture."""
    return volume[:, ::-1, ::-1]


# Voxels, places and scales.


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
def test_slices_are_in_the_order_of_their_positions(order: list[int]) -> None:
    slices = series(VOLUME)
    np.testing.assert_array_equal(read([slices[place] for place in order]), in_the_body(VOLUME))


def test_spacing_is_of_positions_and_pixels_not_what_the_header_says_of_slices(tmp_path: Path) -> None:
    voxels = read_voxels(FileSource([write(tmp_path, series(VOLUME, gap=1.5))]).read(0), LIMIT)
    np.testing.assert_allclose(voxels.spacing, (1.5, 0.5, 0.25))


def test_each_slice_is_rescaled_by_its_own_values() -> None:
    slices = series(VOLUME)
    slopes = np.array([1, 2, 0.5, 1, 3])
    for one, slope in zip(slices, slopes, strict=True):
        one.RescaleSlope, one.RescaleIntercept = slope, -1024
    expected = in_the_body(VOLUME * slopes[:, None, None] - 1024)
    np.testing.assert_allclose(read(slices), expected, rtol=1e-6)


def test_without_a_sign_and_without_a_scale_values_are_as_stored() -> None:
    volume = (VOLUME.astype(np.int32) + 40_000).astype(np.uint16)
    np.testing.assert_array_equal(read(series(volume)), in_the_body(volume))


TURNS = {
    "axial": AXIAL,
    "coronal": (1, 0, 0, 0, 0, -1),
    "sagittal": (0, 1, 0, 0, 0, -1),
    "feet up": (-1, 0, 0, 0, 1, 0),
    "oblique": (np.cos(0.3), np.sin(0.3), 0, -np.sin(0.3), np.cos(0.3), 0),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
def test_any_orientation_is_turned_as_nibabel_turns_the_same_scan(turn: tuple[float, ...]) -> None:
    across, down = np.array(turn[:3]), np.array(turn[3:])
    # From the last to the first along the normal: the order of the files says nothing.
    step = -2.0 * np.cross(across, down)
    slices = [
        slice_of(pixels, step * place, ImageOrientationPatient=list(map(float, turn)))
        for place, pixels in enumerate(VOLUME)
    ]
    # A NIfTI header's millimetres point to the right and the front.
    affine = np.eye(4)
    affine[:3, :3] = np.diag([-1, -1, 1]) @ np.stack([across * 0.25, down * 0.5, step], axis=1)
    scan = nibabel.Nifti1Image(VOLUME.transpose(2, 1, 0), affine)
    packed = zipped({f"{place}.dcm": stored(one) for place, one in enumerate(slices)})
    ours, theirs = read_voxels(packed, LIMIT), read_voxels(scan.to_bytes(), LIMIT)
    np.testing.assert_array_equal(ours.values, theirs.values)
    np.testing.assert_allclose(ours.spacing, theirs.spacing, rtol=1e-5)


def test_a_file_of_frames_is_the_series(tmp_path: Path) -> None:
    source = stored(frames(VOLUME))
    voxels = read_voxels(source, LIMIT)
    np.testing.assert_array_equal(voxels.values[..., 0], in_the_body(VOLUME * 2.0 - 1000))
    np.testing.assert_allclose(voxels.spacing, (2, 0.5, 0.25))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "scan.dcm").write_bytes(source)
    again = read_voxels(FileSource([tmp_path / "alone"]).read(0), LIMIT)
    np.testing.assert_array_equal(again.values, voxels.values)


def test_a_scanners_own_series_is_read_as_its_slices_are() -> None:
    folder = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests/98892001/CT5N"
    slices = sorted(map(pydicom.dcmread, folder.iterdir()), key=lambda one: one.ImagePositionPatient[2])
    volume = np.stack([one.pixel_array * one.RescaleSlope + one.RescaleIntercept for one in slices])
    voxels = read_voxels(FileSource([folder]).read(0), LIMIT)
    np.testing.assert_array_equal(voxels.values[..., 0], in_the_body(volume.astype(np.float32)))
    first, second = (float(one.ImagePositionPatient[2]) for one in slices[:2])
    np.testing.assert_allclose(voxels.spacing, (second - first, *slices[0].PixelSpacing))
    assert [type(step) for step in voxels.spacing] == [float] * 3


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_packed_pixels_are_unpacked(syntax: str) -> None:
    slices = series((VOLUME + 1000).astype(np.uint16))
    for one in slices:
        one.compress(RLELossless) if syntax == RLELossless else _as_jpeg2000(one)
    np.testing.assert_array_equal(read(slices), in_the_body(VOLUME + 1000))


def _as_jpeg2000(one: Dataset) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(one.pixel_array).save(file, "JPEG2000", no_jp2=True, irreversible=False)
    one.PixelData = encapsulate([file.getvalue()])
    one["PixelData"].VR = "OB"
    one.file_meta.TransferSyntaxUID = JPEG2000Lossless


# What is no volume: one line each.

BAD: dict[str, tuple[Callable[[list[Dataset]], list[Dataset]], str]] = {}


def bad(text: str) -> Callable[[Callable[[list[Dataset]], list[Dataset]]], None]:
    def enter(change: Callable[[list[Dataset]], list[Dataset]]) -> None:
        BAD[change.__name__] = (change, text)

    return enter


@bad("2 series in one folder; put each into a folder of its own")
def two_series(slices: list[Dataset]) -> list[Dataset]:
    slices[1].SeriesInstanceUID = generate_uid()
    return slices


@bad("slices are missing, or uneven: from one to the next it is 2 to 4 mm; copy all of them")
def one_missing(slices: list[Dataset]) -> list[Dataset]:
    return [*slices[:2], *slices[3:]]


@bad("slices of different sizes (4 x 3 and 3 x 3 pixels)")
def another_size(slices: list[Dataset]) -> list[Dataset]:
    slices[4] = slice_of(VOLUME[4, :3], slices[4].ImagePositionPatient)
    return slices


@bad("slices of different orientations")
def another_orientation(slices: list[Dataset]) -> list[Dataset]:
    slices[2].ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    return slices


@bad("slices whose pixels are differently far apart")
def another_spacing(slices: list[Dataset]) -> list[Dataset]:
    slices[2].PixelSpacing = [1, 1]
    return slices


@bad("two slices at one place")
def one_twice(slices: list[Dataset]) -> list[Dataset]:
    return [*slices, slices[2]]


@bad("only one slice; put a series' files into a folder of their own")
def one_slice(slices: list[Dataset]) -> list[Dataset]:
    return slices[:1]


@bad("shifted against one another, as of a tilted gantry")
def tilted(slices: list[Dataset]) -> list[Dataset]:
    for place, one in enumerate(slices):
        one.ImagePositionPatient = [-10, -20 + place, 30 + 2 * place]
    return slices


@bad("3.dcm is in colour")
def colour(slices: list[Dataset]) -> list[Dataset]:
    slices[3].SamplesPerPixel, slices[3].PhotometricInterpretation, slices[3].PlanarConfiguration = 3, "RGB", 0
    return slices


@bad("0.dcm is in colour")
def palette(slices: list[Dataset]) -> list[Dataset]:
    slices[0].PhotometricInterpretation = "PALETTE COLOR"
    return slices


@bad("1.dcm is packed as JPEG-LS Lossless Image Compression, which cannot be unpacked here; save it uncompressed")
def no_decoder(slices: list[Dataset]) -> list[Dataset]:
    slices[1].PixelData = encapsulate([b"\xff\xd8 no picture "])
    slices[1]["PixelData"].VR = "OB"
    slices[1].file_meta.TransferSyntaxUID = JPEGLSLossless
    return slices


@bad("2.dcm does not say where in the body its slices are")
def no_position(slices: list[Dataset]) -> list[Dataset]:
    del slices[2].ImagePositionPatient
    return slices


@bad("2.dcm does not say where in the body its slices are")
def no_spacing(slices: list[Dataset]) -> list[Dataset]:
    slices[2].PixelSpacing = [0, 1]
    return slices


@bad("2.dcm is damaged, or holds no picture")
def a_report(slices: list[Dataset]) -> list[Dataset]:
    for tag in ("Rows", "Columns", "PixelData"):
        delattr(slices[2], tag)
    return slices


@bad("4.dcm is cut short or damaged")
def too_few_pixels(slices: list[Dataset]) -> list[Dataset]:
    slices[4].PixelData = slices[4].PixelData[:-2]
    return slices


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_volume_is_refused_in_one_line(name: str, capfd: pytest.CaptureFixture, caplog) -> None:
    change, text = BAD[name]
    slices = change(series(VOLUME))
    with caplog.at_level(logging.DEBUG), pytest.raises(BadSample) as refused:
        read(slices)
    assert text in refused.value.reason
    assert "\n" not in refused.value.reason
    assert "Secret" not in refused.value.reason + "".join(capfd.readouterr()) + caplog.text


@pytest.mark.parametrize("part", [0, 0.05, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_named(part: float, tmp_path: Path) -> None:
    folder = write(tmp_path, series(VOLUME))
    # The first: of one that is not there nobody would know.
    one = folder / "IM003.dcm"
    one.write_bytes(one.read_bytes()[: int(part * one.stat().st_size)])
    with pytest.raises(BadSample, match=r"IM003\.dcm is .*copy it again"):
        SPEC.prepare(FileSource([folder]).read(0))


def test_any_cut_of_a_file_of_frames_is_refused_in_one_line() -> None:
    source = stored(frames(VOLUME))
    for end in range(0, len(source), 7):
        with pytest.raises(BadSample) as refused:
            SPEC.prepare(source[:end])
        assert "\n" not in refused.value.reason
        assert "Secret" not in refused.value.reason


def refusal(source: bytes) -> str:
    """Why it cannot be used; nothing where it can."""
    try:
        SPEC.prepare(source)
    except BadSample as error:
        return error.reason
    return ""


def test_any_flipped_byte_is_refused_in_one_line_or_read() -> None:
    source = bytearray(stored(frames(VOLUME)))
    for place in range(132, len(source), 3):
        source[place] ^= 255
        words = refusal(bytes(source))
        assert "\n" not in words
        assert "Secret" not in words
        source[place] ^= 255


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (zipped({"readme.txt": b"no scan"}), "no DICOM files in it"),
        (zipped({"a.dcm": b"no scan", "b.dcm": stored(frames(VOLUME))}), r"a\.dcm is damaged"),
        (zipped({"a.dcm": stored(frames(VOLUME))})[:-30], "the zip is cut short or damaged"),
        (stored(dataset(VOLUME, NumberOfFrames=5)), "the file does not say where in the body its slices are"),
        (
            stored(slice_of(VOLUME, (0, 0, 0), NumberOfFrames=5)),
            "the file does not say where in the body its slices are",
        ),
        (stored(slice_of(VOLUME[0], (0, 0, 0))), "only one slice"),
    ],
)
def test_other_files_are_refused_in_one_line(source: bytes, text: str) -> None:
    with pytest.raises(BadSample, match=text):
        read_voxels(source, LIMIT)


def test_more_voxels_than_allowed_are_refused_before_they_are_unpacked() -> None:
    made = frames(VOLUME)
    made.Rows = made.Columns = 60_000
    with pytest.raises(BadSample, match=r"18000000000 voxels are above the limit of 1048576 \(max_voxels\)"):
        read_voxels(stored(made), LIMIT)


def test_what_would_be_unpacked_as_a_whole_is_refused() -> None:
    made = frames(VOLUME)
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    with pytest.raises(BadSample, match="deflated as a whole"):
        read_voxels(stored(made), LIMIT)


def test_a_zips_larger_files_are_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plusx.data.volume.MAX_BYTES", 1000)
    with pytest.raises(BadSample, match="the zip's files are larger than"):
        read_voxels(zipped({"a.dcm": bytes(2000)}), LIMIT)


def test_without_pydicom_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest, **more):
        if name == "pydicom":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PlusxError, match=r"pip install 'plusx\[medical\]'$") as caught:
        SPEC.prepare(stored(frames(VOLUME)))
    assert not isinstance(caught.value, BadSample)


def test_nothing_of_the_patient_is_read() -> None:
    assert PATIENT.encode() in stored(frames(VOLUME))
    voxels = read_voxels(stored(frames(VOLUME)), LIMIT)
    assert set(voxels._fields) == {"values", "spacing"}
