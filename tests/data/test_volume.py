"""Volumes from files, against nibabel's own reading, SciPy, and values counted by hand."""

import builtins
import gzip
import io
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.affines import voxel_sizes

from plusx.data.decode import BadSample
from plusx.data.volume import VolumeSpec, read_voxels
from plusx.errors import PlusxError

LIMIT = 1 << 20


def npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def nifti(values: np.ndarray, affine: np.ndarray | None = None, kind=nibabel.Nifti1Image, units: str = "mm") -> bytes:
    image = kind(values, np.diag([2.0, 2.0, 2.0, 1.0]) if affine is None else affine)
    image.header.set_xyzt_units(units)
    return image.to_bytes()


def blob(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(100, 30, shape).astype(np.float32)


AFFINES = {
    "RAS": np.diag([1.0, 2.0, 3.0, 1.0]),
    "LPS": np.diag([-1.0, -2.0, 3.0, 1.0]),
    "ASR": np.array([[0, 0, 3.0, 5], [1.0, 0, 0, -4], [0, 2.0, 0, 2], [0, 0, 0, 1]]),
    "oblique": np.array([[0.9, -0.2, 0.1, 5], [0.3, 1.8, 0.2, -4], [-0.1, 0.1, 2.9, 2], [0, 0, 0, 1]]),
}


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES.keys())
@pytest.mark.parametrize("shape", [(4, 5, 6), (4, 5, 6, 2)])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("packed", [False, True])
def test_a_scan_is_turned_as_nibabel_turns_it(affine: np.ndarray, shape: tuple[int, ...], kind, packed: bool):
    values = blob(shape)
    source = nifti(values, affine, kind)
    voxels = read_voxels(gzip.compress(source) if packed else source, LIMIT)
    theirs = nibabel.as_closest_canonical(nibabel.Nifti1Image(values, affine))
    expected = np.moveaxis(theirs.get_fdata().reshape(*theirs.shape[:3], -1), (0, 1, 2), (2, 1, 0))
    np.testing.assert_allclose(voxels.values, expected, rtol=1e-6)
    assert nibabel.aff2axcodes(theirs.affine) == ("R", "A", "S")
    np.testing.assert_allclose(voxels.spacing, voxel_sizes(theirs.affine)[::-1], rtol=1e-6)


@pytest.mark.parametrize(("units", "factor"), [("mm", 1), ("meter", 1000), ("micron", 0.001), ("unknown", 1)])
def test_spacing_is_in_millimetres(units: str, factor: float):
    spacing = read_voxels(nifti(blob((3, 3, 3)), AFFINES["RAS"], units=units), LIMIT).spacing
    np.testing.assert_allclose(spacing, np.array([3, 2, 1]) * factor)


def test_a_scans_slope_and_intercept_are_applied():
    image = nibabel.Nifti1Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    image.header.set_slope_inter(2, -1024)
    image.header.set_data_dtype(np.int16)
    voxels = read_voxels(nibabel.Nifti1Image.to_bytes(image), LIMIT)
    stored = nibabel.Nifti1Image.from_bytes(image.to_bytes()).get_fdata()
    np.testing.assert_allclose(voxels.values[..., 0], stored.transpose(2, 1, 0))


def test_arrays_and_their_files_are_the_same():
    spec = VolumeSpec(depth=4, height=4, width=4, channels=2, window=(0, 200))
    values = blob((5, 4, 3, 2))
    prepared = spec.prepare(values)
    assert prepared.dtype == np.float16
    np.testing.assert_array_equal(prepared, spec.prepare(npy(values)))
    np.testing.assert_array_equal(prepared, spec.prepare(npy(np.asfortranarray(values))))


def test_a_ramp_keeps_its_millimetres_when_it_is_resampled():
    # Voxel k covers 2k to 2k + 2 mm and has the value of its middle: so must those of any other size.
    ramp = np.broadcast_to((np.arange(24, dtype=np.float32) * 2 + 1)[:, None, None], (24, 6, 6))
    for step in (1.0, 3.0, 4.0):
        spec = VolumeSpec(depth=round(48 / step), height=6, width=6, spacing=(step, 2, 2), window=(0, 48))
        levels = spec.prepare(nifti(ramp.transpose(2, 1, 0), np.diag([2.0, 2.0, 2.0, 1.0])))[:, 3, 3, 0]
        middles = (np.arange(spec.depth) + 0.5) * step
        inside = slice(3, -3)
        np.testing.assert_allclose(levels[inside], (middles * 255 / 48)[inside], atol=0.3)


def test_what_is_finer_than_the_new_voxels_does_not_alias():
    stripes = np.tile(np.array([0, 255], np.float32), 32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    levels = VolumeSpec(depth=16, height=4, width=4, fit="stretch", window=(0, 255)).prepare(stripes)
    assert np.abs(levels[2:-2].astype(float) - 127.5).max() < 12


def test_the_middle_is_kept_and_what_is_missing_is_the_windows_lower_end():
    values = np.arange(5 * 2 * 3, dtype=np.float32).reshape(5, 2, 3) + 10
    levels = VolumeSpec(depth=3, height=4, width=3, window=(0, 255)).prepare(values)[..., 0]
    np.testing.assert_array_equal(levels[:, 1:3], values[1:4])
    assert (levels[:, [0, 3]] == 0).all()


def test_a_window_is_a_line_cut_off_at_both_ends():
    values = np.array([-2000, -1000, -300, 400, 3000], np.int16).reshape(5, 1, 1)
    levels = VolumeSpec(depth=5, height=1, width=1, window=(-1000, 400)).prepare(values).ravel()
    np.testing.assert_allclose(levels, [0, 0, 127.5, 255, 255])


def test_percentiles_are_each_volumes_own():
    values = blob((9, 9, 9))
    spec = VolumeSpec(depth=9, height=9, width=9, percentiles=(10, 90))
    levels = spec.prepare(values)
    low, high = np.percentile(values, [10, 90])
    np.testing.assert_allclose(levels[..., 0], ((values - low) / (high - low) * 255).clip(0, 255), atol=0.07)
    # A scanner's unit does not matter.
    np.testing.assert_allclose(spec.prepare(values * 3 - 7), levels, atol=0.13)


def test_half_precision_is_finer_than_a_2000th_of_the_window():
    values = np.linspace(0, 255, 10_000, dtype=np.float32).reshape(100, 10, 10)
    levels = VolumeSpec(depth=100, height=10, width=10, window=(0, 255)).prepare(values)[..., 0]
    assert np.abs(levels.astype(np.float32) - values).max() <= 255 / 4080


def test_a_volume_without_any_spread_is_level_0():
    spec = VolumeSpec(depth=2, height=2, width=2)
    assert (spec.prepare(np.full((2, 2, 2), 7.0)) == 0).all()


def zero_spacing() -> bytes:
    source = bytearray(nifti(blob((3, 3, 3))))
    source[80:84] = bytes(4)  # pixdim[1]
    return bytes(source)


SPEC = VolumeSpec(depth=3, height=3, width=3, max_voxels=1000)
GOOD = nifti(blob((3, 3, 3)))
BAD = {
    "empty": (b"", "the file is empty"),
    "rubbish": (b"rubbish", "not a .npy, NIfTI or DICOM volume"),
    "NaN": (npy(np.where(np.arange(27).reshape(3, 3, 3) == 14, np.nan, 1.0)), "voxel 1 1 2 .slice, row, column from 0"),
    "infinite": (npy(np.full((3, 3, 3), np.inf)), "infinite or no number"),
    "NaN in a scan": (nifti(np.full((3, 3, 3), np.nan, np.float32)), "infinite or no number"),
    "two axes": (npy(np.zeros((3, 3))), "no volume of 3 axes"),
    "five axes": (npy(np.zeros((3, 3, 3, 1, 1))), "no volume of 3 axes"),
    "channels": (npy(np.zeros((3, 3, 3, 2))), "2 channels, not 1"),
    "pickle": (npy(np.array([[[None]]], object)), "pickle"),
    "no voxels": (npy(np.zeros((0, 3, 3))), "no voxels"),
    "too many": (npy(np.zeros((11, 10, 10))), "above the limit of 1000"),
    "too many in a scan": (gzip.compress(nifti(np.zeros((11, 10, 10), np.uint8))), "above the limit of 1000"),
    "short": (GOOD[:-1], "damaged|cut short"),
    "short and packed": (gzip.compress(GOOD)[:-20], "cut short"),
    "packed rubbish": (gzip.compress(b"rubbish" * 100), "damaged"),
    "flat scan": (nifti(np.zeros((3, 3), np.uint8)), "2 axes"),
    "zero spacing": (zero_spacing(), r"0 x 2 x 2 mm large; mend the file's header"),
    "complex": (nifti(np.zeros((3, 3, 3), np.complex64)), "complex64 are not supported"),
}


@pytest.mark.parametrize(("source", "words"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_used_is_a_bad_sample(source: bytes, words: str):
    with pytest.raises(BadSample, match=words) as caught:
        SPEC.prepare(source)
    assert "\n" not in caught.value.reason
    SPEC.prepare(GOOD)


def test_a_header_that_promises_too_much_is_never_unpacked(monkeypatch: pytest.MonkeyPatch):
    read: list[int] = []
    original = gzip.GzipFile.read

    def counted(self, size=-1):
        data = original(self, size)
        read.append(len(data))
        return data

    monkeypatch.setattr(gzip.GzipFile, "read", counted)
    with pytest.raises(BadSample, match="above the limit"):
        SPEC.prepare(gzip.compress(nifti(np.zeros((200, 100, 100), np.uint8))))
    assert sum(read) < 10_000


def test_without_nibabel_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch):
    original = builtins.__import__

    def without(name, *rest, **more):
        if name == "nibabel":
            raise ImportError(name)
        return original(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(PlusxError, match=r"pip install 'plusx\[medical\]'$") as caught:
        SPEC.prepare(GOOD)
    assert not isinstance(caught.value, BadSample)
    SPEC.prepare(npy(np.zeros((3, 3, 3))))


@pytest.mark.parametrize(
    "wrong",
    [{"mean": (1, 2)}, {"std": (0,)}, {"window": (3, 3)}, {"window": (0, float("inf"))}, {"percentiles": (90, 10)}],
)
def test_a_spec_that_makes_no_sense_is_refused(wrong: dict):
    with pytest.raises(ValueError, match=r"mean|std|window|percentiles"):
        VolumeSpec(depth=1, height=1, width=1, **wrong)


def test_files_are_never_changed(tmp_path: Path):
    path = tmp_path / "scan.nii"
    path.write_bytes(GOOD)
    SPEC.prepare(path.read_bytes())
    assert path.read_bytes() == GOOD
