"""Folders, CSV and Parquet files into one table."""

import csv
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.data.image import BadSample
from plusx.data.samples import ArraySource, FileSource, Samples, hold_out, read_dataset, write_splits
from plusx.data.sources import natural
from plusx.errors import WrongUse


def names(samples: Samples, root: Path) -> list[str]:
    return [os.path.relpath(samples.source.name(index), root) for index in range(len(samples))]


def labels(samples: Samples) -> list[str]:
    return [samples.classes[target] for target in samples.targets]


def write_csv(path: Path, rows: list[tuple[str, ...]], encoding: str = "utf-8") -> Path:
    with open(path, "w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def wrong(data: Path | str, words: str, **options) -> None:
    with pytest.raises(WrongUse, match=words) as error:
        read_dataset(data, **options)
    assert "\n" not in str(error.value)


# folders


def test_class_folders(make_folder):
    root = make_folder({"img10/a.png": 1, "img2/b10.png": 2, "img2/deep/er/b9.PNG": 3, "img2/.c.png": 4})
    (root / "img2" / "notes.txt").write_text("not a picture")
    (root / ".hidden").mkdir()
    dataset = read_dataset(root)
    assert dataset.classes == ("img2", "img10")
    assert (dataset.val, dataset.test, dataset.notes) == (None, None, ())
    train = dataset.split("train")
    assert names(train, root) == ["img10/a.png", "img2/deep/er/b9.PNG", "img2/b10.png"]
    assert labels(train) == ["img10", "img2", "img2"]
    assert train.counts().tolist() == [2, 1]
    assert labels(train.take(np.array([2, 0]))) == ["img2", "img10"]


@pytest.mark.parametrize("val", ["val", "valid", "validation", "Val"])
def test_split_folders_share_one_list_of_classes(make_folder, val: str):
    root = make_folder({"train/b/1.png": 1, "train/c/2.png": 2, f"{val}/a/3.png": 3, "test/c/4.png": 4})
    dataset = read_dataset(root)
    assert dataset.classes == ("a", "b", "c")
    assert [labels(dataset.split(name)) for name in ("train", "val", "test")] == [["b", "c"], ["a"], ["c"]]


def test_a_missing_split_is_named(make_folder):
    dataset = read_dataset(make_folder({"train/a/1.png": 1, "train/b/2.png": 2, "test/a/3.png": 3}))
    with pytest.raises(WrongUse, match="no split 'val'; it has train, test"):
        dataset.split("val")


def test_a_class_may_be_called_like_a_split(make_folder):
    dataset = read_dataset(make_folder({"car/1.png": 1, "train/2.png": 2}))
    assert dataset.classes == ("car", "train")


def test_links_are_followed_once(make_folder, tmp_path: Path):
    root = make_folder({"a/1.png": 1, "b/2.png": 2})
    elsewhere = make_folder({"../far/3.png": 3}).parent / "far"
    (root / "b" / "loop").symlink_to(root)
    (root / "b" / "far").symlink_to(elsewhere)
    (root / "a" / "again").symlink_to(root / "a")
    (root / "0-alias").symlink_to(root / "a")
    dataset = read_dataset(root)
    assert dataset.classes == ("a", "b")
    train = dataset.split("train")
    real = sorted(Path(train.source.name(index)).name for index in range(len(train)))
    assert real == ["1.png", "2.png", "3.png"]
    assert any("0-alias" in note for note in dataset.notes)


def test_empty_class_folders_and_loose_pictures_are_noted(make_folder):
    root = make_folder({"a/1.png": 1, "b/2.png": 2, "loose.png": 3})
    (root / "c").mkdir()
    dataset = read_dataset(root)
    assert dataset.classes == ("a", "b")
    assert len(dataset.notes) == 2
    assert "c: no pictures" in dataset.notes[0]
    assert "1 pictures outside" in dataset.notes[1]


def test_wrong_folders(make_folder, tmp_path: Path):
    wrong(make_folder({"only/1.png": 1}), "only one class, 'only'")
    root = make_folder({"other/2.png": 2})
    (root / "val").mkdir()
    (root / "train").mkdir()
    wrong(root, "splits or classes")
    (tmp_path / "empty").mkdir()
    wrong(tmp_path / "empty", "no file that could be an example")
    flat = make_folder({"../flat/train/a/1.png": 1, "../flat/val/2.png": 1}).parent / "flat"
    wrong(flat, "val: 1 pictures but no class folders")
    (flat / "valid").mkdir()
    wrong(flat, "same split")
    wrong(tmp_path / "nowhere", "no such folder or file")
    wrong("minst", "did you mean mnist")
    wrong(tmp_path / "empty", "--data-dir goes with a known name", data_dir=tmp_path)
    (tmp_path / "x.tar").touch()
    wrong(tmp_path / "x.tar", "not a folder, CSV or Parquet")


ASKED = {
    "image": r"no pictures \(\.png, .*\); put the pictures of each class",
    "sound": r"no sounds \(\.wav, .*\.mp3\); put the sounds of each class",
    "text": r"no texts \(\.txt\); put",
    "volume": r"no volumes \(\.npy, \.nii, \.nii\.gz, \.dcm, \.zip, folders of slices\); put",
    "signal": r"no signals \(\.npy, \.csv\); put",
}


@pytest.mark.parametrize(("modality", "says"), ASKED.items())
def test_a_folder_without_examples_says_what_would_be_read(tmp_path: Path, modality: str, says: str):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "notes.docx").touch()
    wrong(tmp_path, says, modality=modality)
    wrong(tmp_path, says.split(";")[0].removeprefix("no "))


# listings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_csv(make_folder, tmp_path: Path, encoding: str):
    root = make_folder({"x/2.png": 1, "x/10.png": 2, "y/1.png": 3})
    absolute = str(root / "y" / "1.png")
    rows = [
        ("label", "split", "path", "more"),
        ("dög", "train", "set/x/10.png", ""),
        ("cat", "valid", absolute, ""),
        ("cat ", "Train", "set/./x/2.png", ""),
    ]
    dataset = read_dataset(write_csv(tmp_path / "list.csv", rows, encoding))
    assert dataset.classes == ("cat", "dög")
    assert names(dataset.split("train"), root) == ["x/2.png", "x/10.png"]
    assert labels(dataset.split("train")) == ["cat", "dög"]
    assert names(dataset.split("val"), root) == ["y/1.png"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("file", "label")], "no column 'path' or 'text' among file, label; add it"),
        ([("text", "lable")], "no column 'label' among text, lable; add it"),
        ([("path", "transcript")], "no column 'label', 'target', 'mask' or 'text' among path, transcript; add it"),
        ([], "the file is empty; list examples in it"),
        ([("path", "label")], "lists no examples"),
        ([("path", "label"), ("a.png", "")], "line 2: no label"),
        ([("path", "label"), ("a.png", "x"), ("", "x")], "line 3: no path"),
        ([("path", "label"), ("a.png", "x"), ("b.png", "x|y | x")], r"line 3: a label is there twice \(x\|y \| x\)"),
        ([("path", "label"), ("a.png", "x||y")], "line 2: no label"),
        ([("path", "label"), ("a.png", "x|y|")], "line 2: no label"),
        ([("path", "label"), ("a.png",)], "line 2: 1 values under 2 columns; quote values with commas"),
        ([("path", "label", "split"), ("a.png", "x", "dev")], "line 2: split 'dev'"),
        ([("path", "label"), ("a.png", "x"), ("b.png", "y")], "none of its files exists, for example .*a.png"),
    ],
)
def test_wrong_csv_lines_are_named(tmp_path: Path, rows: list[tuple[str, ...]], words: str):
    wrong(write_csv(tmp_path / "list.csv", rows), words)


def test_files_that_are_no_csv_or_parquet(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes(b"path,label\n\xff\xfe,x\n")
    wrong(tmp_path / "a.csv", r"not a CSV file in UTF-8 \(line 2: byte 12 of the file is 0xff\); save it as UTF-8")
    (tmp_path / "a.csv").write_text('text,label\n"never closed,x\n')
    wrong(tmp_path / "a.csv", "not a CSV file in UTF-8 .*; close its quotes")
    (tmp_path / "a.parquet").write_bytes(b"path,label\n")
    wrong(tmp_path / "a.parquet", "not a Parquet file")


def test_parquet_with_other_types_and_columns(make_folder, tmp_path: Path):
    root = make_folder({"x/2.png": 1, "x/10.png": 2})
    table = pa.table(
        {
            "pixels": [b"not read"] * 2,
            "label": pa.array([10, 9], pa.int32()),
            "path": ["set/x/10.png", "set/x/2.png"],
        }
    )
    pq.write_table(table, tmp_path / "list.parquet")
    train = read_dataset(tmp_path / "list.parquet").split("train")
    assert names(train, root) == ["x/2.png", "x/10.png"]
    assert labels(train) == ["9", "10"]
    pq.write_table(table.set_column(1, "label", [["a", None]]), tmp_path / "list.parquet")
    wrong(tmp_path / "list.parquet", "row 2: no label")


@given(order=st.permutations(range(6)))
def test_a_listing_s_order_does_not_matter(order: list[int], tmp_path_factory):
    root = tmp_path_factory.mktemp("set")
    rows = [(f"{'ab'[number % 2]}/{number // 2}.png", "ab"[number % 2]) for number in range(6)]
    for file, _ in rows:
        (root / file).parent.mkdir(exist_ok=True)
        (root / file).touch()
    listing = write_csv(root / "list.csv", [("path", "label"), *(rows[number] for number in order)])
    listed, found = read_dataset(listing).split("train"), read_dataset(root).split("train")
    assert names(listed, root) == names(found, root)
    assert names(found, root) == ["a/0.png", "b/0.png", "a/1.png", "b/1.png", "a/2.png", "b/2.png"]
    assert listed.targets.tolist() == found.targets.tolist()
    assert listed.source.fingerprint() == found.source.fingerprint()


# several labels


SEVERAL = [("path", "label", "split"), ("a.png", "sea | sky", "train"), ("b.png", "", "val"), ("c.png", "car", "train")]


def several(folder: Path, ending: str) -> Path:
    for name in "abc":
        (folder / f"{name}.png").touch()
    if ending == "csv":
        return write_csv(folder / "list.csv", SEVERAL)
    columns = dict(zip(SEVERAL[0], zip(*SEVERAL[1:], strict=True), strict=True))
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), folder / "list.parquet")
    return folder / "list.parquet"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_several_labels(tmp_path: Path, ending: str):
    dataset = read_dataset(several(tmp_path, ending))
    train, val = dataset.split("train"), dataset.split("val")
    assert dataset.multilabel
    assert dataset.classes == ("car", "sea", "sky")
    assert train.targets.tolist() == [[0, 1, 1], [1, 0, 0]]
    assert val.targets.tolist() == [[0, 0, 0]]
    assert train.targets.dtype == np.uint8
    assert train.counts().tolist() == [1, 1, 1]
    assert [train.label(0), train.label(1), val.label(0)] == ["sea|sky", "car", ""]
    assert train.take(np.array([1])).targets.tolist() == [[1, 0, 0]]
    matched = read_dataset(dataset, classes=("sky", "moon", "sea", "car"))
    assert matched.split("train").targets.tolist() == [[1, 0, 1, 0], [0, 0, 0, 1]]
    write_splits(dataset, tmp_path / "splits.csv")
    with open(tmp_path / "splits.csv", newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["sea|sky", "car", ""]
    wrong(tmp_path / f"list.{ending}", "does not know the classes car, sea;", classes=("sky",))


def test_one_label_is_several_where_a_model_asks(make_folder, tmp_path: Path):
    root = make_folder({"a/1.png": 1, "b/2.png": 2})
    assert not read_dataset(root).multilabel
    spread = read_dataset(root, classes=("b", "c", "a"), task="multilabel")
    assert spread.split("train").targets.tolist() == [[0, 0, 1], [1, 0, 0]]
    listing = write_csv(tmp_path / "one.csv", [("path", "label"), ("set/a/1.png", "a"), ("set/b/2.png", "")])
    assert read_dataset(listing, classes=("a", "b"), task="multilabel").split("train").targets.tolist() == [
        [1, 0],
        [0, 0],
    ]
    wrong(listing, "line 3: no label", classes=("a", "b"), task="classify")
    wrong(several(tmp_path, "csv"), "list.csv: several labels", classes=("car", "sea", "sky"), task="classify")


# classes by name


def test_classes_are_matched_by_name(make_folder):
    root = make_folder({"cat/1.png": 1, "dog/2.png": 2})
    matched = read_dataset(root, classes=("dog", "bird", "cat"))
    assert matched.classes == ("dog", "bird", "cat")
    assert matched.split("train").targets.tolist() == [2, 0]
    assert matched.split("train").counts().tolist() == [1, 0, 1]
    again = read_dataset(matched, classes=("cat", "bird", "dog"))
    assert again.split("train").targets.tolist() == [0, 2]
    wrong(root, "does not know the classes cat;", classes=("dog", "bird"))
    one = make_folder({"../one/cat/1.png": 1}).parent / "one"
    assert read_dataset(one, classes=("dog", "cat")).split("train").targets.tolist() == [1]


@given(st.lists(st.text(alphabet="aB01 9é", max_size=5)))
def test_natural_order_is_total_and_ignores_case(texts: list[str]):
    ordered = sorted(texts, key=natural)
    assert [natural(text) for text in ordered] == sorted(natural(text.upper()) for text in texts)


def test_natural_order():
    assert sorted(["img10", "img2", "Img1", "img", "2", "10", "0010"], key=natural) == [
        "2",
        "10",
        "0010",
        "img",
        "Img1",
        "img2",
        "img10",
    ]
    assert natural("9" * 10_000) > natural("9" * 9_999)


# sources


def test_files_fingerprints_follow_the_files(make_folder):
    root = make_folder({"a/1.png": 1, "a/2.png": 2})
    paths = [root / "a/1.png", root / "a/2.png", root / "gone.png"]
    source = FileSource(paths)
    before = source.fingerprint()
    assert FileSource(paths).fingerprint() == before
    assert source.take(np.array([1, 0, 2])).fingerprint() != before
    os.utime(paths[0], ns=(1, 1))
    changed = source.fingerprint()
    assert changed != before
    paths[2].write_bytes(b"")
    assert source.fingerprint() != changed


def test_array_fingerprints_follow_the_content():
    pixels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    source = ArraySource(pixels, "x")
    assert ArraySource(pixels.copy(), "y").fingerprint() == source.fingerprint()
    assert source.take(np.array([0, 2, 4])).fingerprint() == ArraySource(pixels[::2], "x").fingerprint()
    assert source.take(np.arange(5)).fingerprint() != source.fingerprint()
    assert ArraySource(pixels.reshape(6, 4, 1), "x").fingerprint() != source.fingerprint()
    assert source.take(np.array([5])).take(np.array([0])).name(0) == "x/5"


def test_unreadable_files_are_bad_samples(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate((1 << 30) + 1)
    files = {"gone": "no such file", "pipe": "not a regular file", "huge": "larger than 1 GiB", "": "not a regular"}
    for name, words in files.items():
        with pytest.raises(BadSample, match=words):
            FileSource([tmp_path / name]).read(0)
    with pytest.raises(BadSample, match="cannot be read"):
        FileSource(["a\0b"]).read(0)


def test_names_that_are_no_utf_8(tmp_path: Path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")
    Path(path).write_bytes(b"content")
    source = FileSource([path])
    assert source.read(0) == b"content"
    assert source.name(0).endswith("\\xff.png")
    assert len(source.fingerprint()) == 64


# held-out splits


@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=6),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(-5, 2**70),
)
def test_a_held_out_split_is_disjoint_complete_and_stratified(counts: list[int], fraction: float, seed: int):
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    pixels = np.arange(len(targets), dtype=np.uint8).reshape(-1, 1, 1)
    classes = tuple(str(number) for number in range(len(counts)))
    samples = Samples(ArraySource(pixels, ""), targets, classes)
    rest, held = hold_out(samples, fraction, seed)
    parts = [[int(part.source.read(index)[0, 0]) for index in range(len(part))] for part in (rest, held)]
    assert sorted(parts[0] + parts[1]) == list(range(len(targets)))
    assert parts == [sorted(part) for part in parts]
    for part, rows in zip((rest, held), parts, strict=True):
        assert part.targets.tolist() == targets[rows].tolist()
    for count, of_rest, of_held in zip(counts, rest.counts(), held.counts(), strict=True):
        assert of_rest + of_held == count
        assert abs(of_held - fraction * count) <= 1
        assert count < 2 or (of_rest and of_held)
    again = hold_out(samples, fraction, seed)
    assert (again[1].targets == held.targets).all()
    assert again[1].source.fingerprint() == held.source.fingerprint()


def test_seeds_hold_out_different_examples():
    samples = Samples(ArraySource(np.arange(100, dtype=np.uint8).reshape(-1, 1, 1), ""), np.zeros(100, int), ("a",))
    chosen = {hold_out(samples, 0.2, seed)[1].source.fingerprint() for seed in range(10)}
    assert len(chosen) == 10
    for fraction in (0, 1, -0.1):
        with pytest.raises(WrongUse, match="between 0 and 1"):
            hold_out(samples, fraction, 0)


def test_splits_are_written(make_folder, tmp_path: Path):
    root = make_folder({"train/a/1.png": 1, "train/b/2.png": 2, "test/a/3.png": 3})
    write_splits(read_dataset(root), tmp_path / "splits.csv")
    with open(tmp_path / "splits.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["split", "name", "label"],
        ["train", str(root / "train/a/1.png"), "a"],
        ["train", str(root / "train/b/2.png"), "b"],
        ["test", str(root / "test/a/3.png"), "a"],
    ]
