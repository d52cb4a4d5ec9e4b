"""The page for people, the whole of it in a real browser against real servers."""

import io
import json
import re
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from browser import browser, needs_chromium
from servers import Running, ask, png, serving, write_model

from plusx.archive import read_archive
from plusx.data.image import ImageSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.engines.graph import graph_of
from plusx.serving.settings import Settings
from plusx.tasks.classify import Classify
from plusx.tasks.detect import Detect
from plusx.tasks.regress import Regress
from plusx.tasks.segment import Segment
from plusx.tasks.transcribe import Transcribe

TOKEN = "a-token-of-16-letters"
NARROW = (360, 740)
LARGER = ImageSpec(height=32, width=32, channels=1)
DIGITS = ImageSpec(height=28, width=28, channels=1, mean=(33,), std=(73,))
KINDS: dict[str, tuple[Any, Any, tuple[str, ...], dict[str, Any]]] = {
    "digits": (DIGITS, Classify(), tuple("0123456789"), {}),
    "boxes": (LARGER, Detect(threshold=0.001), ("cat", "dog"), {"num_layers": [1, 1, 1]}),
    "areas": (LARGER, Segment(), ("sky", "sea"), {"head": "unet", "num_layers": [1, 1]}),
    "ages": (DIGITS, Regress(mean=(40,), std=(9,)), ("age",), {}),
    "sounds": (SoundSpec(samples=4000), Classify(), ("bark", "purr"), {}),
    "speech": (SoundSpec(samples=8000, bands="channels"), Transcribe(), ("a", "b"), {}),
    "texts": (TextSpec(length=64), Classify(), ("ham", "spam <b>"), {"stem": "bytes_small", "neck": "largest"}),
}


@dataclass
class Opened:
    """A page in the browser.

    Args:
        page: Playwright's.
        said: what its console said, which scripts failed, what it asked of other servers.
    """

    page: Any
    said: list[str] = field(default_factory=list)

    def results(self, count: int) -> Any:
        """The results, once so many have an answer or a reason."""
        self.page.locator(".result[data-done]").nth(count - 1).wait_for()
        return self.page.locator(".result")

    def give(self, **files: bytes) -> None:
        """Chooses files; `a_png` becomes a.png."""
        chosen = [{"name": name.replace("_", "."), "mimeType": "", "buffer": own} for name, own in files.items()]
        self.page.set_input_files("#file", chosen)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, (spec, task, classes, options) in KINDS.items():
        write_model(folder / f"{name}.plusx", spec, task, classes, **options)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    with serving(*(folder / f"{name}.plusx" for name in KINDS)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as launched:
        yield launched


@contextmanager
def visit(chromium: Any, url: str, ready: str = "body[data-ready=yes]", **window: Any) -> Iterator[Opened]:
    """The page at an address, in a window of its own; at its end nothing may have been said."""
    with chromium.new_context(**window) as context:
        opened = Opened(context.new_page())
        origin = "/".join(url.split("/")[:3]) + "/"
        opened.page.on("console", lambda message: opened.said.append(message.text))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.on(
            "request",
            lambda one: None if one.url.startswith((origin, "blob:", "data:")) else opened.said.append(one.url),
        )
        opened.page.goto(url)
        opened.page.wait_for_selector(ready)
        yield opened
        assert opened.said == []


def wav(seconds: float = 0.5, rate: int = 16_000) -> bytes:
    """A tone."""
    samples = 9000 * np.sin(np.arange(int(rate * seconds)) / 9)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def answer_of(running: Running, model: str, body: bytes, headers: Any = MappingProxyType({})) -> dict[str, Any]:
    """The server's own answer to a program."""
    return json.loads(ask(running.port, f"/models/{model}/predict", body, headers).body)["answers"][0]


def bars_of(answer: dict[str, Any]) -> list[str]:
    return [f"{one['label']} {100 * one['probability']:.1f} %" for one in answer["top"]]


def rows_in(result: Any) -> list[str]:
    return [" ".join(text.split()) for text in result.locator(".answer").all_inner_texts()]


@needs_chromium
def test_a_chosen_picture_gets_the_servers_answer_and_a_bad_one_its_reason(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#digits") as opened:
        pictures = {f"{name}_png": png(seed, 28) for seed, name in enumerate("abcdef")}
        opened.give(**pictures, bad_png=b"words")
        results = opened.results(7)
        for at, body in enumerate(pictures.values()):
            assert rows_in(results.nth(at)) == bars_of(answer_of(running, "digits", body))
            assert re.fullmatch(r"digits, [\d.]+ ms", results.nth(at).locator(".took").inner_text())
        assert results.nth(6).locator(".bad").inner_text() == answer_of(running, "digits", b"words")["error"]
        opened.page.click("#clear")
        assert opened.page.locator(".result").count() == 0


@needs_chromium
def test_pictures_are_dropped_and_pasted(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#digits") as opened:
        for count, event in enumerate(("drop", "paste"), 1):
            opened.page.evaluate(
                """([name, bytes]) => {
                    const given = new DataTransfer();
                    given.items.add(new File([new Uint8Array(bytes)], `${name}.png`, { type: "image/png" }));
                    const event = name === "drop" ? new DragEvent("drop", { dataTransfer: given, bubbles: true })
                        : new ClipboardEvent("paste", { clipboardData: given, bubbles: true });
                    document.body.dispatchEvent(event);
                }""",
                [event, list(png(count, 28))],
            )
            assert rows_in(opened.results(count).first) == bars_of(answer_of(running, "digits", png(count, 28)))


@needs_chromium
def test_a_drawn_digit_answers_by_pointer_and_by_keys(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#digits") as opened:
        page = opened.page
        page.hover("#draw", position={"x": 100, "y": 60})
        page.mouse.down()
        page.hover("#draw", position={"x": 160, "y": 200})
        page.mouse.up()
        assert len(rows_in(opened.results(1).first)) == 5
        with page.expect_response(lambda answer: answer.url.endswith("top=5")) as asked:
            page.focus("#draw")
            for key in ("Space", *["ArrowUp"] * 6, "ArrowLeft", "Space"):
                page.keyboard.press(key)
        page.get_by_text(bars_of(asked.value.json()["answers"][0])[0].split()[1]).first.wait_for()
        # A stroke more is the same drawing, not another result.
        assert page.locator(".result").count() == 1
        page.click("#undo")
        page.click("#undo")
        page.locator("#empty").wait_for()
        assert page.locator("#undo").is_disabled()


@needs_chromium
def test_of_a_drawing_the_last_stroke_counts_however_slow_the_answers_are(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#digits") as opened:
        page = opened.page
        held: list[Any] = []
        page.route("**/predict*", lambda route: held.append(route))

        def answer(place: int, label: str) -> None:
            top = [{"label": label, "probability": 1.0}]
            row = {"label": label, "probability": 1.0, "top": top, "error": None}
            held[place].fulfill(json={"model": "digits", "version": "1", "answers": [row], "duration_ms": 1.0})

        page.focus("#draw")
        for count in (1, 2, 3):
            for key in ("Space", "ArrowUp", "Space"):
                page.keyboard.press(key)
            while len(held) < count:
                page.wait_for_timeout(20)
            if count == 1:
                answer(0, "first")
                opened.results(1)
        answer(2, "third")
        page.locator(".label", has_text="third").wait_for()
        answer(1, "second")
        page.wait_for_timeout(50)
        assert page.locator(".label").all_inner_texts() == ["third"]
        page.click("#clear-drawing")
        page.locator("#empty").wait_for()


@needs_chromium
def test_a_text_is_asked_by_the_keyboard_alone(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/") as opened:
        page = opened.page
        for _ in range(3):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "model":
                break
        page.keyboard.press("End")
        page.locator("#text").wait_for()
        assert page.inner_text("#title") == "texts"
        page.keyboard.press("Tab")
        page.keyboard.type("buy <b>now</b>")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        body = json.dumps({"inputs": [{"text": "buy <b>now</b>"}]}).encode()
        expected = answer_of(running, "texts", body, {"Content-Type": "application/json"})
        result = opened.results(1).first
        assert rows_in(result) == bars_of(expected)
        assert result.locator("blockquote").inner_text() == "buy <b>now</b>"
        assert page.inner_text("#status").startswith("buy <b>now</b>: ")


@needs_chromium
def test_sounds_are_chosen_and_played(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#sounds") as opened:
        opened.give(tone_wav=wav())
        result = opened.results(1).first
        assert rows_in(result) == bars_of(answer_of(running, "sounds", wav()))
        assert result.locator("audio").evaluate("player => player.src").startswith("blob:")
    with visit(chromium, f"{running.url}/#speech") as opened:
        opened.give(tone_wav=wav())
        text = answer_of(running, "speech", wav())["text"]
        assert opened.results(1).first.locator(".main").inner_text() == (text or "Nothing was understood.")


@needs_chromium
def test_the_microphone_is_recorded_as_a_wav_file(
    chromium: Any, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    answers = running.service.answers

    async def hearing(version: Any, sources: Any, top: int = 5) -> Any:
        heard.extend(sources)
        return await answers(version, sources, top)

    monkeypatch.setattr(running.service, "answers", hearing)
    with visit(chromium, f"{running.url}/#sounds") as opened:
        page = opened.page
        page.evaluate(
            """() => {
                navigator.mediaDevices.getUserMedia = async () => {
                    const audio = new AudioContext();
                    const tone = new OscillatorNode(audio, { frequency: 440 });
                    const stream = new MediaStreamAudioDestinationNode(audio);
                    tone.connect(stream);
                    tone.start();
                    return stream.stream;
                };
            }"""
        )
        page.click("#record")
        page.locator("#record[aria-pressed=true]").wait_for()
        page.locator(".line", has_text=re.compile(r"0\.[3-9] s")).wait_for()
        page.click("#record")
        assert len(rows_in(opened.results(1).first)) == 2
        with wave.open(io.BytesIO(heard[0])) as reader:
            assert (reader.getnchannels(), reader.getsampwidth()) == (1, 2)
            samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
            rate = reader.getframerate()
        crossings = np.count_nonzero(np.diff(samples[-rate // 10 :] > 0)) * 10
        assert crossings == pytest.approx(880, rel=0.05)


@needs_chromium
def test_it_shows_where_the_model_looked(chromium: Any, running: Running, folder: Path) -> None:
    # Kept, so that the server need not start a process that makes it.
    graph_of(read_archive(folder / "digits.plusx"), maps=True)
    with visit(chromium, f"{running.url}/#digits") as opened:
        page, picture = opened.page, png(2, 28)
        opened.give(a_png=picture)
        look = opened.results(1).first.locator(".look")
        look.focus()
        page.keyboard.press("Enter")
        heat = page.locator(".heat")
        heat.wait_for()
        expected = json.loads(ask(running.port, "/models/digits/predict?explain=true", picture).body)["answers"][0][
            "heat"
        ]
        assert page.get_by_text(f"Bright: what spoke for {expected['label']}").is_visible()
        assert heat.bounding_box() == pytest.approx(page.locator(".picture > img").bounding_box(), abs=0.1)
        shown = heat.evaluate("one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]")
        opacities = np.array(shown).reshape(expected["rows"], expected["columns"], 4)[..., 3]
        values = np.reshape(expected["values"], opacities.shape)
        assert opacities[values == 1].min() > 200
        assert opacities[values == 0].max(initial=0) == 0
        assert np.all(np.diff(opacities.ravel()[np.argsort(values.ravel(), kind="stable")]) >= 0)
        look.click()
        heat.wait_for(state="detached")
        assert look.get_attribute("aria-pressed") == "false"


@needs_chromium
def test_masks_lie_over_their_picture(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#areas") as opened:
        opened.give(a_png=png(2, 40))
        result = opened.results(1).first
        expected = json.loads(ask(running.port, "/models/areas/predict?masks=true", png(2, 40)).body)["answers"][0]
        mask = result.locator(".mask")
        assert mask.get_attribute("src") == expected["mask"]
        assert result.locator(".legend li").all_inner_texts() == list(expected["legend"])
        assert mask.bounding_box() == result.locator(".picture > img").first.bounding_box()
        result.locator("input[type=range]").fill("0.2")
        assert mask.evaluate("one => one.style.opacity") == "0.2"
        shares = [f"{one['label']} {100 * one['share']:.1f} %" for one in expected["shares"]]
        assert rows_in(result) == shares


@needs_chromium
def test_boxes_lie_where_the_server_says(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#boxes") as opened:
        picture = png(3, 64)
        opened.give(a_png=picture)
        result = opened.results(1).first
        expected = answer_of(running, "boxes", picture)["boxes"]
        result.locator(".box").first.wait_for(state="attached")
        drawn = result.locator(".box").evaluate_all(
            "all => all.map((one) => ['x', 'y', 'width', 'height'].map((name) => Number(one.getAttribute(name))))"
        )
        assert len(expected) > 0
        edges = np.array([one["box"] for one in expected])
        np.testing.assert_allclose(drawn, np.hstack([edges[:, :2], edges[:, 2:] - edges[:, :2]]), rtol=1e-6, atol=1e-9)
        assert result.locator("svg").get_attribute("viewBox") == "0 0 64 64"
        shown = result.locator("svg").bounding_box()
        assert shown == pytest.approx(result.locator(".picture > img").bounding_box())


@needs_chromium
def test_numbers_have_their_name_and_value(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/#ages") as opened:
        opened.give(a_png=png(1, 28))
        (row,) = rows_in(opened.results(1).first)
        value = float(row.removeprefix("age "))
        assert value == pytest.approx(answer_of(running, "ages", png(1, 28))["value"], rel=1e-3)


@needs_chromium
def test_a_token_is_asked_for_and_used(chromium: Any, folder: Path) -> None:
    guarded = serving(folder / "digits.plusx", settings=Settings(token=TOKEN))
    with guarded as running, visit(chromium, running.url, "#token") as opened:
        page = opened.page
        assert page.locator("#token").get_attribute("type") == "password"
        for given in ("wrong", TOKEN):
            page.fill("#token", given)
            page.keyboard.press("Enter")
            page.wait_for_selector("#token-wrong" if given == "wrong" else "body[data-ready=yes]")
        opened.give(a_png=png(1, 28))
        assert len(rows_in(opened.results(1).first)) == 5
        assert page.evaluate("[Object.values({...sessionStorage}), localStorage.length, document.cookie]") == [
            [TOKEN],
            0,
            "",
        ]
        refused = "Failed to load resource: the server responded with a status of 401 (Unauthorized)"
        assert opened.said == [refused, refused]
        opened.said.clear()
        page.goto(f"{running.url}/page/docs.html")
        page.wait_for_selector("body[data-ready=yes]")
        assert "Bearer $PLUSX_TOKEN" in page.inner_text("main")


@needs_chromium
def test_a_busy_server_is_asked_again_by_a_button(chromium: Any, folder: Path) -> None:
    small = serving(folder / "digits.plusx", settings=Settings(inside=1))
    with small as running, visit(chromium, running.url) as opened:
        with running.service.admission:
            opened.give(a_png=png(1, 28))
            result = opened.results(1).first
            assert re.match(r"The server is busy; ask again in \d+ s\.", result.locator(".bad").inner_text())
        opened.page.click(".again")
        result.locator(".answer").first.wait_for()
        (said,) = opened.said
        assert "429" in said
        opened.said.clear()


@needs_chromium
def test_a_refused_newer_file_is_told(chromium: Any, folder: Path) -> None:
    with serving(folder / "digits.plusx") as running:
        running.service.models["digits"].trouble = "digits.plusx: it is damaged"
        with visit(chromium, running.url) as opened:
            assert "version 1 goes on: digits.plusx: it is damaged" in opened.page.inner_text("#trouble")


@needs_chromium
@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_a_phone_and_every_control_has_a_name(chromium: Any, running: Running, kind: str) -> None:
    phone = {"viewport": {"width": NARROW[0], "height": NARROW[1]}, "has_touch": True, "is_mobile": True}
    with visit(chromium, f"{running.url}/#{kind}", color_scheme="dark", reduced_motion="reduce", **phone) as opened:
        page, spec = opened.page, KINDS[kind][0]
        if isinstance(spec, TextSpec):
            page.fill("#text", "word" * 50)
            page.click("#ask-text")
        else:
            name = "a" * 90 + ("_wav" if isinstance(spec, SoundSpec) else "_png")
            opened.give(**{name: wav() if isinstance(spec, SoundSpec) else png(1, 60)})
        opened.results(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW[0]
        assert page.locator("#camera").count() == (1 if isinstance(spec, ImageSpec) else 0)
        controls = page.locator(
            "button, input, select, textarea, audio, canvas:not([aria-hidden]), img, progress"
        ).all()
        unnamed = [one.evaluate("one => one.outerHTML") for one in controls if one.is_visible() and not _name(one)]
        assert unnamed == []


def _name(control: Any) -> str:
    """What a screen reader calls it."""
    return control.evaluate(
        """one => one.getAttribute("aria-label") || one.alt || one.innerText
            || [...(one.labels ?? [])].map((label) => label.innerText).join(" ")"""
    )


@needs_chromium
def test_its_operations_are_listed_for_programs(chromium: Any, running: Running) -> None:
    with visit(chromium, f"{running.url}/docs") as opened:
        listed = opened.page.locator(".operation h2").all_inner_texts()
        paths = json.loads(ask(running.port, "/openapi.json").body)["paths"]
        assert [" ".join(one.split()) for one in listed] == [
            f"{method.upper()} {path}" for path, methods in paths.items() for method in methods
        ]
        assert f"curl -F file=@FILE {running.url}/predict" in opened.page.locator("pre").all_inner_texts()
