"""Every modality has a look, and it shows what the example holds."""

from __future__ import annotations

import wave
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plusx.data.array import ArraySpec
from plusx.data.image import ImageSpec
from plusx.data.modalities import MODALITIES
from plusx.data.signal import SignalSpec
from plusx.data.sound import SoundSpec
from plusx.data.text import TextSpec
from plusx.data.volume import VolumeSpec
from plusx.page import Card, Gallery, Page, Section
from plusx.page.examples import LOOKS, example_card, grey, heat, lines_svg, side_by_side

SPECS: dict[str, Any] = {
    "image": ImageSpec(height=20, width=30, channels=3),
    "sound": SoundSpec(samples=8_000, rate=8_000),
    "array": ArraySpec(sizes=(1, 6, 5), mean=(0,), std=(1,)),
    "text": TextSpec(length=600),
    "volume": VolumeSpec(depth=4, height=5, width=6),
    "signal": SignalSpec(length=50, channels=2),
}


def values_of(name: str) -> np.ndarray:
    spec = SPECS[name]
    random = np.random.default_rng(0)
    channels, *space = spec.shape
    if name == "text":
        return spec.prepare("Grüße. ".encode() * 60)
    return random.integers(0, 120, (*space, channels)).astype(spec.dtype)


def test_every_modality_has_a_look() -> None:
    assert LOOKS.keys() == MODALITIES.keys() == SPECS.keys()


@pytest.mark.parametrize("name", LOOKS)
def test_a_page_can_show_it(name: str) -> None:
    card = example_card(SPECS[name], values_of(name), "an example", ["right"])
    assert (card.title, card.lines) == ("an example", ("right",))
    assert any(part is not None for part in (card.image, card.svg, card.audio, card.marked))
    assert "an example" in Page("a", "b", [Section("c", [Gallery([card])])]).html()


def picture(card: Card) -> np.ndarray:
    assert card.image is not None
    return np.array(Image.open(BytesIO(card.image)))


def test_small_pictures_lose_nothing_and_large_ones_are_made_smaller() -> None:
    values = values_of("image")
    assert (picture(example_card(SPECS["image"], values, "")) == values).all()
    large = np.zeros((600, 300, 1), np.uint8)
    assert picture(example_card(ImageSpec(height=600, width=300, channels=1), large, "")).shape == (240, 120, 3)


def test_a_sound_can_be_heard_as_it_is() -> None:
    values = values_of("sound")
    card = example_card(SPECS["sound"], values, "")
    assert card.audio is not None
    with wave.open(BytesIO(card.audio)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8_000, 1, 2)
        assert file.readframes(8_000) == values.tobytes()
    assert picture(card).shape[:2] == SPECS["sound"].features[1:]


def test_a_low_tone_is_at_the_foot() -> None:
    times = np.arange(8_000) / 8_000
    tone = (8_000 * np.sin(2 * np.pi * 300 * times)).astype(np.int16)[:, None]
    shown = picture(example_card(SPECS["sound"], tone, "")).sum(2).mean(1)
    assert shown.argmax() > 0.7 * len(shown)


def test_a_long_text_is_cut_between_characters() -> None:
    card = example_card(SPECS["text"], values_of("text"), "")
    assert card.marked is not None
    (words, weight), *rest = card.marked
    assert (weight, rest) == (0.0, [])
    assert words.startswith("Grüße. ")
    assert words.endswith(" …")


def test_maps_are_even_and_lines_stay_within() -> None:
    ramp = np.linspace(-3, 5, 256).reshape(16, 16)
    assert grey(ramp).ravel().tolist() == list(range(256))
    light = heat(ramp).reshape(-1, 3) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > -1).all()
    assert grey(np.ones((2, 2))).max() == 0
    assert side_by_side([np.zeros((2, 3)), np.ones((4, 1))]).tolist()[1] == [0, 0, 0, 0, 255]
    svg = lines_svg(np.array([[1.0, 5.0, 1.0], [0.0, 0.0, 0.0]]))
    assert "0.0,95.0 200.0,5.0 400.0,95.0" in svg
    assert svg.count("<polyline") == 2
