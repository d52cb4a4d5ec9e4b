"""Files that appear whole or not at all: written beside their place, synced to disk, then renamed into it."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Literal, overload

try:
    import fcntl
except ImportError:  # Windows has no flock; abandoned folders are told by their age alone there
    fcntl = None

PARTIAL = ".partial"
ABANDONED_AFTER_S = 60.0
ABANDONED_WITHOUT_LOCKS_AFTER_S = 86_400.0


@overload
@contextmanager
def atomic_write(path: Path, mode: Literal["w"] = "w") -> Iterator[IO[str]]: ...
@overload
@contextmanager
def atomic_write(path: Path, mode: Literal["wb"]) -> Iterator[IO[bytes]]: ...
@contextmanager
def atomic_write(path: Path, mode: Literal["w", "wb"] = "w") -> Iterator[IO[str] | IO[bytes]]:
    """A file to write to that takes `path`'s place when the block ends without an error, whole and synced.

    Readers see the old content or the new, never a part; an error in the block leaves the old content
    untouched. Text is UTF-8 with the newlines that were written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_write(Path(folder, "a.json")) as file:
    ...         _ = file.write("{}")
    ...     Path(folder, "a.json").read_text(), os.listdir(folder)
    ('{}', ['a.json'])
    """
    path = Path(path)
    temporary = _beside(path)
    encoding, newline = (None, None) if mode == "wb" else ("utf-8", "")
    try:
        with open(temporary, mode, encoding=encoding, newline=newline) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A new folder to fill that becomes `path` when the block ends without an error, all its files synced.

    The parent is made where it is missing. While it is being filled the folder is locked by this process, so
    that `remove_abandoned` can tell it from one that a killed process left behind.

    Raises:
        FileExistsError: `path` is there already, or another process was faster; what is there stays as it is.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    temporary.mkdir()
    lock = _lock(temporary)
    try:
        yield temporary
        sync_tree(temporary)
        _rename_folder(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if lock is not None:
            os.close(lock)
    _sync_folder(path.parent)


def remove_abandoned(parent: Path) -> None:
    """Deletes the unfinished folders of `atomic_folder` in `parent` whose process is gone.

    A living owner holds a lock, which the system frees however the process ended. A folder younger than a
    minute is left alone, because its owner may be about to lock it; where there are no locks (Windows, some
    network disks) a day must have passed.
    """
    for folder in Path(parent).glob(f".*{PARTIAL}"):
        try:
            age_s = time.time() - folder.stat().st_mtime
            if not folder.is_dir() or age_s < ABANDONED_AFTER_S:
                continue
            lock = _lock(folder)
        except OSError:  # locked by its owner, or gone since we looked
            continue
        if lock is not None or age_s >= ABANDONED_WITHOUT_LOCKS_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def only_owner(folder: Path) -> Iterator[None]:
    """Keeps other processes out of a folder's block; what killed ones left unfinished in it is deleted first.

    The system frees the folder however the process ends.

    Raises:
        BlockingIOError: another process is in it.
    """
    lock = _lock(folder)
    try:
        if lock is not None:
            # Nobody else is in the folder, so that however young they are their owners are gone. Listed before
            # any is deleted, since one may be inside another.
            for unfinished in list(Path(folder).rglob(f".*{PARTIAL}")):
                _delete(unfinished)
        yield
    finally:
        if lock is not None:
            os.close(lock)


def _delete(unfinished: Path) -> None:
    # What cannot be deleted (a disk that has become read-only) is in nobody's way.
    with suppress(OSError):
        shutil.rmtree(unfinished) if unfinished.is_dir() else unfinished.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")


def _lock(folder: Path) -> int | None:
    """Locks the folder until the descriptor is closed; None where there are no locks.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    if fcntl is None:
        return None
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise
    except OSError:  # a network disk that knows no locks
        os.close(descriptor)
        return None
    return descriptor


def _rename_folder(source: Path, target: Path) -> None:
    # A rename onto an empty folder would replace it.
    if target.exists():
        raise FileExistsError(errno.EEXIST, "there already", str(target))
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise FileExistsError(errno.EEXIST, "there already", str(target)) from error
        raise


def sync_tree(folder: Path) -> None:
    for here, _, names in os.walk(folder, topdown=False):
        for name in names:
            with open(os.path.join(here, name), "rb+") as file:
                os.fsync(file.fileno())
        _sync_folder(Path(here))


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder as a file
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
