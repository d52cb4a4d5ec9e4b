"""Texts that stand in a list, and in class folders."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plusx.data.cache import prepare_samples
from plusx.data.samples import read_dataset
from plusx.data.text import TextSpec
from plusx.data.text_source import TextSource
from plusx.errors import WrongUse

ROWS = [
    ("Guten Tag, Welt", "de", "train"),
    ('She said "yes",\nand left', "en", "train"),
    ("добрый день", "ru", "test"),
    ("a|b is text", "en", "val"),
]


def write(folder: Path, kind: str, rows=ROWS, columns=("text", "label", "split")) -> Path:
    path = folder / f"list.{kind}"
    if kind == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([columns, *rows])
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows))
    else:
        pq.write_table(pa.table({name: [row[at] for row in rows] for at, name in enumerate(columns)}), path)
    return path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_list_of_texts(tmp_path: Path, kind: str):
    path = write(tmp_path, kind)
    dataset = read_dataset(path)
    train = dataset.split("train")
    assert (train.modality, dataset.classes) == ("text", ("de", "en", "ru"))
    assert [train.source.read(row).decode() for row in range(2)] == [ROWS[0][0], ROWS[1][0]]
    assert train.targets.tolist() == [0, 1]
    assert dataset.split("test").source.read(0).decode() == "добрый день"
    assert dataset.split("val").label(0) == "en"
    place = {"csv": "line 4", "jsonl": "line 2", "parquet": "row 2"}[kind]
    assert train.source.name(1) == f"{path}:{place}"


def test_one_file_in_three_kinds_is_the_same_examples(tmp_path: Path):
    sets = [read_dataset(write(tmp_path, kind)).split("train") for kind in ("csv", "jsonl", "parquet")]
    assert len({one.source.fingerprint() for one in sets}) == 1
    assert len({one.source.take(np.array([1, 0])).fingerprint() for one in sets} | {sets[0].source.fingerprint()}) == 2


def test_fingerprints_know_where_a_text_ends():
    first, second = (TextSource(Path("a.csv"), texts, ["", ""]) for texts in ([b"ab", b"c"], [b"a", b"bc"]))
    assert first.fingerprint() != second.fingerprint()


def test_several_labels(tmp_path: Path):
    path = write(
        tmp_path, "csv", [("war in the east", "war | east"), ("a match", "sport"), ("nothing", "")], ("text", "label")
    )
    train = read_dataset(path).split("train")
    assert (train.task, train.classes) == ("multilabel", ("east", "sport", "war"))
    assert train.targets.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_texts_that_cannot_be_used_are_named_by_their_line(tmp_path: Path):
    path = write(
        tmp_path, "csv", [("fine", "a"), ("", "b"), ("zero \0 byte", "b"), ("x" * 10_000_000, "b")], ("text", "label")
    )
    prepared = prepare_samples(read_dataset(path).split("train"), TextSpec(length=8), cache=None)
    assert [bytes(one).rstrip(b"\0") for one in prepared.gather(np.arange(2))] == [b"fine", b"xxxxxxxx"]
    assert [tuple(one) for one in prepared.skipped] == [
        (f"{path}:line 3", "the text is empty; leave it out"),
        (f"{path}:line 4", "byte 6 is zero: no text, or UTF-16; save it as UTF-8"),
    ]
    assert csv.field_size_limit() == 131_072


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_another_encoding_is_refused_with_file_line_and_byte(tmp_path: Path, kind: str):
    path = write(tmp_path, kind, [("word " * 5_000, "a", "train"), ("cafE", "b", "train")])
    content = path.read_bytes()
    place = content.index(b"cafE") + 3
    path.write_bytes(content[:place] + b"\xe9" + content[place + 1 :])
    line = {"csv": 3, "jsonl": 2}[kind]
    with pytest.raises(WrongUse, match=rf"list\.{kind}: .*line {line}: byte {place + 1:,} of the file is 0xe9"):
        read_dataset(path)


def test_a_byte_order_mark_before_a_list_is_left_out(tmp_path: Path):
    path = write(tmp_path, "csv")
    path.write_bytes("\ufeff".encode() + path.read_bytes())
    assert len(read_dataset(path).split("train")) == 2


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([("a", "", "train")], {}, r"list\.csv: line 2: no label"),
        ([("a", "b", "tomorrow")], {}, r"list\.csv: line 2: split 'tomorrow'"),
        ([], {}, "lists no examples"),
        ([("a", "b", "train"), ("a", "c", "train")], {"modality": "image"}, "--modality image: .* column of texts"),
    ],
)
def test_what_is_wrong_with_a_list_is_said(tmp_path: Path, rows, options, words: str):
    with pytest.raises(WrongUse, match=words):
        read_dataset(write(tmp_path, "csv", rows), **options)


def test_files_in_class_folders(tmp_path: Path):
    for label, words in (("de", "ja"), ("en", "yes")):
        (tmp_path / label).mkdir()
        for number in range(2):
            (tmp_path / label / f"{number}.txt").write_text(words)
    (tmp_path / "de" / "picture.png").write_bytes(b"")
    train = read_dataset(tmp_path).split("train")
    assert (train.modality, train.targets.tolist()) == ("text", [0, 1, 0, 1])
    assert train.source.read(0) == b"ja"
