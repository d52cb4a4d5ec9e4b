"""Texts: what comes out for what goes in, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plusx.data.image import BadSample
from plusx.data.modalities import modality_of, survey
from plusx.data.sources import FileSource, Samples
from plusx.data.text import TextSpec, checked
from plusx.data.text_facts import TextFacts
from plusx.errors import PlusxError

TEN_MB = "ß".encode() * 5_000_000


def read(spec: TextSpec, text: bytes) -> bytes:
    values = spec.prepare(text)
    assert (values.shape, values.dtype) == ((spec.length, 1), np.uint8)
    return values.tobytes()


def test_short_texts_are_followed_by_zeros():
    assert read(TextSpec(length=8), "häuser".encode()) == "häuser".encode() + b"\0"
    assert read(TextSpec(length=3), b"abc") == b"abc"


def test_long_texts_keep_their_head_or_head_and_tail():
    assert read(TextSpec(length=4), b"abcdefgh") == b"abcd"
    assert read(TextSpec(length=4, cut="head+tail"), b"abcdefgh") == b"afgh"
    assert read(TextSpec(length=4, cut="head+tail"), b"abcd") == b"abcd"


def test_no_character_is_cut_in_parts():
    assert read(TextSpec(length=4), "abcß".encode()) == b"abc\0"
    assert read(TextSpec(length=4, cut="head+tail"), "ßcdeßf".encode()) == b"e\xc3\x9ff"


@given(st.text(min_size=1), st.integers(1, 40), st.sampled_from(["head", "head+tail"]))
def test_what_is_read_is_always_utf8(words: str, length: int, cut):
    text = words.replace("\0", "0").encode()
    if not words.replace("\0", "0").strip():
        return
    kept = read(TextSpec(length=length, cut=cut), text).rstrip(b"\0").decode()
    if len(text) <= length:
        assert kept == text.removeprefix("\ufeff".encode()).decode()
    elif cut == "head":
        assert words.replace("\0", "0").removeprefix("\ufeff").startswith(kept)


def test_ten_megabytes_are_no_trouble():
    assert read(TextSpec(length=6), TEN_MB).decode() == "ßßß"
    with pytest.raises(BadSample, match=r"byte 10000001 is 0xff"):
        checked(TEN_MB + b"\xff")


def test_a_byte_order_mark_is_left_out():
    assert read(TextSpec(length=4), "\ufeffabc".encode()) == b"abc\0"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the text is empty; leave it out"),
        (b" \r\n\t", "the text is empty; leave it out"),
        ("\ufeff".encode(), "the text is empty; leave it out"),
        ("caf\u00e9 au lait".encode("latin-1"), "not UTF-8: byte 4 is 0xe9; save it as UTF-8"),
        (b"ok\xc3", "not UTF-8: byte 3 is 0xc3; save it as UTF-8"),
        ("words".encode("utf-16"), "it is UTF-16, by its byte-order mark; save it as UTF-8"),
        (b"\xfe\xff\0w", "it is UTF-16, by its byte-order mark; save it as UTF-8"),
        ("words".encode("utf-32"), "it is UTF-32, by its byte-order mark; save it as UTF-8"),
        ("words".encode("utf-16-le"), "byte 2 is zero: no text, or UTF-16; save it as UTF-8"),
        (b"\x7fELF\x02\x01\x01\0", "byte 8 is zero: no text, or UTF-16; save it as UTF-8"),
        (np.zeros(3, np.uint8), "the text is empty; leave it out"),
        (np.zeros((3, 2), np.uint8), "an array of uint8 and shape (3, 2), not a text's bytes (uint8)"),
        (np.zeros(3, np.int64), "an array of int64 and shape (3,), not a text's bytes (uint8)"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(content, reason: str):
    with pytest.raises(BadSample) as caught:
        TextSpec(length=16).prepare(content)
    assert caught.value.reason == reason


def test_bytes_in_an_array_are_the_text():
    text = np.frombuffer("schön\0\0".encode(), np.uint8)
    assert (TextSpec(length=9).prepare(text) == TextSpec(length=9).prepare("schön".encode())).all()
    assert (TextSpec(length=9).prepare(text[:, None]) == TextSpec(length=9).prepare(text)).all()


def test_found_by_their_ending():
    assert modality_of("a/b.TXT") == "text"


class TestFacts:
    def samples(self, folder, contents: list[bytes]) -> Samples:
        paths = [folder / f"{number}.txt" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return Samples(FileSource(paths), np.arange(len(paths)) % 2, ("a", "b"), "text")

    def test_lengths_are_in_bytes_and_without_the_mark(self, tmp_path):
        contents = ["ß".encode() * 5] * 11 + ["\ufeffabc".encode()] * 8 + [b"x" * 999, b"\xff"]
        assert survey(self.samples(tmp_path, contents)) == TextFacts(21, 2, median=10, high=10)
        assert survey(self.samples(tmp_path, [b"x" * 999, *contents])) == TextFacts(22, 2, median=10, high=999)

    def test_where_none_can_be_read_it_says_why(self, tmp_path):
        with pytest.raises(PlusxError, match=r"none of the 2 examples .*0\.txt: not UTF-8: byte 1 is 0xe9"):
            survey(self.samples(tmp_path, [b"\xe9", b""]))
