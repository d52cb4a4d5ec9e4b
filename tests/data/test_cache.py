import csv
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from plusx.data import cache as cache_file
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples, write_skipped
from plusx.data.image import ImageSpec
from plusx.data.samples import ArraySource, FileSource, Samples, read_dataset
from plusx.errors import PlusxError

SPEC = ImageSpec(height=4, width=4, channels=1)


def everything(prepared: Prepared) -> np.ndarray:
    return prepared.gather(np.arange(len(prepared)))


@pytest.fixture
def samples(make_folder) -> Samples:
    """Twelve pictures of levels 0 to 11, of which numbers 3 and 8 cannot be used."""
    root = make_folder({f"{'ab'[number % 2]}/{number}.png": number for number in range(12)})
    (root / "b" / "3.png").write_bytes(b"no picture")
    gone = read_dataset(root).split("train")
    (root / "a" / "8.png").unlink()
    return gone


def built(cache: Path) -> Path:
    (entry,) = cache.iterdir()
    return entry


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("cached", [True, False])
def test_good_examples_are_kept_and_bad_ones_listed(samples: Samples, tmp_path: Path, cached: bool, threads: int):
    seen: list[tuple[int, int]] = []
    prepared = prepare_samples(
        samples,
        SPEC,
        cache=tmp_path / "cache" if cached else None,
        threads=threads,
        on_progress=lambda done, count: seen.append((done, count)),
    )
    assert prepared.kept.tolist() == [0, 1, 2, 4, 5, 6, 7, 9, 10, 11]
    assert everything(prepared)[:, 0, 0, 0].tolist() == prepared.kept.tolist()
    assert prepared.gather(np.array([9, 0])).shape == (2, 4, 4, 1)
    assert prepared.targets.tolist() == [index % 2 for index in prepared.kept]
    assert [Path(bad.name).name for bad in prepared.skipped] == ["3.png", "8.png"]
    assert "not a PNG" in prepared.skipped[0].reason
    assert "no such file" in prepared.skipped[1].reason
    assert prepared.name(3) == samples.source.name(4)
    assert prepared.note is None
    assert seen[-1] == (12, 12)
    some = prepared.take(np.array([4, 2]))
    assert everything(some)[:, 0, 0, 0].tolist() == [5, 2]
    assert some.targets.tolist() == [1, 0]
    write_skipped(prepared.skipped, tmp_path / "skipped.csv")
    with open(tmp_path / "skipped.csv", newline="") as file:
        assert list(csv.reader(file)) == [["path", "reason"], *map(list, prepared.skipped)]


class Forbidden(FileSource):
    def read(self, index: int) -> bytes:
        raise AssertionError("decoded again")


def test_the_second_run_decodes_nothing_and_labels_are_never_cached(samples: Samples, tmp_path: Path):
    first = prepare_samples(samples, SPEC, cache=tmp_path / "cache")
    paths = [samples.source.name(index) for index in range(12)]
    relabelled = Samples(Forbidden(paths), 1 - samples.targets, ("x", "y"))
    second = prepare_samples(relabelled, SPEC, cache=tmp_path / "cache")
    assert (everything(second) == everything(first)).all()
    assert second.skipped == first.skipped
    assert second.targets.tolist() == [1 - target for target in first.targets]
    assert second.classes == ("x", "y")
    normalised = SPEC.model_copy(update={"mean": (1.0,)})
    assert len(prepare_samples(relabelled, normalised, cache=tmp_path / "cache")) == 10
    built(tmp_path / "cache")


def test_changed_files_and_specs_are_decoded_anew(samples: Samples, tmp_path: Path, encode):
    prepare_samples(samples, SPEC, cache=tmp_path / "cache")
    Path(samples.source.name(0)).write_bytes(encode(np.full((4, 4), 99, np.uint8)))
    changed = prepare_samples(samples, SPEC, cache=tmp_path / "cache")
    assert everything(changed)[0, 0, 0, 0] == 99
    larger = ImageSpec(height=5, width=4, channels=1)
    assert everything(prepare_samples(samples, larger, cache=tmp_path / "cache")).shape == (10, 5, 4, 1)
    assert len(list((tmp_path / "cache").iterdir())) == 3


def damage_json(entry: Path) -> None:
    (entry / "about.json").write_text("{")


def damage_rows(entry: Path) -> None:
    about = json.loads((entry / "about.json").read_text())
    (entry / "about.json").write_text(json.dumps(about | {"bad": [[99, "?"]]}))


def damage_size(entry: Path) -> None:
    with open(entry / "examples.npy", "r+b") as file:
        file.truncate((entry / "examples.npy").stat().st_size - 1)


def damage_header(entry: Path) -> None:
    np.save(entry / "examples.npy", np.zeros((3, 3)))


def damage_folder(entry: Path) -> None:
    (entry / "examples.npy").unlink()


@pytest.mark.parametrize("damage", [damage_json, damage_rows, damage_size, damage_header, damage_folder])
def test_a_damaged_entry_is_built_anew(samples: Samples, tmp_path: Path, damage):
    first = everything(prepare_samples(samples, SPEC, cache=tmp_path / "cache")).copy()
    damage(built(tmp_path / "cache"))
    assert (everything(prepare_samples(samples, SPEC, cache=tmp_path / "cache")) == first).all()
    built(tmp_path / "cache")


def test_no_pickle_is_read_from_an_entry(samples: Samples, tmp_path: Path):
    prepare_samples(samples, SPEC, cache=tmp_path / "cache")
    np.save(built(tmp_path / "cache") / "examples.npy", np.array([{"a": 1}]), allow_pickle=True)
    assert len(prepare_samples(samples, SPEC, cache=tmp_path / "cache")) == 10


def test_many_runs_build_one_entry_at_once(samples: Samples, tmp_path: Path):
    results: list[Any] = []
    start = threading.Barrier(6)

    def run() -> None:
        start.wait()
        results.append(everything(prepare_samples(samples, SPEC, cache=tmp_path / "cache", threads=2)).copy())

    runs = [threading.Thread(target=run) for _ in range(6)]
    for each in runs:
        each.start()
    for each in runs:
        each.join()
    assert len(results) == 6
    assert all((result == results[0]).all() for result in results)
    built(tmp_path / "cache")


SLOW_BUILD = """
import sys, time
from pathlib import Path
import numpy as np
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.samples import ArraySource, Samples
class Slow(ArraySource):
    def read(self, index):
        print("reading", flush=True)
        time.sleep(60)
samples = Samples(Slow(np.zeros((9, 4, 4), np.uint8), "x"), np.zeros(9, int), ("a",))
prepare_samples(samples, ImageSpec(height=4, width=4, channels=1), cache=Path(sys.argv[1]))
"""


def test_a_killed_build_leaves_only_what_the_next_run_removes(tmp_path: Path):
    cache = tmp_path / "cache"
    child = subprocess.Popen([sys.executable, "-c", SLOW_BUILD, str(cache)], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "reading\n"
        child.send_signal(signal.SIGKILL)
    partial = built(cache)
    assert partial.name.endswith(".partial")
    hour_ago = time.time() - 3600
    os.utime(partial, (hour_ago, hour_ago))
    samples = Samples(ArraySource(np.zeros((9, 4, 4), np.uint8), "x"), np.zeros(9, np.int64), ("a",))
    assert len(prepare_samples(samples, SPEC, cache=cache)) == 9
    assert not built(cache).name.endswith(".partial")


class Disk(NamedTuple):
    total: int = 10**9
    used: int = 10**9
    free: int = 1000


def test_a_full_disk_means_no_cache_and_the_same_run(samples: Samples, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk())
    prepared = prepare_samples(samples, SPEC, cache=tmp_path / "cache")
    assert prepared.note is not None
    assert "no cache" in prepared.note
    assert "\n" not in prepared.note
    assert len(prepared) == 10
    assert everything(prepared).shape == (10, 4, 4, 1)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_disk_that_fills_up_while_building(samples: Samples, tmp_path: Path, monkeypatch):
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache_file, "_write_npy_header", full)
    prepared = prepare_samples(samples, SPEC, cache=tmp_path / "cache")
    assert prepared.note is not None
    assert "No space left" in prepared.note
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_is_a_file(samples: Samples, tmp_path: Path):
    (tmp_path / "file").touch()
    prepared = prepare_samples(samples, SPEC, cache=tmp_path / "file" / "cache")
    assert prepared.note is not None
    assert len(prepared) == 10


def test_nothing_usable_is_an_error(tmp_path: Path):
    samples = Samples(FileSource([tmp_path / "a.png", tmp_path / "b.png"]), np.array([0, 1]), ("a", "b"))
    for cache in (None, tmp_path / "cache"):
        with pytest.raises(PlusxError, match=r"a\.png: there is no such file; none of 2 examples"):
            prepare_samples(samples, SPEC, cache=cache)


def test_a_file_that_goes_bad_while_streaming_is_named(samples: Samples):
    prepared = prepare_samples(samples, SPEC, cache=None)
    Path(prepared.name(1)).unlink()
    with pytest.raises(PlusxError, match=r"1\.png: there is no such file; it was readable before"):
        everything(prepared)


class Endless(ArraySource):
    """More examples than memory is allowed for."""

    def __len__(self) -> int:
        return 2000

    def read(self, index: int) -> np.ndarray:
        return np.full((64, 64, 3), index % 256, np.uint8)

    def fingerprint(self) -> str:
        return "endless"


def test_memory_stays_flat(tmp_path: Path):
    spec = ImageSpec(height=224, width=224, channels=3)  # 300 MB in all
    samples = Samples(Endless(np.zeros((1, 1, 1), np.uint8), "x"), np.zeros(2000, np.int64), ("a",))
    tracemalloc.start()
    prepared = prepare_samples(samples, spec, cache=tmp_path / "cache", threads=2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6
    assert prepared.gather(np.array([1999, 3]))[:, 5, 5, 1].tolist() == [1999 % 256, 3]


def test_where_the_cache_lies(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLUSX_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert default_cache_dir() == tmp_path / ".cache" / "plusx"
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache_dir() == Path("/xdg/plusx")
    monkeypatch.setenv("PLUSX_CACHE", "/mine")
    assert default_cache_dir() == Path("/mine")
