"""Folders of slices as examples: which are found, and their files as one run of bytes."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from dicoms import frames, series, slice_of, stored, write, zipped

from plusx.data.decode import BadSample
from plusx.data.samples import FileSource, read_dataset
from plusx.data.volume import VolumeSpec
from plusx.errors import WrongUse
from plusx.predict.inputs import expand

VOLUME = np.random.default_rng(0).integers(-1000, 2000, (5, 4, 3)).astype(np.int16)
SPEC = VolumeSpec(depth=5, height=4, width=3)


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """Two classes: series in folders, with and without endings, in a zip, and a file of frames."""
    for place, label in enumerate(("ill", "well")):
        write(tmp_path / label / "p1", series(VOLUME + place))
        write(tmp_path / label / "p10" / "day 1", series(VOLUME + place), ending="")
        write(tmp_path / label / "p10" / "day 2", series(VOLUME + place), ending=".1.2.840")
        (tmp_path / label / "p10" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
        slices = {f"{number}.dcm": stored(one) for number, one in enumerate(series(VOLUME))}
        (tmp_path / label / "p2.zip").write_bytes(zipped(slices))
        (tmp_path / label / "p3.dcm").write_bytes(stored(frames(VOLUME)))
        (tmp_path / label / "p4").mkdir()
        (tmp_path / label / "p4" / "scan.dcm").write_bytes(stored(frames(VOLUME)))
        (tmp_path / label / "notes.txt").write_text("no scan")
    return tmp_path


EXAMPLES = ("p1/", "p2.zip", "p3.dcm", "p4/scan.dcm", "p10/day 1/", "p10/day 2/")


def names(clinic: Path, found: list[str]) -> list[str]:
    return [name.removeprefix(f"{clinic}/") for name in found]


def test_a_folder_of_slices_in_a_class_folder_is_one_example(clinic: Path) -> None:
    found = read_dataset(clinic).split("train")
    assert found.modality == "volume"
    expected = [f"{label}/{one}" for label in ("ill", "well") for one in EXAMPLES]
    assert sorted(names(clinic, [found.source.name(place) for place in range(len(found))])) == sorted(expected)
    for place in range(len(found)):
        assert SPEC.prepare(found.source.read(place)).shape == (5, 4, 3, 1)


def test_a_list_may_name_folders_and_is_the_same_set(clinic: Path) -> None:
    given = ("p10/day 2", "p3.dcm", "p4/scan.dcm", "p10/day 1", "p2.zip", "p1/")
    rows = [f"{label}/{one},{label}" for label in ("well", "ill") for one in given]
    (clinic / "list.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    listed, found = (read_dataset(where).split("train") for where in (clinic / "list.csv", clinic))
    assert listed.modality == "volume"
    assert listed.source.fingerprint() == found.source.fingerprint()
    assert listed.targets.tolist() == found.targets.tolist()


def test_loose_slices_in_a_class_folder_are_each_refused(tmp_path: Path) -> None:
    for label in ("ill", "well"):
        write(tmp_path / label, series(VOLUME))
    found = read_dataset(tmp_path).split("train")
    assert len(found) == 10
    with pytest.raises(BadSample, match="put a series' files into a folder of their own"):
        SPEC.prepare(found.source.read(0))


def test_folders_of_slices_are_found_to_predict(clinic: Path) -> None:
    found = names(clinic, list(expand([str(clinic / "ill"), str(clinic / "well" / "p1")], io.StringIO(), "volume")))
    assert sorted(found) == sorted([*(f"ill/{one}" for one in EXAMPLES), "well/p1/"])
    # For other models they are no examples.
    with pytest.raises(WrongUse, match="no picture is in this folder"):
        list(expand([str(clinic)], io.StringIO(), "image"))


def test_a_changed_slice_changes_the_sets_fingerprint(tmp_path: Path) -> None:
    folder = write(tmp_path / "scan", series(VOLUME))
    source = FileSource([folder])
    before = source.fingerprint()
    assert source.fingerprint() == before
    (folder / "IM003.dcm").write_bytes(stored(slice_of(VOLUME[0, :3], (0, 0, 0))))
    changed = source.fingerprint()
    assert changed != before
    (folder / "IM003.dcm").unlink()
    assert source.fingerprint() not in (before, changed)


def test_a_folders_bytes_are_the_same_wherever_it_lies(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, series(VOLUME)) for name in ("one", "other"))
    for path in one.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    assert FileSource([one]).read(0) == FileSource([other]).read(0)


def test_a_name_need_not_be_text(tmp_path: Path) -> None:
    folder = write(tmp_path, series(VOLUME))
    os.rename(folder / "IM003.dcm", os.path.join(os.fsencode(folder), b"\xff\n.dcm"))
    before = FileSource([folder]).fingerprint()
    assert SPEC.prepare(FileSource([folder]).read(0)).shape == (5, 4, 3, 1)
    Path(os.fsdecode(os.path.join(os.fsencode(folder), b"\xff\n.dcm"))).write_bytes(b"cut")
    assert FileSource([folder]).fingerprint() != before
    with pytest.raises(BadSample, match=r"^\\xff\?\.dcm is damaged"):
        SPEC.prepare(FileSource([folder]).read(0))


def test_a_folder_without_slices_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no scan")
    with pytest.raises(BadSample, match=r"a folder without DICOM files \(\.dcm\)"):
        FileSource([tmp_path]).read(0)
