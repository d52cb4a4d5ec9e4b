"""Boxes in COCO's format: layouts, what is mended, what is refused, and where boxes are in the prepared picture."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_folders import write_squares
from PIL import Image

from plusx.data.boxes import BoxedSource, BoxedSpec, to_own
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.samples import read_dataset
from plusx.errors import WrongUse


@pytest.fixture
def labels(tmp_path: Path) -> dict[str, Any]:
    """Labels of one picture of 40 x 20 pixels with one box, to be changed and written by `write`."""
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / "a.png")
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 40}],
        "annotations": [{"image_id": 1, "category_id": 5, "bbox": [4, 2, 10, 6]}],
        "categories": [{"id": 5, "name": "cat"}, {"id": 9, "name": "dog"}],
    }


def write(folder: Path, content: Any) -> Path:
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


class TestLayouts:
    def check(self, root: Path, counts: dict[str, int]) -> None:
        dataset = read_dataset(root)
        assert dataset.classes == ("blue", "red")
        assert dataset.any_split().task == "detect"
        assert {name: len(dataset.split(name)) for name in counts} == counts

    def test_labels_beside_pictures(self, tmp_path: Path) -> None:
        for seed, (split, count) in enumerate({"train": 5, "valid": 3, "test": 2}.items()):
            write_squares(tmp_path / split, count, seed)
        self.check(tmp_path, {"train": 5, "val": 3, "test": 2})

    def test_roboflow_with_a_category_that_nothing_has(self, tmp_path: Path) -> None:
        content = write_squares(tmp_path / "train", 5, 0, labels="_annotations.coco.json")
        content["categories"].insert(0, {"id": 0, "name": "squares", "supercategory": "none"})
        (tmp_path / "train" / "_annotations.coco.json").write_text(json.dumps(content))
        self.check(tmp_path, {"train": 5})
        assert read_dataset(tmp_path).notes == ("1 categories have no box, such as squares: left out",)

    @pytest.mark.parametrize("pictures", ["train2017", "images/train2017", "images/train"])
    def test_coco_itself(self, pictures: str, tmp_path: Path) -> None:
        content = write_squares(tmp_path / pictures, 4, 0)
        (tmp_path / pictures / "annotations.json").unlink()
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
        (tmp_path / "annotations" / "captions_train2017.json").write_text("{}")
        self.check(tmp_path, {"train": 4})

    def test_a_folder_of_its_own_is_a_training_set(self, tmp_path: Path) -> None:
        write_squares(tmp_path, 4, 0)
        self.check(tmp_path, {"train": 4})
        train = read_dataset(tmp_path).split("train")
        assert train.label(0) in ("red", "blue", "blue|red")
        assert train.counts().sum() == (train.targets[..., 0] >= 0).sum()


class TestBoxes:
    def test_corners_and_classes_by_the_ids(self, tmp_path: Path, labels: dict[str, Any]) -> None:
        labels["annotations"].append({"image_id": 1, "category_id": 9, "bbox": [0, 0, 40, 20], "iscrowd": 1})
        samples = read_dataset(write(tmp_path, labels)).split("train")
        assert samples.classes == ("cat", "dog")
        assert samples.targets.tolist() == [[[0, 4, 2, 14, 8], [-3, 0, 0, 40, 20]]]
        assert samples.counts().tolist() == [1, 0]

    def test_one_class_is_enough(self, tmp_path: Path, labels: dict[str, Any]) -> None:
        assert read_dataset(write(tmp_path, labels)).classes == ("cat",)

    def test_a_models_classes_are_matched_by_name(self, tmp_path: Path, labels: dict[str, Any]) -> None:
        labels["annotations"].append({"image_id": 1, "category_id": 9, "bbox": [0, 0, 40, 20], "iscrowd": 1})
        theirs = read_dataset(write(tmp_path, labels), classes=("dog", "cow", "cat")).split("train")
        assert theirs.targets[0, :, 0].tolist() == [2, -2]
        with pytest.raises(WrongUse, match="the model does not know the classes dog; leave them out"):
            read_dataset(tmp_path, classes=("cat", "cow"))

    @pytest.mark.parametrize(
        ("change", "note", "left"),
        [
            ({"bbox": [30, 10, 20, 20]}, "1 boxes reach out of their pictures: clipped", [30, 10, 40, 20]),
            ({"bbox": [30, 10, 10.3, 10]}, None, [30, 10, 40, 20]),
            ({"bbox": [3, 3, 0, 9]}, "1 boxes have no area inside of their pictures: left out", None),
            ({"bbox": [50, 3, 4, 9]}, "1 boxes have no area inside of their pictures: left out", None),
            ({"bbox": [3, 3, -5, 9]}, "1 boxes have no area inside of their pictures: left out", None),
            ({"bbox": [3, 3, 5]}, "1 boxes are not four finite numbers: left out", None),
            ({"bbox": [3, 3, float("nan"), 5]}, "1 boxes are not four finite numbers: left out", None),
            ({"bbox": "3 3 5 5"}, "1 boxes are not four finite numbers: left out", None),
            ({"image_id": 7}, "1 boxes are of pictures that are not listed: left out", None),
            ({"image_id": [1]}, "1 boxes are of pictures that are not listed: left out", None),
            ({"category_id": 6}, "1 boxes are of categories that are not listed: left out", None),
        ],
    )
    def test_what_can_be_mended_is(
        self, change: dict[str, Any], note: str | None, left: list[float] | None, tmp_path: Path, labels: dict[str, Any]
    ) -> None:
        labels["annotations"].append({"image_id": 1, "category_id": 9, "bbox": [0, 0, 2, 2], **change})
        dataset = read_dataset(write(tmp_path, labels))
        notes = [one for one in dataset.notes if "categories have no box" not in one]
        assert notes == ([] if note is None else [f"{tmp_path / 'annotations.json'}: {note}"])
        rows = dataset.split("train").targets[0]
        assert len(rows) == (1 if left is None else 2)
        if left is not None:
            assert rows[1, 1:].tolist() == left

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ([], 'has no list "images" of objects'),
            ({"images": [], "annotations": {}}, 'has no list "annotations" of objects'),
            ({"images": [], "annotations": [], "categories": [3]}, 'has no list "categories" of objects'),
            ({"images": [], "annotations": [], "categories": [{"id": "x", "name": "cat"}]}, "no whole number as id"),
            (
                {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "cat"}]},
                "the category cat is there twice",
            ),
            ({"images": [{"id": 1}], "annotations": [], "categories": []}, "a picture has no id or no file_name"),
            (
                {"images": [{"id": 1, "file_name": "a.png"}] * 2, "annotations": [], "categories": []},
                "two pictures have the id 1",
            ),
            ({"images": [], "annotations": [], "categories": []}, "no picture has a box"),
            (
                {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": []},
                "no picture has a box",
            ),
        ],
    )
    def test_what_is_no_such_file_is_refused_in_a_line(self, content: Any, says: str, tmp_path: Path) -> None:
        with pytest.raises(WrongUse, match=says) as refused:
            read_dataset(write(tmp_path, content))
        assert str(refused.value).startswith(str(tmp_path))
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
    def test_what_is_no_json_is_refused_in_a_line(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "annotations.json").write_text(text)
        with pytest.raises(WrongUse, match=r"annotations\.json: cannot be read as JSON"):
            read_dataset(tmp_path)


SPEC = ImageSpec(height=32, width=32, channels=3, fit="letterbox")


class TestPreparing:
    def test_missing_and_other_pictures_are_skipped(self, tmp_path: Path, labels: dict[str, Any]) -> None:
        labels["images"] += [
            {"id": 2, "file_name": "b.png"},
            {"id": 3, "file_name": "c.png", "height": 40, "width": 20},
            {"id": 4, "file_name": "d.png", "height": 0, "width": 20},
        ]
        for name in "cd":
            Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(tmp_path / f"{name}.png")
        samples = read_dataset(write(tmp_path, labels)).split("train")
        prepared = prepare_samples(samples, SPEC, cache=None)
        assert [Path(one.name).name for one in prepared.skipped] == ["b.png", "c.png"]
        assert prepared.skipped[0].reason == "there is no such file"
        assert prepared.skipped[1].reason == "its boxes are for a picture of 20 x 40 pixels, it has 40 x 20"
        assert len(prepared.targets) == len(prepared) == 2
        assert (prepared.targets[1] == -1).all()

    @pytest.mark.parametrize("cached", [True, False])
    def test_pixels_and_boxes_go_together(self, cached: bool, tmp_path: Path) -> None:
        """In the prepared picture, squares are where their boxes say."""
        write_squares(tmp_path / "data", 9, 0)
        samples = read_dataset(tmp_path / "data").split("train")
        spec = ImageSpec(height=96, width=128, channels=3, fit="letterbox")
        prepared = prepare_samples(samples, spec, cache=tmp_path / "cache" if cached else None)
        taken = prepared.take(np.array([8, 1, 3]))
        pixels, targets = taken.pairs(np.arange(3))
        for picture, rows in zip(pixels, targets, strict=True):
            # The last of several squares lies over the others.
            label, *shares = rows[rows[:, 0] >= 0][-1]
            x0, y0, x1, y1 = (np.array(shares) * [128, 96, 128, 96]).round().astype(int)
            inner = picture[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].reshape(-1, 3)
            assert (inner == ((40, 60, 250), (250, 40, 40))[int(label)]).all()

    @pytest.mark.parametrize("fit", ["letterbox", "stretch", "native", "crop"])
    @pytest.mark.parametrize("size", [(30, 50), (64, 33), (200, 100), (32, 32)])
    def test_a_box_goes_where_its_pixels_go_and_back(self, fit: Any, size: tuple[int, int]) -> None:
        height, width = size
        box = np.array([width * 0.4, height * 0.4, width * 0.6, height * 0.6]).round()
        picture = np.zeros((height, width), np.uint8)
        x0, y0, x1, y1 = box.astype(int)
        picture[y0:y1, x0:x1] = 255
        spec = ImageSpec(height=48, width=64, channels=1, fit=fit, background=0)
        seen = spec.prepare(picture)[..., 0] > 127
        rows = np.full((1, 2, 5), -1, np.float32)
        rows[0, 0] = (0, *box)
        placed = BoxedSpec(spec).placed(rows, np.array([size]))
        there = np.flatnonzero(seen.any(0)), np.flatnonzero(seen.any(1))
        found = [there[0][0], there[1][0], there[0][-1] + 1, there[1][-1] + 1]
        assert np.abs(placed[0, 0, 1:] * [64, 48, 64, 48] - found).max() <= 1
        assert (placed[0, 1] == -1).all()
        if fit != "crop":
            np.testing.assert_allclose(to_own(placed[0, :1, 1:], size, spec)[0], box, atol=1e-3)

    def test_what_a_crop_hides_is_absent(self) -> None:
        spec = BoxedSpec(ImageSpec(height=8, width=8, channels=1))
        rows = np.array([[[0, 0, 0, 3, 8], [0, 0, 0, 8, 8]]], np.float32)
        assert spec.placed(rows, np.array([[8, 16]])).tolist() == [[[-1] * 5, [0, 0, 0, 0.5, 1]]]

    def test_a_source_changes_with_its_sizes(self, tmp_path: Path, labels: dict[str, Any]) -> None:
        source = read_dataset(write(tmp_path, labels)).split("train").source
        assert isinstance(source, BoxedSource)
        other = BoxedSource(source.pictures, source.sizes + 1)
        assert other.fingerprint() != source.fingerprint()
        assert source.take(np.array([0])).fingerprint() == source.fingerprint()
