"""Shards from afar: read by ranges, over HTTP and any address of fsspec."""

import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import pytest
import torch
from packs import everything

from plusx.data import places
from plusx.data.cache import prepare_samples
from plusx.data.image import ImageSpec
from plusx.data.loader import Loader
from plusx.data.samples import read_dataset
from plusx.errors import PlusxError, WrongUse

SPEC = ImageSpec(height=8, width=8, channels=1)


class Ranges(http.server.SimpleHTTPRequestHandler):
    """The standard library's server, taught to answer `Range: bytes=first-last`."""

    asked: ClassVar[list[tuple[str, str | None]]]
    knows_ranges = True

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        asked = self.headers.get("Range")
        self.asked.append((path.name, asked))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        if asked and self.knows_ranges:
            first, last = asked.removeprefix("bytes=").split("-")
            total = len(content)
            content = content[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(content) - 1}/{total}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server(packed: Path) -> Iterator[tuple[str, type[Ranges]]]:
    """(its address, its handler) of a server of the packed shards."""

    class Handler(Ranges):
        asked: ClassVar[list[tuple[str, str | None]]] = []

        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(packed.parent))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}/shards", Handler
        serving.shutdown()
        thread.join()


def test_http_is_read_by_ranges(packed: Path, server: tuple[str, type[Ranges]]) -> None:
    address, handler = server
    local, remote = read_dataset(packed), read_dataset(f"{address}/")
    assert remote.split("train").source.remote
    assert remote.split("train").source.fingerprint() == local.split("train").source.fingerprint()
    assert everything(remote, "test") == everything(local, "test")
    one, other = (prepare_samples(each.split("train"), SPEC, cache=None) for each in (local, remote))
    assert torch.equal(Loader(one, 64, 1).batch(1).inputs, Loader(other, 64, 1).batch(1).inputs)
    shards = [asked for name, asked in handler.asked if name.endswith(".tar")]
    assert len(shards) == 100 + 64
    assert None not in shards
    fetched = [name for name, _ in handler.asked].count("index.arrow")
    read_dataset(address)
    assert [name for name, _ in handler.asked].count("index.arrow") == fetched, "the index is fetched once"


def test_a_server_that_sends_whole_files_is_told_of(server: tuple[str, type[Ranges]]) -> None:
    address, handler = server
    source = read_dataset(address).split("train").source
    handler.knows_ranges = False
    with pytest.raises(PlusxError, match="must know HTTP's Range"):
        source.read(0)


def test_what_is_not_there_is_named(server: tuple[str, type[Ranges]], packed: Path) -> None:
    address, _ = server
    with pytest.raises(PlusxError, match=r"/none/index\.json: there is no such file"):
        read_dataset(f"{address}/none")
    source = read_dataset(address).split("train").source
    (packed / "train-000000.tar").unlink()
    with pytest.raises(PlusxError, match=r"train-000000\.tar: there is no such file"):
        source.read(0)


def test_any_address_of_fsspec_is_read(packed: Path, in_memory: str) -> None:
    local, remote = read_dataset(packed), read_dataset(in_memory)
    assert everything(remote) == everything(local)
    assert everything(read_dataset(f"file://{packed}")) == everything(local)
    with pytest.raises(WrongUse, match="--data-dir"):
        read_dataset(in_memory, data_dir=packed)


def test_a_read_that_fails_is_tried_again(in_memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = read_dataset(in_memory).split("train").source
    memory = type(fsspec.filesystem("memory"))
    cat_file, failures = memory.cat_file, iter([ConnectionError("lost"), ConnectionError("lost")])

    def unsteady(*args: Any, **options: Any) -> bytes:
        if error := next(failures, None):
            raise error
        return cat_file(*args, **options)

    monkeypatch.setattr(places, "PAUSE_S", 0)
    monkeypatch.setattr(memory, "cat_file", unsteady)
    assert source.read(0) == read_dataset(in_memory).split("train").source.read(0)
    failures = iter([ConnectionError("lost")] * 3)
    with pytest.raises(PlusxError, match=r"train-000000\.tar: cannot be read \(lost\)"):
        source.read(0)


def test_addresses_that_need_more_say_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(WrongUse, match=r"s3fs.*pip install 'plusx\[scale\]'"):
        read_dataset("s3://bucket/shards")
    with pytest.raises(WrongUse, match="no address that fsspec can read"):
        read_dataset("nonsense://bucket/shards")


@pytest.mark.parametrize("where", ["folder", "memory"])
def test_what_was_written_is_listed_and_read(where: str, tmp_path: Path) -> None:
    place = places.place_at(tmp_path / "new" / "folder" if where == "folder" else "memory://new/folder")
    assert place.names() == []
    place.write("b.bin", b"first")
    place.write("a.bin", b"a")
    place.write("b.bin", b"second")
    assert (sorted(place.names()), place.read("b.bin")) == (["a.bin", "b.bin"], b"second")


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path, server: tuple[str, type[Ranges]]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PlusxError, match=r"file/a\.bin: cannot be written"):
        places.place_at(tmp_path / "file").write("a.bin", b"")
    with pytest.raises(PlusxError, match=r"file: cannot be listed"):
        places.place_at(tmp_path / "file").names()
    with pytest.raises(PlusxError, match=r"a\.bin: cannot be written"):
        places.place_at(server[0]).write("a.bin", b"")


def test_what_stays_as_it_is_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def forbidden(_: Any, path: str, **options: Any) -> bytes:
        asked.append(path)
        raise PermissionError("Forbidden")

    monkeypatch.setattr(type(fsspec.filesystem("memory")), "cat_file", forbidden)
    with pytest.raises(PlusxError, match=r"memory://a\.png: cannot be read \(Forbidden\)"):
        places.read_address("memory://a.png")
    assert len(asked) == 1
