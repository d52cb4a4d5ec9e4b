"""Fronts: raw input in, exactly what training fed the network out."""

from typing import Any

import pytest
import torch
from torch import nn

from plusx.data.modalities import MODALITIES
from plusx.model.fronts import FRONTS, Normalise, channels_last, with_front
from plusx.model.resnet import ResNet

IMAGE = {"modality": "image", "mean": (123.7, 116.3, 103.5), "std": (58.4, 57.1, 57.4)}
WAVE = {"modality": "array", "sizes": (2, 16), "mean": (0.5, -0.5), "std": (2.0, 4.0)}
SOUND = {"modality": "sound", "rate": 16_000, "samples": 800, "front": "waveform", "mean": 3.0, "std": 2000.0}
VOLUME = {"modality": "array", "sizes": (1, 4, 4, 4), "mean": (0.5,), "std": (2.0,)}
TEXT = {"modality": "text", "length": 12}
LEVELS = {"modality": "volume", "mean": (100.0,), "std": (50.0,)}
SIGNAL = {"modality": "signal", "mean": (0.5, -0.5), "std": (2.0, 4.0)}
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "image": [IMAGE],
    "sound": [SOUND],
    "text": [TEXT],
    "array": [WAVE, VOLUME],
    "volume": [LEVELS],
    "signal": [SIGNAL],
}
SHAPES = {"image": (3, 6, 5), "sound": (1, 800), "volume": (1, 4, 6, 5), "signal": (2, 9)}


def test_every_modality_has_a_front_and_every_front_an_example_here():
    assert set(FRONTS) == set(MODALITIES) == set(EXAMPLES)


@pytest.mark.parametrize("preprocessing", [IMAGE, WAVE, VOLUME, SOUND, LEVELS, SIGNAL])
def test_is_x_minus_mean_over_std(preprocessing: dict[str, Any]):
    shape = preprocessing.get("sizes") or SHAPES[preprocessing["modality"]]
    front = FRONTS[preprocessing["modality"]](preprocessing)
    x = torch.randint(0, 256, (4, *shape), dtype=torch.uint8)
    mean, std = (
        torch.tensor(preprocessing[key]).double().reshape(-1, *(1 for _ in shape[1:])) for key in ("mean", "std")
    )
    expected = ((x.double() - mean) / std).float()
    # One rounding of the scale and one of the offset.
    torch.testing.assert_close(front(x), expected, rtol=1e-6, atol=1e-6)
    assert front(x).dtype == torch.float32
    assert torch.equal(front(x.float()), front(x))


def test_a_texts_bytes_go_to_the_stem_as_they_are():
    whole = with_front(TEXT, ResNet([1], 4, stem="bytes", dims=1, in_channels=1)).eval()
    text = torch.randint(0, 256, (2, 1, 12), dtype=torch.uint8)
    assert torch.equal(whole.front(text), text)
    program = torch.export.export(whole, (text,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    more = torch.randint(0, 256, (5, 1, 12), dtype=torch.uint8)
    torch.testing.assert_close(program.module()(more), whole(more))


def test_takes_every_pixel_value():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    y = Normalise([0.0], [255.0], dims=2)(pixels).flatten()
    assert y[0] == 0
    assert y[255] == pytest.approx(1)
    assert (y.diff() > 0).all()


def test_keeps_channels_last():
    pixels = torch.randint(0, 256, (2, 3, 6, 5), dtype=torch.uint8).to(memory_format=torch.channels_last)
    y = FRONTS["image"](IMAGE)(pixels)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(y, FRONTS["image"](IMAGE)(pixels.contiguous()))


def test_stores_nothing_beside_the_networks_weights():
    net = ResNet([1], 4)
    whole = with_front(IMAGE, net)
    assert [name.removeprefix("net.") for name in whole.state_dict()] == list(net.state_dict())


def test_is_part_of_the_exported_graph():
    whole = with_front(IMAGE, ResNet([1], 4)).eval()
    pixels = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    program = torch.export.export(whole, (pixels,))
    torch.testing.assert_close(program.module()(pixels), whole(pixels))
    torch.testing.assert_close(whole(pixels), whole.net(whole.front(pixels)))


def test_follows_the_networks_precision():
    assert FRONTS["image"](IMAGE).to(torch.bfloat16)(torch.zeros(1, 3, 2, 2, dtype=torch.uint8)).dtype == torch.bfloat16


def test_channels_last_changes_the_layout_and_no_value():
    net = ResNet([1], 4).eval()
    x = torch.randn(2, 3, 8, 8)
    before, state = net(x), {name: tensor.clone() for name, tensor in net.state_dict().items()}
    channels_last(net)
    convolutions = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert all(conv.weight.is_contiguous(memory_format=torch.channels_last) for conv in convolutions)
    assert all(torch.equal(tensor, state[name]) for name, tensor in net.state_dict().items())
    torch.testing.assert_close(net(x), before)
