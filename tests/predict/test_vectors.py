"""Vectors as files: what NumPy and pyarrow read back is what was written, and few of them are held."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from plusx.errors import PlusxError, WrongUse
from plusx.predict.embed import Embedded
from plusx.predict.vectors import check_vectors_ending, write_vector_part, write_vectors

RNG = np.random.default_rng(0)


def some(count: int, bad: set[int]) -> list[Embedded]:
    vectors = RNG.normal(size=(count, 5)).astype(np.float32)
    return [
        Embedded(f"{number}.png", None, "bad") if number in bad else Embedded(f"{number}.png", vector, None)
        for number, vector in enumerate(vectors)
    ]


BAD = {"none": set(), "the first": {0}, "the first group": set(range(4097)), "some": {5, 4095, 4096, 9999}}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("ending", [".npy", ".parquet"])
def test_vectors_come_back_as_they_were(ending: str, bad: set[int], tmp_path: Path) -> None:
    rows = some(10_000, bad)
    path = tmp_path / f"v{ending}"
    seen = write_vectors(iter(rows), path)
    assert (seen.count, seen.errors, seen.width) == (10_000, len(bad), 5)
    expected = np.stack([np.full(5, np.nan) if row.embedding is None else row.embedding for row in rows])
    if ending == ".npy":
        read = np.load(path, allow_pickle=False)
        assert read.dtype == np.float32
        assert np.load(path, mmap_mode="r").shape == (10_000, 5)
    else:
        table = pq.read_table(path).to_pylist()
        assert [row["path"] for row in table] == [row.path for row in rows]
        read = np.stack([np.full(5, np.nan) if row["embedding"] is None else row["embedding"] for row in table])
    np.testing.assert_array_equal(read, expected)


def test_few_vectors_are_held(tmp_path: Path) -> None:
    live = most = 0

    class Vector(np.ndarray):
        def __del__(self) -> None:
            nonlocal live
            live -= 1

    def rows():
        nonlocal live, most
        for number in range(20_000):
            live += 1
            most = max(most, live)
            yield Embedded(str(number), np.ones(3, np.float32).view(Vector), None)

    write_vectors(rows(), tmp_path / "v.npy")
    assert most < 10_000
    assert np.load(tmp_path / "v.npy").shape == (20_000, 3)


@pytest.mark.parametrize("ending", [".npy", ".parquet"])
def test_not_one_vector_is_no_file(ending: str, tmp_path: Path) -> None:
    with pytest.raises(PlusxError, match="not one input could be read; the first: bad"):
        write_vectors(some(3, {0, 1, 2}), tmp_path / f"v{ending}")
    assert not list(tmp_path.iterdir())


def test_a_part_may_be_of_bad_inputs_alone(tmp_path: Path) -> None:
    write_vector_part(some(2, {0, 1}), tmp_path / "part.parquet")
    assert [row["error"] for row in pq.read_table(tmp_path / "part.parquet").to_pylist()] == ["bad", "bad"]


@pytest.mark.parametrize(("name", "says"), [("v.nyp", "did you mean .npy?"), ("vectors", "it must end with / for a f")])
def test_another_ending_is_refused(name: str, says: str) -> None:
    with pytest.raises(WrongUse) as refused:
        check_vectors_ending(Path(name))
    assert says in str(refused.value)
