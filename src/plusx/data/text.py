"""Texts: the only way from a text's bytes to what a network reads, in training, evaluation, prediction and serving.

What comes out for what goes in (`tests/data/test_text.py` holds each line):

- UTF-8, and nothing else: another encoding is refused with the place of the first byte that is wrong
- a byte-order mark of UTF-8 is left out; those of UTF-16 and UTF-32 are refused by their names
- shorter than the spec's length: zeros follow, which the network knows as no text
- longer: the head is kept, or the head and the tail, each cut between two characters
- a zero byte is refused: no text has one, and UTF-16 without a mark mostly does
- nothing but white space is refused as empty
"""

import json
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from pydantic import BaseModel, Field

from plusx.data.decode import BadSample

__all__ = ["EXTENSIONS", "TextSpec", "checked"]

EXTENSIONS = (".txt",)
"""The file endings, in lower case, by which texts are found in folders."""

Bytes = UInt8[np.ndarray, "length 1"]

# UTF-32's little-endian mark begins with UTF-16's.
_OTHER_MARKS = (
    (b"\xff\xfe\0\0", "UTF-32"),
    (b"\0\0\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_MARK = b"\xef\xbb\xbf"


class TextSpec(BaseModel, frozen=True, extra="forbid"):
    """How any text becomes uint8 bytes (length, 1).

    >>> TextSpec(length=6).prepare("né".encode()).ravel().tolist()
    [110, 195, 169, 0, 0, 0]
    >>> bytes(TextSpec(length=4, cut="head+tail").prepare(b"begin ... end"))
    b'bend'
    """

    modality: Literal["text"] = "text"
    length: int = Field(ge=1, le=1 << 20)
    """Bytes that the network reads of one text."""
    cut: Literal["head", "head+tail"] = "head"
    """What is kept of a longer text: its head; or a quarter of the length from its head, the rest from its tail."""

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, bytes), channels being 1."""
        return 1, self.length

    @property
    def features(self) -> tuple[int, int]:
        """(channels, bytes): the front leaves bytes as they are, the stem embeds them."""
        return self.shape

    @property
    def dtype(self) -> np.dtype:
        """Of the values that `prepare` gives."""
        return np.dtype(np.uint8)

    @property
    def words(self) -> str:
        """What a person is told of it."""
        return f"{self.length:,} bytes, {self.cut}"

    @property
    def storage_key(self) -> str:
        """What decides what `prepare` gives."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def prepare(self, source: bytes | np.ndarray) -> Bytes:
        """The text's bytes, cut or followed by zeros.

        `source` is a text in UTF-8; or uint8 bytes of one, `(count,)` or `(count, 1)`, whose last zeros do not count.
        Safe in threads.

        Raises:
            BadSample: it is empty, or no text in UTF-8.
        """
        text = _whole(checked(source), self.length, self.cut)
        values = np.zeros((self.length, 1), np.uint8)
        values[: len(text), 0] = np.frombuffer(text, np.uint8)
        return values


def checked(source: bytes | np.ndarray) -> bytes:
    """The text in UTF-8, without a byte-order mark.

    Raises:
        BadSample: it is empty, or no text in UTF-8.

    >>> checked(b"caf\\xe9")
    Traceback (most recent call last):
    plusx.data.decode.BadSample: not UTF-8: byte 4 is 0xe9; save it as UTF-8
    """
    text = _from_array(source) if isinstance(source, np.ndarray) else source
    for mark, name in _OTHER_MARKS:
        if text.startswith(mark):
            raise BadSample(f"it is {name}, by its byte-order mark; save it as UTF-8")
    text = text.removeprefix(_MARK)
    zero = text.find(b"\0")
    if zero >= 0:
        raise BadSample(f"byte {zero + 1} is zero: no text, or UTF-16; save it as UTF-8")
    try:
        words = text.decode()
    except UnicodeDecodeError as error:
        raise BadSample(f"not UTF-8: byte {error.start + 1} is 0x{text[error.start]:02x}; save it as UTF-8") from None
    if not words or words.isspace():
        raise BadSample("the text is empty; leave it out")
    return text


def _from_array(source: np.ndarray) -> bytes:
    if source.dtype != np.uint8 or source.ndim not in (1, 2) or source.shape[1:] not in ((), (1,)):
        raise BadSample(f"an array of {source.dtype} and shape {source.shape}, not a text's bytes (uint8)")
    return source.tobytes().rstrip(b"\0")


def _whole(text: bytes, length: int, cut: str) -> bytes:
    """At most `length` bytes of the text, no character in parts."""
    if len(text) <= length:
        return text
    if cut == "head":
        return head_of(text, length)
    head = head_of(text, length // 4)
    return head + _tail(text, length - len(head))


def head_of(text: bytes, length: int) -> bytes:
    """At most `length` bytes from its beginning, no character in parts; the text is longer."""
    while length > 0 and _inside(text[length]):
        length -= 1
    return text[:length]


def _tail(text: bytes, length: int) -> bytes:
    start = len(text) - length
    while start < len(text) and _inside(text[start]):
        start += 1
    return text[start:]


def _inside(byte: int) -> bool:
    """Whether it continues a character that an earlier byte began."""
    return byte & 0xC0 == 0x80
