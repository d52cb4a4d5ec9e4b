"""Lists with transcripts, and LibriSpeech in its own layout."""

import json
from pathlib import Path

import numpy as np
import pytest

from plusx.data.samples import read_dataset
from plusx.data.sources import DataSet, Samples
from plusx.data.transcripts import plain
from plusx.errors import WrongUse


def wrong(words: str, *args, **options) -> None:
    with pytest.raises(WrongUse, match=words) as error:
        read_dataset(*args, **options)
    assert "\n" not in str(error.value)


def write(path: Path, *rows: str) -> Path:
    """A list, and the files that it names; nothing opens them."""
    path.write_text("\n".join(["path,text,split", *rows]) + "\n", encoding="utf-8")
    for row in rows:
        if name := row.split(",")[0]:
            (path.parent / name).write_bytes(b"")
    return path


def texts(samples: Samples) -> dict[str, str]:
    return {Path(samples.source.name(index)).name: samples.label(index) for index in range(len(samples))}


def test_a_list_of_sounds_with_their_texts(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "b10.wav,Call  HOME,train", "b2.wav,Ö no,train", "t.wav,Hole,test")
    dataset = read_dataset(path)
    assert dataset.classes == (" ", "a", "c", "e", "h", "l", "m", "n", "o", "ö")
    train = dataset.split("train")
    assert (train.task, train.modality, train.targets.dtype) == ("transcribe", "sound", np.int16)
    assert train.targets.shape == (2, 9)
    assert train.targets[0].tolist() == [9, 0, 7, 8, -1, -1, -1, -1, -1]
    assert list(texts(train).items()) == [("b2.wav", "ö no"), ("b10.wav", "call home")]
    assert texts(train.take(np.array([1]))) == {"b10.wav": "call home"}
    assert texts(dataset.split("test")) == {"t.wav": "hole"}
    assert dataset.notes == (f"{path}: transcripts in lower case, 10 characters: ␣acehlmnoö",)


def test_json_lines_are_the_same(tmp_path: Path) -> None:
    write(tmp_path / "list.csv", "1.wav,one two,train", "2.wav,two,train")
    rows = [{"path": "1.wav", "text": "one two"}, {"path": "2.wav", "text": "two"}]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ours, theirs = (read_dataset(tmp_path / name).split("train") for name in ("list.csv", "list.jsonl"))
    assert texts(ours) == texts(theirs)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    assert plain("e\u0301 E\u0301") == plain("\u00e9 \u00c9") == "\u00e9 \u00e9"


def test_bad_rows_are_refused_with_their_line(tmp_path: Path) -> None:
    wrong(r"list\.csv: line 3: no text", write(tmp_path / "list.csv", "1.wav,one,train", "2.wav,  ,train"))
    wrong(r"list\.csv: line 2: no path", write(tmp_path / "list.csv", ",one,train"))
    wrong(r"line 3: 'x' is in no training", write(tmp_path / "list.csv", "1.wav,one,train", "2.wav,xe,test"))
    wrong(r"line 2: split 'bad' is not", write(tmp_path / "list.csv", "1.wav,one,bad"))
    wrong("lists no examples", write(tmp_path / "list.csv"))
    wrong("leave --modality image out", write(tmp_path / "list.csv", "1.wav,one,train"), modality="image")
    (tmp_path / "1.wav").unlink()
    wrong("none of its files exists", tmp_path / "list.csv")


def test_a_models_alphabet_may_be_larger_but_not_smaller(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "1.wav,cab,train")
    dataset = read_dataset(path, classes=tuple("abcdef"), task="transcribe")
    assert dataset.split("train").targets.tolist() == [[2, 0, 1]]
    assert texts(dataset.split("train")) == {"1.wav": "cab"}
    wrong("does not know the characters b, c", path, classes=tuple("ax"), task="transcribe")
    wrong("its examples are for the task transcribe, not for classify", path, classes=("a",), task="classify")


def librispeech(root: Path) -> Path:
    """A few utterances, laid out and named as in the real set."""
    said = {
        "train-clean-100/19/198": ["NORTHANGER ABBEY", "THIS LITTLE WORK WAS FINISHED"],
        "train-other-500/20/205": ["IT'S A LONG WAY"],
        "dev-clean/84/121123": ["GO DO YOU HEAR"],
        "dev-other/116/288045": ["AS I APPROACHED"],
        "test-clean/61/70968": ["HE BEGAN A CONFUSED TALE"],
    }
    for folder, lines in said.items():
        place = root / "LibriSpeech" / folder
        place.mkdir(parents=True)
        stem = "-".join(folder.split("/")[1:])
        for number, _ in enumerate(lines):
            (place / f"{stem}-{number:04d}.flac").write_bytes(b"")
        rows = [f"{stem}-{number:04d} {line}\n" for number, line in enumerate(lines)]
        (place / f"{stem}.trans.txt").write_text("".join(rows))
    (root / "LibriSpeech" / "README.TXT").write_text("read me")
    return root


def test_librispeech_as_it_is_unpacked(tmp_path: Path) -> None:
    root = librispeech(tmp_path)
    extra = root / "LibriSpeech/train-clean-100/19/198"
    listing = extra / "19-198.trans.txt"
    listing.write_text(listing.read_text() + "19-198-0002 QUICK FOX JUMPS OVER\n")
    (extra / "19-198-0002.flac").write_bytes(b"")
    for given in (root, root / "LibriSpeech"):
        dataset: DataSet = read_dataset("librispeech", data_dir=given)
        assert texts(dataset.split("train")) == {
            "19-198-0000.flac": "northanger abbey",
            "19-198-0001.flac": "this little work was finished",
            "19-198-0002.flac": "quick fox jumps over",
            "20-205-0000.flac": "it's a long way",
        }
        assert texts(dataset.split("val")) == {"84-121123-0000.flac": "go do you hear"}
        assert texts(dataset.split("test")) == {"61-70968-0000.flac": "he began a confused tale"}
        assert "dev-other: left out; dev-clean is the val split" in dataset.notes[0]


def test_what_is_not_librispeech_is_refused(tmp_path: Path) -> None:
    wrong("librispeech: add --data-dir", "librispeech")
    (tmp_path / "empty").mkdir()
    wrong("no train-clean-100/", "librispeech", data_dir=tmp_path / "empty")
    root = librispeech(tmp_path)
    (root / "LibriSpeech/test-clean/61/70968/61-70968-0000.flac").unlink()
    wrong(r"61-70968\.trans\.txt: line 1: there is no 61-70968-0000\.flac", "librispeech", data_dir=root)
    (root / "LibriSpeech/dev-clean/84/121123/84-121123.trans.txt").write_bytes(b"\xff")
    wrong(r"84-121123\.trans\.txt: no text in UTF-8", "librispeech", data_dir=root)
