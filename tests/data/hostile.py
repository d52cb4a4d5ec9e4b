"""Files that are small and ask for much: of every kind that is read, made by hand as no program would write them."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np
from PIL import Image


def png(width: int, height: int, data: bytes = b"", depth: int = 8, kind: int = 2) -> bytes:
    """A PNG that says it is so large, whatever its data."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def blank_png(width: int, height: int) -> bytes:
    """A whole PNG with transparency, black, a thousand times smaller than its pixels."""
    return png(width, height, zlib.compress(bytes(1 + 4 * width) * height), kind=6)


def webp(width: int, height: int) -> bytes:
    """An animation of one small frame on so large a canvas."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "WEBP", lossless=True)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack("<4sI", name, len(content)) + content + bytes(len(content) % 2)

    def three(number: int) -> bytes:
        return number.to_bytes(3, "little")

    frame = three(0) * 2 + three(7) * 2 + three(10) + b"\0" + file.getvalue()[12:]
    canvas = bytes([2, 0, 0, 0]) + three(width - 1) + three(height - 1)
    body = b"WEBP" + chunk(b"VP8X", canvas) + chunk(b"ANIM", bytes(6)) + chunk(b"ANMF", frame)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg_of_scans(size: int, scans: int) -> bytes:
    """A progressive JPEG whose last scan is there so often again."""
    file = io.BytesIO()
    Image.new("L", (size, size), 128).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * scans + whole[-2:]


def tiff(width: int, height: int, tile: tuple[int, int]) -> bytes:
    """A TIFF in one packed tile."""
    data = zlib.compress(bytes(1000))
    data += bytes(len(data) % 2)
    tags = {256: width, 257: height, 258: 8, 259: 8, 262: 1, 277: 1, 322: tile[0], 323: tile[1], 324: 8, 325: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def gif(frames: int) -> bytes:
    """So many frames of one pixel."""
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + frame * frames + b"\x3b"


def flac(frames: int, channels: int = 8, said: int = 0) -> bytes:
    """Silence: 65,534 samples of every channel in forty bytes; `said` is what the header has as their number."""
    about = 44_100 << 44 | (channels - 1) << 41 | 15 << 36 | said
    header = struct.pack(">HH", 65_535, 65_535) + bytes(6) + about.to_bytes(8, "big") + bytes(16)
    return (
        b"fLaC\x80" + len(header).to_bytes(3, "big") + header + b"".join(_frame(one, channels) for one in range(frames))
    )


def _frame(number: int, channels: int) -> bytes:
    head = b"\xff\xf8\x79" + bytes([(channels - 1) << 4 | 8]) + chr(number).encode() + struct.pack(">H", 65_533)
    whole = head + bytes([_crc(head, 0x07, 8)]) + bytes(3 * channels)
    return whole + struct.pack(">H", _crc(whole, 0x8005, 16))


def _crc(content: bytes, polynomial: int, bits: int) -> int:
    value, top = 0, 1 << (bits - 1)
    for byte in content:
        value ^= byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & ((1 << bits) - 1)
    return value


def vorbis(packets: int, channels: int = 16, block: int = 13) -> bytes:
    """The beginning of a Vorbis file, and then packets of one byte."""
    head = b"\x01vorbis" + struct.pack("<IBIIIIBB", 0, channels, 44_100, 0, 0, 0, block << 4 | 6, 1)

    def page(lengths: Sequence[int], content: bytes) -> bytes:
        return b"OggS" + bytes(22) + bytes([len(lengths), *lengths]) + content

    whole, rest = divmod(packets, 255)
    return page([30], head) + page([1] * 255, bytes(255)) * whole + page([1] * rest, bytes(rest))


def wav(size: int, there: int) -> bytes:
    """A WAV of 8 bits that says it has `size` bytes of sound, of which some are there."""
    form = struct.pack("<HHIIHH", 1, 1, 16_000, 16_000, 1, 8)
    return (
        b"RIFF\xff\xff\xff\xffWAVEfmt "
        + struct.pack("<I", 16)
        + form
        + struct.pack("<4sI", b"data", size)
        + bytes(there)
    )


def nifti(
    shape: Sequence[int] = (4, 4, 4),
    spacing: Sequence[float] = (1, 1, 1),
    start: float = 352,
    extension: int | None = None,
    more: int = 0,
) -> bytes:
    """A packed NIfTI volume of float32 zeros, with so many more; `start` and `extension` are what its header says."""
    head = bytearray(348)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<hh", head, 70, 16, 32)
    struct.pack_into("<4f", head, 76, 1, *spacing)
    struct.pack_into("<f", head, 108, start)
    head[123], head[344:348] = 2, b"n+1\0"
    said = bytes(4) if extension is None else b"\1\0\0\0" + struct.pack("<ii", extension, 0)
    return gzip.compress(bytes(head) + said + bytes(4 * int(np.prod(shape)) + more), 1)


def npy(shape: object, there: int = 8, descr: str = "<f4") -> bytes:
    """An array of which the header says so."""
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + bytes(there)


def zipped(sizes: Sequence[int]) -> bytes:
    """A zip of slices of zeros."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for number, size in enumerate(sizes):
            packed.writestr(f"{number}.dcm", bytes(size))
    return file.getvalue()
