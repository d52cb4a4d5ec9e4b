"""Folders that are one example: a DICOM series, a file a slice. Which folders are, and their files as one run of bytes.

A path that ends in a slash names such a folder; everything else that examples go through asks for bytes, and gets a zip
of the slices, as a person may give one as a file.
"""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

from plusx.data.decode import BadSample

FOLDER = "/"
ENDING = ".dcm"
PREAMBLE = 128
MAGIC = b"DICM"
MOST_FILES = 20_000
INDEX = "DICOMDIR"
"""The list of files on a DICOM disc: it has a slice's first bytes, and is none."""


def is_dicom(source: bytes) -> bool:
    """Whether the first bytes are a DICOM file's.

    >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"DICM")
    (True, False)
    """
    return source[PREAMBLE : PREAMBLE + len(MAGIC)] == MAGIC


def is_slice(path: str) -> bool:
    """Whether the file is a DICOM one by its ending or, where its name has none, by its first bytes.

    Scanners name files by numbers with points, too: what follows the last of them is no ending.
    """
    name = os.path.basename(path)
    if name.startswith(".") or name == INDEX:
        return False
    ending = os.path.splitext(name)[1].lower()
    if ending and not ending[1:].isdecimal():
        return ending == ENDING
    try:
        with open(path, "rb") as file:
            return is_dicom(file.read(PREAMBLE + len(MAGIC)))
    except OSError:
        return False


def slices_in(folder: str | Path) -> list[str]:
    """The DICOM files that lie in the folder itself, by name."""
    with os.scandir(folder) as entries:
        return sorted(entry.path for entry in entries if entry.is_file() and is_slice(entry.path))


def series_in(folder: str | Path) -> list[str]:
    """The folder's own DICOM files where they are one example; a file with the ending, alone, is an example itself."""
    slices = slices_in(folder)
    return [] if len(slices) == 1 and slices[0].lower().endswith(ENDING) else slices


def series_bytes(folder: Path, limit_bytes: int) -> bytes:
    """The folder's slices as an uncompressed zip.

    Raises:
        BadSample: there are none, or too many bytes of them.
        OSError: one cannot be read.
    """
    paths = slices_in(folder)
    if not paths:
        raise BadSample("not a regular file, but a folder without DICOM files (.dcm)")
    if sum(os.path.getsize(path) for path in paths) > limit_bytes:
        raise BadSample(f"the folder's slices are larger than {limit_bytes >> 30} GiB")
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for path in paths:
            # Named and dated by hand: a folder's bytes are the same wherever and whenever it was copied to.
            name = os.fsencode(os.path.basename(path)).decode("utf-8", "backslashreplace")
            file.writestr(zipfile.ZipInfo(name), Path(path).read_bytes())
    return packed.getvalue()


_ENTRY = b"PK\x01\x02"


def _beside(name: str) -> bool:
    """Whether a zip's file is none of a series, as the hidden copies that a Mac puts beside each."""
    return os.path.basename(name) == INDEX or os.path.basename(name).startswith(".")


def zipped_slices(source: bytes, limit_bytes: int) -> dict[str, bytes]:
    """The DICOM files in a zip, by name, told by their endings or first bytes; what else is in it is passed over.

    Raises:
        BadSample: no zip that can be read, one with a password, or with too many bytes or files.
    """
    # Before they are listed, which takes longer than their bytes would.
    if source.count(_ENTRY) > MOST_FILES:
        raise BadSample(f"the zip holds more than {MOST_FILES} files")
    try:
        with zipfile.ZipFile(BytesIO(source)) as file:
            members = [one for one in file.infolist() if not one.is_dir()]
            if sum(one.file_size for one in members) > limit_bytes:
                raise BadSample(f"the zip's files are larger than {limit_bytes >> 20} MiB")
            # No more is unpacked than the sizes say.
            files = {one.filename: file.read(one) for one in members if not _beside(one.filename)}
    except BadSample:
        raise
    except RuntimeError:
        raise BadSample("the zip has a password; unpack it") from None
    # zipfile and zlib raise whatever they like on a bad file.
    except Exception:
        raise BadSample("the zip is cut short or damaged; copy it again") from None
    # One by its ending alone is a slice, too: left out for its first bytes, it would be missed by nobody.
    return {
        name: content for name, content in sorted(files.items()) if is_dicom(content) or name.lower().endswith(ENDING)
    }
