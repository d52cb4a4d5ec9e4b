"""Requests that mean harm: bombs of each kind, bodies that are not what they say, and whatever hypothesis thinks of."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import hostile
from hypothesis import strategies as st
from raw import HOST, chunked, connected, read
from servers import png, write_model

from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec

SPECS: dict[str, tuple[Spec, dict[str, object]]] = {
    "picture": (ImageSpec(height=8, width=8, channels=1), {}),
    "sound": (SoundSpec(samples=4000, mels=16), {}),
    "text": (TextSpec(length=16), {"stem": "bytes"}),
    "signal": (SignalSpec(length=16, rate_hz=100, file_rate_hz=1), {}),
    "volume": (VolumeSpec(depth=4, height=4, width=4, spacing=(1, 1, 1)), {}),
}
GOOD = {
    "picture": png(),
    "sound": hostile.wav(4000, 4000),
    "text": b"some words",
    "signal": b"1\n2\n3\n",
    "volume": hostile.npy((4, 4, 4), 4 * 64),
}
BOMBS: list[tuple[str, bytes]] = [
    ("picture", hostile.png(50_000, 50_000)),
    ("picture", hostile.blank_png(2_000, 2_000)),
    ("picture", hostile.webp(16_000, 16_000)),
    ("picture", hostile.jpeg_of_scans(500, 500)),
    ("picture", hostile.tiff(16, 16, (40_000, 40_000))),
    ("picture", hostile.gif(50_000)),
    ("sound", hostile.wav(1 << 30, 10)),
    ("sound", hostile.flac(100)),
    ("sound", hostile.flac(100, said=1 << 35)),
    ("sound", hostile.vorbis(2_000)),
    ("text", b"\xff\xfe" + bytes(1000)),
    ("text", b"a" * (1 << 20)),
    ("signal", b"1\n" * 100_000),
    ("signal", b"," * (1 << 20)),
    ("signal", hostile.npy((0, 1 << 70))),
    ("signal", hostile.npy((1 << 40,))),
    ("volume", hostile.nifti(spacing=(1e6, 1e6, 1e6))),
    ("volume", hostile.nifti(start=1e9, more=1 << 20)),
    ("volume", hostile.nifti(start=0, extension=(1 << 31) - 16, more=1 << 20)),
    ("volume", hostile.zipped([10 << 20] * 80)),
    ("volume", b"PK\x03\x04" + b"PK\x01\x02" * 30_000),
    ("volume", bytes(128) + b"DICM" + bytes(1000)),
]
BOUNDARY = b"--part"
JSON = {"Content-Type": "application/json"}


def form(parts: Sequence[bytes], header: bytes = b"") -> bytes:
    named = b'\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n' + header
    return b"".join(BOUNDARY + named + b"\r\n" + part + b"\r\n" for part in parts) + BOUNDARY + b"--\r\n"


FORM = {"Content-Type": "multipart/form-data; boundary=part"}
WRONG: list[tuple[dict[str, str], bytes]] = [
    (JSON, b"[" * 1_000_000),
    (JSON, b'{"inputs": ' + b"[" * 900 + b"]" * 900 + b"}"),
    (JSON, b'{"inputs": [' + b"[]," * 1_500_000 + b"1]}"),
    (JSON, b'{"inputs": [{"base64": "' + b"A" * 3_000_000 + b'"}]}'),
    (JSON, b'{"inputs": [{"base64": "' + b"=" * 300_000 + b'"}]}'),
    (JSON, b'{"inputs": [{"text": "\\ud800"}]}'),
    (JSON, b'{"inputs": ' + b"1" * 100_000 + b"}"),
    (JSON, b'{"inputs": 1e999}'),
    (JSON, b'{"inputs": {"base64": ""}}'),
    (JSON, b'{"inputs": "abc"}'),
    (JSON, b'{"inputs": [null, {}, [], 3, "text"]}'),
    (JSON, b"\xff\xfe{}"),
    (JSON, png()),
    (JSON, b""),
    (FORM, form([b"x"] * 10_000)),
    (FORM, form([b"x"], b"X: " + b"a" * 200_000 + b"\r\n")),
    (FORM, form([b"x"], b"X: a\r\n" * 10_000)),
    (FORM, form([])),
    (FORM, form([png()])[:-20]),
    (FORM, BOUNDARY * 100_000),
    (FORM, png()),
    ({"Content-Type": "multipart/form-data"}, form([png()])),
    ({"Content-Type": "multipart/form-data; boundary=" + "a" * 5000}, form([png()])),
    ({"Content-Type": "multipart/form-data; boundary=part; charset=punycode"}, form([b"x"])),
    ({"Content-Type": "multipart/form-data; boundary*0=pa; boundary*1=rt"}, form([png()])),
    ({"Content-Type": "multipart/mixed; boundary=part"}, form([png()])),
    ({"Content-Type": "application/x-www-form-urlencoded"}, b"&" * 100_000),
    ({"Content-Type": "a" * 10_000}, png()),
    ({"Content-Type": "text/plain; charset=utf-16"}, png()),
    ({"Content-Encoding": "gzip"}, hostile.gzip.compress(bytes(1 << 20))),
    ({"Inference-Header-Content-Length": "-1"}, b"{}"),
    ({"Inference-Header-Content-Length": "9" * 5000}, b"{}"),
    ({"Inference-Header-Content-Length": "2"}, b"{}" + bytes(1000)),
]


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_!#$%&'*+.^`|~", min_size=1)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
KNOWN = st.sampled_from(
    [
        "Content-Type",
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "Connection",
        "Host",
        "Authorization",
        "Content-Encoding",
        "Upgrade",
        "Range",
        "Origin",
        "X-Request-Id",
        "Inference-Header-Content-Length",
        "Accept",
        "Accept-Encoding",
        "Forwarded",
    ]
)
SAID = st.sampled_from(
    [
        "application/json",
        "multipart/form-data; boundary=part",
        "chunked",
        "100-continue",
        "close",
        "0",
        "5",
        "-1",
        "gzip",
    ]
)
PATHS = st.sampled_from(
    [
        "/predict",
        "/models/picture/predict",
        "/models/sound/predict",
        "/models/volume/predict",
        "/models/signal/predict",
        "/%2e%2e/",
        "/v2/models/picture/infer",
        "/v2/models/text/infer",
        "/openapi.json",
        "/metrics",
        "/",
        "/docs",
    ]
)
FILES = st.sampled_from([*GOOD.values(), *(bomb for _, bomb in BOMBS if len(bomb) < 2000), form([png()]), b"{}"])


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A file that was right, or a bomb, after some harm."""
    whole = bytearray(draw(FILES))
    for _ in range(draw(st.integers(0, 6))):
        if whole:
            whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))]) + draw(st.binary(max_size=30))


BODIES = st.one_of(changed(), st.binary(max_size=300), FILES)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Anything between a request that is right and bytes that are none."""
    body = draw(BODIES)
    method = draw(st.sampled_from([b"POST"] * 6 + [b"GET", b"HEAD", b"PUT", b"OPTIONS", b"XXX", b"CONNECT"]))
    path = draw(st.one_of(PATHS, VALUES.map(lambda text: "/" + text))).encode("latin-1")
    headers = draw(st.lists(st.tuples(st.one_of(KNOWN, TOKENS), st.one_of(SAID, VALUES)), max_size=6))
    lines = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in headers)
    kind = draw(st.integers(0, 3))
    if kind == 0:
        lines, body = lines + b"Transfer-Encoding: chunked\r\n", chunked([body[:9], body[9:] or b"x"])
    elif kind < 3:
        lines += b"Content-Length: %d\r\n" % (len(body) + draw(st.sampled_from([0, 0, 0, 0, 7, -1])))
    whole = method + b" " + path + b" HTTP/1.1\r\n" + HOST + lines + b"\r\n" + body
    if draw(st.integers(0, 4)):
        return whole
    cut = bytearray(whole[: draw(st.integers(0, len(whole)))])
    for _ in range(draw(st.integers(0, 3))):
        if cut:
            cut[draw(st.integers(0, len(cut) - 1))] = draw(st.integers(0, 255))
    return bytes(cut)


def throw(port: int, request: bytes) -> list[int]:
    """The statuses that it got, of a client that sends and half closes."""
    with connected(port) as line:
        with suppress(OSError):
            line.sendall(request)
            line.settimeout(0.2)
        return read(line).statuses


def write_models(folder: Path) -> list[Path]:
    """A tiny model of each kind of examples."""
    return [write_model(folder / f"{name}.plusx", spec, **options) for name, (spec, options) in SPECS.items()]
