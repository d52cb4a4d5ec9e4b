"""Pictures with their masks as they lie on disk: four layouts and lists, against hand-written expectations."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plusx.data.decode import BadSample
from plusx.data.image import ImageSpec
from plusx.data.masked import MaskedSpec
from plusx.data.masks import Codes, Pair, PairSource, read_mask
from plusx.data.samples import read_dataset
from plusx.errors import WrongUse

GREY = np.full((4, 6), 90, np.uint8)


def save(path: Path, values: np.ndarray, mode: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(values)
    if mode == "P":
        picture.putpalette(bytes(range(256)) * 3)
    picture.save(path)
    return path


def mask_of(*values: int) -> np.ndarray:
    """Each value on a column of its own, the last on the rest."""
    mask = np.full((4, 6), values[-1], np.uint8)
    mask[:, : len(values)] = values
    return mask


def first_mask(root: Path, split: str = "train") -> np.ndarray:
    source = read_dataset(root).split(split).source
    assert isinstance(source, PairSource)
    pair = source.read(0)
    return read_mask(pair.mask, pair.codes)


def encoded(values: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    file = BytesIO()
    picture = Image.fromarray(values)
    (picture.convert(mode) if mode else picture).save(file, kind)
    return file.getvalue()


def test_our_own_layout_nests_and_names_classes(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a" / "1.jpg", GREY)
    save(tmp_path / "masks" / "a" / "1.png", mask_of(0, 1, 2), "P")
    save(tmp_path / "images" / "lone.png", GREY)
    unnamed = read_dataset(tmp_path)
    assert unnamed.any_split().classes == ("0", "1", "2")
    assert any("1 pictures without a mask of the same name, such as lone" in note for note in unnamed.notes)
    (tmp_path / "classes.txt").write_text("sky\nroad\n\ncar\n")
    assert read_dataset(tmp_path).any_split().classes == ("sky", "road", "car")
    np.testing.assert_array_equal(first_mask(tmp_path), mask_of(0, 1, 2))


def test_pascal_voc_reads_its_lists(tmp_path: Path) -> None:
    for name in ("2007_1", "2007_2"):
        save(tmp_path / "JPEGImages" / f"{name}.jpg", GREY)
        save(tmp_path / "SegmentationClass" / f"{name}.png", mask_of(0, 15, 255), "P")
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_2\n")
    (lists / "val.txt").write_text("2007_1\n")
    (lists / "test.txt").write_text("2008_9\n")
    found = read_dataset(tmp_path)
    assert found.test is None
    assert found.split("train").classes[15] == "person"
    np.testing.assert_array_equal(first_mask(tmp_path, "val"), mask_of(0, 15, 255))


def test_camvid_ignores_what_is_unlabelled(tmp_path: Path) -> None:
    save(tmp_path / "train" / "1.png", GREY)
    save(tmp_path / "trainannot" / "1.png", mask_of(0, 10, 11))
    assert read_dataset(tmp_path).split("train").classes[10] == "bicyclist"
    np.testing.assert_array_equal(first_mask(tmp_path), mask_of(0, 10, 255))


def test_cityscapes_label_ids_become_train_ids(tmp_path: Path) -> None:
    save(tmp_path / "leftImg8bit" / "train" / "ulm" / "ulm_0_leftImg8bit.png", GREY)
    save(tmp_path / "gtFine" / "train" / "ulm" / "ulm_0_gtFine_labelIds.png", mask_of(7, 33, 0, 26))
    np.testing.assert_array_equal(first_mask(tmp_path), mask_of(0, 18, 255, 13))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("sky\nsky\n", "the class sky is there twice"),
        ("", "0 classes"),
        ("\n".join(map(str, range(256))), "256 classes"),
    ],
)
def test_bad_names_of_classes_are_refused(lines: str, says: str, tmp_path: Path) -> None:
    save(tmp_path / "images" / "1.png", GREY)
    save(tmp_path / "masks" / "1.png", mask_of(0, 1))
    (tmp_path / "classes.txt").write_text(lines)
    with pytest.raises(WrongUse) as refused:
        read_dataset(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / 'classes.txt'}: ")
    assert says in str(refused.value)


def test_folders_whose_names_do_not_meet_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "images" / "1.png", GREY)
    save(tmp_path / "masks" / "one.png", mask_of(0))
    with pytest.raises(WrongUse, match="no picture in images/ has a PNG of the same name in masks/"):
        read_dataset(tmp_path)


BAD = {
    "jpeg": (encoded(mask_of(0), "JPEG"), "its mask: it is no PNG: other formats change the classes"),
    "colours": (encoded(mask_of(0), mode="RGB"), "its mask: it has colours or more than 8 bits"),
    "sixteen": (encoded(mask_of(0).astype(np.uint16)), "colours or more than 8 bits"),
    "value": (encoded(mask_of(0, 9)), "has the value 9, which is none of the 2 classes"),
    "size": (encoded(np.zeros((4, 5), np.uint8)), "its mask is 5 x 4 pixels, the picture 6 x 4"),
    "ignored": (encoded(mask_of(255)), "ignores every pixel"),
    "cut": (encoded(mask_of(0, 1))[:-30], "its mask: the file is cut short; copy it again"),
}


@pytest.mark.parametrize(("mask", "says"), BAD.values(), ids=BAD.keys())
def test_a_bad_mask_is_a_bad_example(mask: bytes, says: str) -> None:
    spec = MaskedSpec(ImageSpec(height=4, width=6, channels=1))
    with pytest.raises(BadSample, match=says):
        spec.prepare(Pair(encoded(GREY), mask, Codes.plain(2)))


def test_masks_are_fitted_as_their_pictures_and_bars_are_ignored() -> None:
    spec = MaskedSpec(ImageSpec(height=6, width=6, channels=1, fit="letterbox"))
    _, mask = spec.split(spec.prepare(Pair(GREY, mask_of(0, 1), Codes.plain(2))))
    np.testing.assert_array_equal(mask[1:5], mask_of(0, 1))
    assert (mask[[0, 5]] == 255).all()
