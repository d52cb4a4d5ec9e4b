"""The zip around a model file: which members it may have, and what is checked before one is believed."""

import hashlib
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

from plusx.archive.manifest import Manifest
from plusx.archive.refusal import COPY_AGAIN, MAKE_AGAIN, refusal

MODEL_FILE = "model.plusx"
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors"
GOLDEN = "golden/examples.safetensors"
ENGINES = "engines/"

_REQUIRED = (MANIFEST, WEIGHTS, GOLDEN)
_ENGINE_FILE = re.compile(ENGINES + r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}/[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_LOCAL_HEADER_BYTES = 30
_END_RECORD_BYTES = 22
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_DOS_DIRECTORY = 0x10


def is_allowed(member: str) -> bool:
    """Whether a model file may have a member of this name: no `..`, no roots, no backslashes, no surprises.

    >>> is_allowed("engines/openvino/model.xml"), is_allowed("engines/../manifest.json")
    (True, False)
    """
    return member in _REQUIRED or _ENGINE_FILE.fullmatch(member) is not None


class Members:
    """The members of an open model file, safe to read: stored as they are, side by side, inside the file.

    Each method raises BadArchive where the file is not as it should be. See `open_members` for an example.
    """

    def __init__(self, path: Path, archive: ZipFile, infos: dict[str, ZipInfo]) -> None:
        self.path = path
        self._zip = archive
        self._infos = infos

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def size_bytes(self, member: str) -> int:
        """The member's size; BadArchive where there is no such member."""
        if member not in self._infos:
            raise refusal(self.path, f"is no whole model file: it has no {member}", MAKE_AGAIN)
        return self._infos[member].file_size

    def read(self, member: str) -> bytes:
        """All of the member's bytes; BadArchive where there is no such member, or its CRC differs."""
        self.size_bytes(member)
        with _damage_named(self.path):
            return self._zip.read(self._infos[member])

    def check_listed(self, manifest: Manifest) -> None:
        """Nothing, or BadArchive unless all members are allowed, and are those `manifest.files` lists."""
        for member in self:
            if not is_allowed(member):
                raise refusal(self.path, f"holds {member!r}, which is no part of a model file", MAKE_AGAIN)
        for member in _REQUIRED:
            self.size_bytes(member)
        differing = (set(self) - {MANIFEST}) ^ set(manifest.files)
        if differing:
            what = f"and its manifest disagree on whether there is {min(differing)!r}"
            raise refusal(self.path, what, MAKE_AGAIN)
        for member, record in manifest.files.items():
            if self.size_bytes(member) != record.size_bytes:
                raise refusal(self.path, f"has {member} in another size than its manifest says", COPY_AGAIN)

    def read_listed(self, member: str, manifest: Manifest) -> bytes:
        """All of a listed member's bytes; BadArchive where they are not those the manifest lists."""
        data = self.read(member)
        if hashlib.sha256(data).hexdigest() != manifest.files[member].sha256:
            raise refusal(self.path, f"has {member} with other content than its manifest says", COPY_AGAIN)
        return data


@contextmanager
def open_members(path: Path) -> Iterator[Members]:
    """The members of the model file at `path`, or in the run folder `path`, for as long as the block lasts.

    Raises:
        BadArchive: no regular file, no zip, or a zip that plusx would never write.

    >>> with open_members(Path("missing.plusx")) as members:
    ...     members.read("manifest.json")
    Traceback (most recent call last):
    plusx.archive.refusal.BadArchive: missing.plusx: is not there; check the path
    """
    with ExitStack() as opened:
        with _damage_named(path):
            path = _model_file(path)
            _check_regular(path)
            file = opened.enter_context(path.open("rb"))
            archive = opened.enter_context(ZipFile(file))
            _check_layout(path, archive, file)
        yield Members(path, archive, {info.filename: info for info in archive.infolist()})


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refusal(path, f"cannot be read ({error.strerror or error})", "check the path and rights") from error
    # RuntimeError and ValueError are what zipfile raises for odd flags, names and offsets.
    except (zipfile.BadZipFile, EOFError, OverflowError, RuntimeError, ValueError) as error:
        raise refusal(path, f"is no model file, or is cut short or damaged ({error})", COPY_AGAIN) from error


def _model_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    inside = path / MODEL_FILE
    if not inside.exists():
        raise refusal(path, f"is a folder without {MODEL_FILE}", "give a .plusx file or a finished run's folder")
    return inside


def _check_regular(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise refusal(path, "is not there", "check the path") from error
    # Opening a pipe would wait for ever, and a device may never end.
    if not stat.S_ISREG(status.st_mode):
        raise refusal(path, "is no regular file", "give the path of a .plusx file")
    if status.st_size == 0:
        raise refusal(path, "is empty", COPY_AGAIN)


def _check_member(path: Path, info: ZipInfo) -> None:
    name = info.orig_filename
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & _ENCRYPTED:
        raise refusal(path, f"has {name!r} encrypted", COPY_AGAIN)
    if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
        raise refusal(path, f"has {name!r} compressed, which model files never are", COPY_AGAIN)
    if kind not in (0, stat.S_IFREG) or info.external_attr & _DOS_DIRECTORY:
        raise refusal(path, f"has {name!r} as a link, a folder or a device, not a file", COPY_AGAIN)
    # zipfile ends a name at its first NUL, and may take another name from an extra field.
    if info.filename != name:
        raise refusal(path, f"has {name!r}, which reads as two names", COPY_AGAIN)


def _check_layout(path: Path, archive: ZipFile, file: BinaryIO) -> None:
    infos = sorted(archive.infolist(), key=lambda info: info.header_offset)
    for info in infos:
        _check_member(path, info)
    if len({info.filename for info in infos}) != len(infos):
        raise refusal(path, "has two members of one name", COPY_AGAIN)
    # zipfile looks for a zip anywhere in a file, so that the file could be a program as well.
    if (infos and infos[0].header_offset != 0) or not _ends_as_zip(file):
        raise refusal(path, "has bytes before or after the zip", COPY_AGAIN)
    end = 0
    for info in infos:
        if info.header_offset < end:
            raise refusal(path, f"has {info.filename!r} overlapping another member", COPY_AGAIN)
        end = info.header_offset + _LOCAL_HEADER_BYTES + len(info.filename) + info.file_size
    if end > file.seek(0, os.SEEK_END):
        raise refusal(path, "declares members larger than the whole file", COPY_AGAIN)


def _ends_as_zip(file: BinaryIO) -> bool:
    file.seek(-_END_RECORD_BYTES, os.SEEK_END)
    return file.read(4) == b"PK\x05\x06"
