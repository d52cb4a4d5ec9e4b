"""Where shards lie: a local folder, or any address that fsspec knows (s3://, gs://, http://, memory://).

fsspec itself is there wherever plusx is, because torch requires it; what speaks one service's protocol (s3fs, gcsfs,
aiohttp) is the extra `scale`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

from plusx.errors import PlusxError, WrongUse

ATTEMPTS = 3
PAUSE_S = 0.5


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
        for attempt in range(1, ATTEMPTS + 1):
            filesystem, root = self._filesystem()
            try:
                content = filesystem.cat_file(f"{root}/{name}", start=start or None, end=end)
            except FileNotFoundError:
                raise _missing(self, name) from None
            except Exception as error:  # every service's client has errors of its own
                if attempt == ATTEMPTS:
                    words = " ".join(str(error).split()) or type(error).__name__
                    raise PlusxError(f"{self}/{name}: cannot be read ({words[:120]})") from error
                time.sleep(PAUSE_S * attempt)
            else:
                if length is not None and len(content) > length:
                    raise PlusxError(f"{self}/{name}: the server sends whole files only; it must know HTTP's Range")
                return content
        raise AssertionError("the last attempt returns or raises")

    def _filesystem(self) -> tuple[Any, str]:
        # Asked for at each use: fsspec keeps one a process, and a forked process must not use its parent's.
        from fsspec.core import url_to_fs

        try:
            filesystem, root = url_to_fs(self._address)
        except ImportError as error:
            words = " ".join(str(error).split())
            raise WrongUse(f"{self}: a package is missing ({words}): pip install 'plusx[scale]'") from error
        except ValueError as error:
            words = " ".join(str(error).split())
            raise WrongUse(f"{self}: no address that fsspec can read ({words})") from error
        return filesystem, root.rstrip("/")


def _missing(place: Place, name: str) -> PlusxError:
    return PlusxError(f"{place}/{name}: there is no such file; give a folder that plusx pack made, whole")
