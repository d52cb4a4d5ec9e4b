"""Where files lie: a local folder, or any address that fsspec knows (s3://, gs://, http://, memory://).

fsspec itself is there wherever plusx is, because torch requires it; what speaks one service's protocol (s3fs, gcsfs,
aiohttp) is the extra `scale`.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from plusx.data.files import atomic_write
from plusx.errors import PlusxError, WrongUse

ATTEMPTS = 3
PAUSE_S = 0.5
LASTING = (PermissionError, IsADirectoryError, NotImplementedError)
"""What is the same however often it is tried; and EINVAL, a part that lies outside the file."""

OPTIONS: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": {"max_pool_connections": 64}}}
"""By protocol: what a client must be told to read many files at once. botocore keeps ten connections otherwise."""

Result = TypeVar("Result")


class Place(Protocol):
    """Files by name, in one folder. Safe in threads, and after a fork: nothing stays open."""

    remote: bool
    """Whether reading waits for a network."""

    def __str__(self) -> str:
        """As shown to people."""
        ...

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """A part of a file, or all of it; shorter where the file ends.

        Raises:
            PlusxError: there is no such file, or it cannot be read.
        """
        ...

    def write(self, name: str, content: bytes) -> None:
        """A file of this content, whole or not at all, in the place of one that is there.

        Raises:
            PlusxError: it cannot be written.
        """
        ...

    def names(self) -> list[str]:
        """The files there now, in no order; none where there is no such folder.

        Raises:
            PlusxError: the place cannot be listed.
        """
        ...


def is_address(data: object) -> bool:
    """Whether it is an address rather than a path.

    >>> is_address("s3://bucket/shards"), is_address("shards")
    (True, False)
    """
    return isinstance(data, str) and "://" in data


def place_at(data: str | Path) -> Place:
    """The place of that address or path.

    Raises:
        WrongUse: fsspec does not know such addresses, or the package that it needs for them is missing.
    """
    return Address(str(data)) if is_address(data) else Folder(Path(data))


class Folder:
    """A local folder."""

    remote = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """See `Place.read`."""
        # Opened anew each time, which takes microseconds: a set of a terabyte has more shards than a process may
        # hold open, and what no two threads or processes share needs no lock.
        try:
            with open(self.path / name, "rb", buffering=0) as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        except FileNotFoundError:
            raise _missing(self, name) from None
        except OSError as error:
            raise PlusxError(f"{self.path / name}: cannot be read ({error.strerror})") from error

    def write(self, name: str, content: bytes) -> None:
        """See `Place.write`."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path / name, "wb") as file:
                file.write(content)
        except OSError as error:
            raise PlusxError(f"{self.path / name}: cannot be written ({error.strerror})") from error

    def names(self) -> list[str]:
        """See `Place.names`."""
        try:
            with os.scandir(self.path) as found:
                return [entry.name for entry in found if entry.is_file()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise PlusxError(f"{self.path}: cannot be listed ({error.strerror})") from error


class Address:
    """A folder behind an fsspec address."""

    remote = True

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._filesystem()

    def __str__(self) -> str:
        return self._address

    def read(self, name: str, start: int = 0, length: int | None = None) -> bytes:
        """See `Place.read`. What fails, other than for a missing file, is tried three times."""
        end = None if length is None else start + length
        try:
            content = read_address(f"{self._address}/{name}", start, end)
        except FileNotFoundError:
            raise _missing(self, name) from None
        if length is not None and len(content) > length:
            raise PlusxError(f"{self}/{name}: the server sends whole files only; it must know HTTP's Range")
        return content

    def write(self, name: str, content: bytes) -> None:
        """See `Place.write`. One object is put by one request, or by several whose last makes it appear."""
        filesystem, root = self._filesystem()
        _tried(lambda: filesystem.pipe_file(f"{root}/{name}", content), f"{self}/{name}: cannot be written")

    def names(self) -> list[str]:
        """See `Place.names`."""
        filesystem, root = self._filesystem()
        filesystem.invalidate_cache()
        try:
            found = _tried(lambda: filesystem.ls(root, detail=False), f"{self}: cannot be listed")
        except FileNotFoundError:
            return []
        return [str(path).rsplit("/", 1)[-1] for path in found]

    def _filesystem(self) -> tuple[Any, str]:
        filesystem, root = filesystem_at(self._address)
        return filesystem, root.rstrip("/")


def filesystem_at(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and what it calls the address. Asked for at each use: fsspec keeps one a
    process, and a forked process must not use its parent's.

    Raises:
        WrongUse: fsspec does not know such addresses, or the package that it needs for them is missing.
    """
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(address, **OPTIONS.get(address.partition("://")[0], {}))
    except ImportError as error:
        words = " ".join(str(error).split())
        raise WrongUse(f"{address}: a package is missing ({words}): pip install 'plusx[scale]'") from error
    except ValueError as error:
        words = " ".join(str(error).split())
        raise WrongUse(f"{address}: no address that fsspec can read ({words})") from error


def read_address(address: str, start: int = 0, end: int | None = None) -> bytes:
    """The bytes at an address, from `start` to before `end`; what fails, other than for a missing file, is tried three
    times.

    Raises:
        FileNotFoundError: there is no such file.
        PlusxError: it cannot be read.
    """
    filesystem, path = filesystem_at(address)
    return _tried(lambda: filesystem.cat_file(path, start=start or None, end=end), f"{address}: cannot be read")


def _tried(action: Callable[[], Result], failure: str) -> Result:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except FileNotFoundError:
            raise
        except Exception as error:  # every service's client has errors of its own
            lasting = isinstance(error, LASTING) or getattr(error, "errno", None) == errno.EINVAL
            if lasting or attempt == ATTEMPTS:
                words = " ".join(str(error).split()) or type(error).__name__
                raise PlusxError(f"{failure} ({words[:120]})") from error
            time.sleep(PAUSE_S * attempt)
    raise AssertionError("the last attempt returns or raises")


def _missing(place: Place, name: str) -> PlusxError:
    return PlusxError(f"{place}/{name}: there is no such file; give a folder that plusx pack made, whole")
