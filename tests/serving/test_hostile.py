"""Hostile requests to a real server: bombs of each kind, bodies that are not what they say, and whatever hypothesis and
schemathesis think of. The process lives, its memory comes back, and others are answered meanwhile."""

import json
import os
import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import hostile
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw import HOST, chunked, connected, post, read
from servers import Answer, Running, ask, command, png, serving, write_model

from plusx.data.image import ImageSpec
from plusx.data.modalities import Spec
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.serving.settings import Settings

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


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("models")
    return [write_model(folder / f"{name}.plusx", spec, **options) for name, (spec, options) in SPECS.items()]


@pytest.fixture(scope="module")
def running(models: list[Path]) -> Iterator[Running]:
    limits = Settings(body_bytes=8 << 20, head_s=2, body_s=2, pixels=1 << 21, samples=1 << 22, voxels=1 << 20)
    with serving(*models, settings=limits) as running:
        yield running


def row(answer: Answer) -> dict[str, object]:
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["answers"][0]


@pytest.mark.parametrize("name", SPECS)
def test_what_is_good_is_answered(running: Running, name: str) -> None:
    assert row(ask(running.port, f"/models/{name}/predict", GOOD[name]))["error"] is None


def test_bombs_get_their_reasons(running: Running) -> None:
    for name, bomb in BOMBS:
        found = row(ask(running.port, f"/models/{name}/predict", bomb))
        # The first of many frames, and the first words of many, are answered.
        assert (found["error"] is None) == bomb.startswith((b"GIF", b"aaa")), (name, bomb[:20], found)


def test_all_bombs_at_once_leave_room_for_others(running: Running) -> None:
    with ThreadPoolExecutor(12) as pool:
        thrown = [pool.submit(ask, running.port, f"/models/{name}/predict", bomb) for name, bomb in 2 * BOMBS]
        others = [pool.submit(ask, running.port, f"/models/{name}/predict", GOOD[name]) for name in 4 * list(GOOD)]
        assert {one.result().status for one in thrown} <= {200, 429}
        assert {one.result().status for one in others} <= {200, 429}


@pytest.mark.parametrize("case", range(len(WRONG)))
@pytest.mark.parametrize("path", ["/models/picture/predict", "/v2/models/picture/infer"])
def test_what_is_not_what_it_says_is_refused(running: Running, case: int, path: str) -> None:
    headers, body = WRONG[case]
    answer = ask(running.port, path, body, headers)
    assert answer.status < 500
    if answer.status == 200:
        # As the bytes of a file they are answered, with the reason why not.
        assert path.endswith("predict")
        assert all(one["error"] or one["label"] for one in json.loads(answer.body)["answers"])
    else:
        assert set(json.loads(answer.body)) in ({"error"}, {"detail"})


def test_names_that_nobody_would_give(running: Running) -> None:
    for path in (
        "/models/" + "%2e%2e%2f" * 20,
        "/page/..%2f..%2fsettings.py",
        "/page/../app.py",
        "/models/%00/predict",
        "/models/" + "a" * 4000,
        "/v2/models/" + "%F0%9F%98%80" * 100 + "/infer",
        "/predict?top=" + "9" * 4000,
        "/predict?top=-1&top=0&explain=maybe",
        "/models/picture/predict?" + "a=b&" * 1500,
        "//evil.example/",
        "/%",
    ):
        for body in (None, png()):
            assert 200 <= ask(running.port, path, body).status < 500


# What anybody may send


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


@given(requests())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_the_server_does_not_break(running: Running, request_bytes: bytes) -> None:
    assert all(status < 500 or status in (501, 505) for status in throw(running.port, request_bytes))


def test_what_its_description_allows_does_not_break_it(running: Running) -> None:
    described = json.loads(ask(running.port, "/openapi.json").body)
    operations = [found.ok() for found in schemathesis.openapi.from_dict(described).get_all_operations()]
    assert len(operations) > 10
    for operation in operations:
        call_it(operation, running.url, examples=8)


def call_it(operation: schemathesis.APIOperation, url: str, examples: int) -> None:
    @given(operation.as_strategy())
    @settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)
    def call(case: schemathesis.Case) -> None:
        response = case.call(base_url=url, timeout=60)
        assert response.status_code < 500, (case.as_curl_command(), response.content)

    call()


# Ten thousand

THROWN = 10_000
THREADS = 4
MOST_GROWTH_BYTES = 50 << 20


class Watched:
    """A process as its system sees it."""

    def __init__(self, pid: int):
        self._place = Path(f"/proc/{pid}")

    def memory_bytes(self) -> int:
        status = (self._place / "status").read_text()
        return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def files(self) -> int:
        return len(os.listdir(self._place / "fd"))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="what a process holds only Linux tells so")
def test_ten_thousand_leave_it_as_it_was(models: list[Path]) -> None:
    requests_of_all = prepared(THROWN)
    with command(*models, "--engine", "onnx", "--log", "off") as (process, port):
        watched = Watched(process.pid)
        # Each part of it has been at work before it is measured.
        throw_all(port, requests_of_all[:1_500])
        before, files = rested(watched)
        stop, asked = threading.Event(), []

        def behave() -> None:
            while not stop.is_set():
                began = time.monotonic()
                name = random.choice(list(GOOD))
                answer = ask(port, f"/models/{name}/predict", GOOD[name])
                asked.append((answer.status, time.monotonic() - began))
                time.sleep(0.02)

        behaving = threading.Thread(target=behave)
        behaving.start()
        statuses = throw_all(port, requests_of_all)
        stop.set()
        behaving.join()
        assert process.poll() is None
        after, files_after = rested(watched)
        grown, more_files = after - before, files_after - files
        seconds = sorted(took for _, took in asked)
        print(f"{len(requests_of_all)} hostile requests: {dict(sorted(statuses.items()))}")
        print(f"memory {before >> 20} MiB, then {grown / (1 << 20):+.1f}; files {files}, then {more_files:+d}")
        median, longest = 1000 * float(np.median(seconds)), 1000 * seconds[-1]
        print(f"{len(asked)} others answered meanwhile in {median:.0f} ms (median), {longest:.0f} (longest)")
        assert {status for status, _ in asked} == {200}
        assert grown < MOST_GROWTH_BYTES
        assert more_files <= 0
        assert not {status for status in statuses if status >= 500} - {501, 505}


def prepared(count: int) -> list[bytes]:
    """As many requests, of hypothesis and of the bombs and wrong bodies above, in an order that is always the same."""
    made: list[bytes] = []

    @given(st.lists(requests(), min_size=20, max_size=20))
    @settings(max_examples=count // 20, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def make(some: list[bytes]) -> None:
        made.extend(some)

    make()
    large = [post(bomb, path=f"/models/{name}/predict".encode()) for name, bomb in BOMBS]
    for headers, body in WRONG:
        lines = [f"{name}: {value}".encode() for name, value in headers.items()]
        large += [post(body, *lines), post(body, *lines, path=b"/v2/models/picture/infer")]
    chosen = random.Random(0)
    return [chosen.choice(large) if chosen.random() < 0.1 else chosen.choice(made) for _ in range(count)]


def throw_all(port: int, all_of_them: list[bytes]) -> dict[int, int]:
    """How often each status came; 0 stands for none."""
    found: dict[int, int] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for statuses in pool.map(lambda request: throw(port, request), all_of_them):
            for status in statuses or [0]:
                found[status] = found.get(status, 0) + 1
    return found


def rested(watched: Watched) -> tuple[int, int]:
    """Its memory and its files once neither falls any more."""
    held = [(watched.memory_bytes(), watched.files())]
    while len(held) < 4 or held[-1] < held[-4]:
        time.sleep(1.0)
        held.append((watched.memory_bytes(), watched.files()))
    return held[-1]
