"""What one path holds, as bytes."""

import os
import stat
from pathlib import Path

from plusx.data.decode import BadSample
from plusx.data.series import series_bytes

MAX_FILE_BYTES = 1 << 30


def file_bytes(path: str | Path) -> bytes:
    """The file's bytes, or a folder's slices as a zip of them.

    Raises:
        BadSample: it is missing, unreadable, of another kind, or above 1 GiB.

    >>> file_bytes("none.png")
    Traceback (most recent call last):
    plusx.data.decode.BadSample: there is no such file
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            return series_bytes(Path(path), MAX_FILE_BYTES)
        if not stat.S_ISREG(status.st_mode):
            raise BadSample("not a regular file")
        if status.st_size > MAX_FILE_BYTES:
            raise BadSample("the file is larger than 1 GiB")
        with open(path, "rb", buffering=0) as file:
            return file.readall()
    except FileNotFoundError:
        raise BadSample("there is no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte in it
        raise BadSample(f"the file cannot be read ({getattr(error, 'strerror', error)})") from error
