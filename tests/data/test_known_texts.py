"""AG News and DBpedia, on small files written in exactly their formats."""

from pathlib import Path

import pytest

from plusx.data.known_texts import AG_NEWS, DBPEDIA
from plusx.data.samples import read_dataset
from plusx.errors import PlusxError, WrongUse

AG_TRAIN = (
    '"3","Wall St. falls (Wire)","Wire - Short-sellers, Wall Street\'s band\\of ultra-cynics."\n'
    '"1","A ""quoted"" word","First line.\\nSecond line, with a comma"\n'
    '"4","Chips","Smaller"\n'
    '"2","Match, set","Won"\n'
)
DBPEDIA_TEST = '1,"A. Firm Ltd"," A firm of 1920."\n14,"A book ""X"""," A book."\n'


def write(folder: Path, train: str, test: str, classes: tuple[str, ...] = ()) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.csv").write_text(train, encoding="utf-8")
    (folder / "test.csv").write_text(test, encoding="utf-8")
    if classes:
        (folder / "classes.txt").write_text("".join(f"{name}\n" for name in classes))


@pytest.mark.parametrize("inner", ["ag_news_csv", ""])
@pytest.mark.parametrize("with_classes", [True, False])
def test_ag_news(tmp_path: Path, inner: str, with_classes: bool):
    write(tmp_path / inner, AG_TRAIN, '"2","Tie","A tie"\n', AG_NEWS if with_classes else ())
    dataset = read_dataset("ag-news", data_dir=tmp_path)
    train, test = dataset.split("train"), dataset.split("test")
    assert dataset.classes == ("World", "Sports", "Business", "Sci/Tech")
    assert train.targets.tolist() == [2, 0, 3, 1]
    assert train.modality == "text"
    assert train.source.read(1).decode() == 'A "quoted" word\nFirst line.\nSecond line, with a comma'
    assert train.source.read(0).decode().endswith("band\\of ultra-cynics.")
    assert (len(test), test.label(0)) == (1, "Sports")
    assert train.source.name(3) == f"{tmp_path / inner / 'train.csv'}:line 4"


def test_dbpedia(tmp_path: Path):
    write(tmp_path / "dbpedia_csv", DBPEDIA_TEST, DBPEDIA_TEST, DBPEDIA)
    test = read_dataset("dbpedia", data_dir=tmp_path).split("test")
    assert [test.label(row) for row in range(2)] == ["Company", "WrittenWork"]
    assert test.source.read(1).decode() == 'A book "X"\nA book.'


@pytest.mark.parametrize(
    ("train", "error", "words"),
    [
        ('"5","a","b"\n', PlusxError, r"train\.csv: line 1: the class is '5', not 1 to 4"),
        ('"1","a","b"\n"one","a","b"\n', PlusxError, r"train\.csv: line 2: the class is 'one'"),
        ('"1","a"\n', PlusxError, "line 1: 2 values, not class, title and description"),
        ("", PlusxError, r"train\.csv: it lists no examples"),
        ('"1","a"b","c"\n', WrongUse, r"train\.csv: not a CSV file in UTF-8"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, train: str, error: type[Exception], words: str):
    write(tmp_path, train, AG_TRAIN)
    with pytest.raises(error, match=words):
        read_dataset("ag-news", data_dir=tmp_path)


def test_what_is_missing_is_said(tmp_path: Path):
    write(tmp_path, AG_TRAIN, AG_TRAIN, AG_NEWS[:3])
    with pytest.raises(PlusxError, match=r"classes\.txt: 3 classes, not 4"):
        read_dataset("ag-news", data_dir=tmp_path)
    (tmp_path / "classes.txt").unlink()
    (tmp_path / "test.csv").unlink()
    with pytest.raises(WrongUse, match=r"no test\.csv in it"):
        read_dataset("ag-news", data_dir=tmp_path)
