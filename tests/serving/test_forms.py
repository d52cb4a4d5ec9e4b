"""Forms: what a client writes is read back; what is damaged is told so."""

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from plusx.serving.forms import parts_of
from plusx.serving.refusals import Refused

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)


@given(st.lists(st.tuples(NAMES, st.binary(max_size=200)), min_size=1, max_size=5))
def test_what_requests_sends_is_read(files: list[tuple[str, bytes]]) -> None:
    sent = requests.Request(
        "POST", "http://localhost/", files=[("file", (name, content)) for name, content in files]
    ).prepare()
    assert isinstance(sent.body, bytes)
    found = parts_of(sent.headers["Content-Type"], sent.body, 5)
    assert [content for _, content in found] == [content for _, content in files]
    # Other names than these are written in ways of their own.
    plain = [name for name, _ in files if name.isascii() and not set(name) & set('"\\;%')]
    assert [name for name, _ in found if name in plain] == plain


def test_a_field_is_an_input_without_a_name() -> None:
    body = b'--a\r\nContent-Disposition: form-data; name="text"\r\n\r\nwords\r\n--a--\r\n'
    assert parts_of("multipart/form-data; boundary=a", body, 1) == [(None, b"words")]


WHOLE = b'--a\r\nContent-Disposition: form-data; filename="f"\r\n\r\nbytes\r\n--a--\r\n'


@pytest.mark.parametrize(
    ("kind", "body", "why"),
    [
        ("multipart/form-data", WHOLE, "no boundary"),
        ("multipart/form-data; boundary=", WHOLE, "no boundary"),
        ("multipart/form-data; boundary=b", WHOLE, "cannot be read"),
        ("multipart/form-data; boundary=" + "a" * 1000, WHOLE, "cannot be read"),
        ("multipart/form-data; boundary=a", b"", "cut short"),
        ("multipart/form-data; boundary=a", WHOLE[:-6], "cut short"),
        ("multipart/form-data; boundary=a", WHOLE[:20], "cut short"),
        ("multipart/form-data; boundary=a", WHOLE.replace(b": ", b"\x00"), "cannot be read"),
    ],
)
def test_a_damaged_form_is_told_so(kind: str, body: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        parts_of(kind, body, 5)
    assert refused.value.status == 400


def test_parts_are_counted_as_they_come() -> None:
    part = WHOLE[:-7]
    with pytest.raises(Refused, match="more than 5 inputs") as refused:
        parts_of("multipart/form-data; boundary=a", part * 10_000 + b"--a--\r\n", 5)
    assert refused.value.status == 413


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)))
def test_whatever_comes_is_read_or_refused(noise: bytes, place: int) -> None:
    try:
        parts = parts_of("multipart/form-data; boundary=a", WHOLE[:place] + noise + WHOLE[place:], 5)
    except Refused:
        return
    assert all(isinstance(content, bytes) for _, content in parts)
