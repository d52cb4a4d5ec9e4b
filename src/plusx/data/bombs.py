"""Pictures that are small as files and large in memory or time, told before a decoder takes either.

What a picture's plain size says, `decode.py` checks; here is what lies behind it.
"""

import re
import struct

from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

MOST_SCANS = 64
"""Of a JPEG: each goes over the whole picture again. Programs write about ten."""
SCAN = 0xDA
# A marker within a scan: neither a stuffed zero, nor a restart, nor filling.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_TILE_WIDTH, _TILE_LENGTH = 322, 323


def webp_size(source: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP file by its first bytes; None where they are no WebP's.

    Pillow's decoder takes memory for the whole canvas as soon as it is made.

    >>> webp_size(b"RIFF\\0\\0\\0\\0WEBPVP8X\\x0a\\0\\0\\0\\0\\0\\0\\0\\x7f\\x3e\\0\\x0f\\0\\0")
    (16000, 16)
    """
    kind, start = source[12:16], source[20:30]
    if source[8:12] != b"WEBP" or len(start) < 10:
        return None
    if kind == b"VP8X":
        return int.from_bytes(start[4:7], "little") + 1, int.from_bytes(start[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", start[6:])
        return width & 0x3FFF, height & 0x3FFF
    return None


def scans_of(source: bytes, picture: JpegImageFile) -> int:
    """How often a JPEG's data goes over the picture; counted to one more than `MOST_SCANS`.

    Args:
        source: the file.
        picture: with its header read.
    """
    place = _first_scan(source)
    if place is None:
        return 1
    if not picture.info.get("progressive") and source[place + 4] >= picture.layers:
        # All colours in one scan, after which there is none.
        return 1
    scans = 0
    while place is not None and scans <= MOST_SCANS:
        scans += 1
        place = _next_scan(source, place + 2)
    return scans


def _first_scan(source: bytes) -> int | None:
    """Where the first scan's marker is; segments before it, such as a thumbnail, are stepped over."""
    place = 2
    while place + 5 <= len(source):
        if source[place] != 0xFF:
            return None
        if source[place + 1] == SCAN:
            return place
        filling = source[place + 1] == 0xFF
        place += 1 if filling else 2 + int.from_bytes(source[place + 2 : place + 4], "big")
    return None


def _next_scan(source: bytes, place: int) -> int | None:
    """Where the next scan's marker is, before the picture's end."""
    while (found := _MARKER.search(source, place)) is not None:
        place, marker = found.start(), source[found.start() + 1]
        if marker == SCAN:
            return place
        if marker == 0xD9:
            return None
        place += 2
    return None


def tile_of(picture: TiffImageFile) -> tuple[int, int]:
    """(width, height) of a TIFF's tiles, each of which is decoded as a whole; (0, 0) where it has none."""
    sides = picture.tag_v2.get(_TILE_WIDTH, 0), picture.tag_v2.get(_TILE_LENGTH, 0)
    width, height = (int(side) if isinstance(side, int | float) else 0 for side in sides)
    return width, height
