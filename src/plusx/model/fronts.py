"""Fronts: from what a file holds (uint8 pixels, int16 samples) to what a network takes, inside the network's own graph.

An exported model therefore takes raw pixels, and nobody who runs it can normalise them otherwise than
training did.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from plusx.mel import Mel
from plusx.model.spectrogram import LogMel


class Normalise(nn.Module):
    """(x - mean) / std for each channel; mean and std on x's own scale, which is 0 to 255 for pixels.

    >>> Normalise([100.0], [50.0], dims=2)(torch.full((1, 1, 1, 1), 200, dtype=torch.uint8)).item()
    2.0
    """

    scale: Tensor
    offset: Tensor

    def __init__(self, mean: list[float], std: list[float], dims: int):
        super().__init__()
        scale = 1 / torch.tensor(std)
        shape = (-1,) + (1,) * dims
        # Not in the state dict: they are the preprocessing's numbers, stored there once.
        self.register_buffer("scale", scale.reshape(shape), persistent=False)
        self.register_buffer("offset", (-torch.tensor(mean) * scale).reshape(shape), persistent=False)

    def forward(self, x: Num[Tensor, "batch channels *space"]) -> Float[Tensor, "batch channels *space"]:
        return x.to(self.scale.dtype) * self.scale + self.offset


def _image(preprocessing: Mapping[str, Any]) -> nn.Module:
    return Normalise(preprocessing["mean"], preprocessing["std"], dims=2)


def _array(preprocessing: Mapping[str, Any]) -> nn.Module:
    return Normalise(preprocessing["mean"], preprocessing["std"], dims=len(preprocessing["sizes"]) - 1)


def _sound(preprocessing: Mapping[str, Any]) -> nn.Module:
    mean, std = preprocessing["mean"], preprocessing["std"]
    if preprocessing["front"] == "waveform":
        return Normalise([mean], [std], dims=1)
    return LogMel(Mel.of(preprocessing), mean, std, as_rows=preprocessing["bands"] == "rows")


def _volume(preprocessing: Mapping[str, Any]) -> nn.Module:
    return Normalise(preprocessing["mean"], preprocessing["std"], dims=3)


def _signal(preprocessing: Mapping[str, Any]) -> nn.Module:
    return Normalise(preprocessing["mean"], preprocessing["std"], dims=1)


def _text(preprocessing: Mapping[str, Any]) -> nn.Module:
    # Bytes are names, not amounts: the stem embeds them as they are.
    return nn.Identity()


FRONTS: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "image": _image,
    "sound": _sound,
    "text": _text,
    "array": _array,
    "volume": _volume,
    "signal": _signal,
}


def with_front(preprocessing: Mapping[str, Any], net: nn.Module) -> nn.Sequential:
    """The whole graph from raw input to outputs: the front that the preprocessing asks for, then `net`."""
    whole = nn.Sequential()
    whole.add_module("front", FRONTS[preprocessing["modality"]](preprocessing))
    whole.add_module("net", net)
    return whole


def channels_last(network: nn.Module) -> None:
    """Lays 2-D convolutions' weights out as CPU and GPU kernels read them fastest, in place; their values stay."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            # Not by contiguous(), which leaves a 1x1 filter's strides alone: they would differ from its gradient's.
            parameter.data = parameter.data.clone(memory_format=torch.channels_last)
