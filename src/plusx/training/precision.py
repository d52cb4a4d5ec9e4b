"""Which precision a machine trains faster in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

Precision = Literal["float32", "bfloat16"]


def faster_precision(device: torch.device) -> Precision:
    """bfloat16 where the processor multiplies it in hardware, else float32; weights are float32 either way.

    With such a processor it was never slower here (`benchmarks/speed.py`); without one it is emulated.

    >>> faster_precision(torch.device("cpu")) in ("float32", "bfloat16")
    True
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has = torch.cpu.get_capabilities()
        native = any(has.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return "bfloat16" if native else "float32"


def wrong_in_bfloat16(network: nn.Module, features: Sequence[int], device: torch.device) -> bool:
    """Whether bfloat16 gives some of the network's weights gradients that have nothing to do with the true ones.

    So it does on processors, in torch 2.14 with oneDNN, for two kinds of 2-D convolutions that lie channels last: those
    with dilation that read more than 16 channels in no whole 16s, and those with a stride whose maps have one place.
    Some are infinite, others only wrong.

    Args:
        network: on the device meta, where nothing is computed.
        features: one example's shape, `(channels, *space)`.
        device: where it will be trained.

    >>> with torch.device("meta"):
    ...     layers = nn.Conv2d(45, 45, 3, padding=2, dilation=2), nn.Conv2d(45, 45, 3, padding=1, stride=2)
    >>> [wrong_in_bfloat16(layer, (45, 8, 8), torch.device("cpu")) for layer in layers]
    [True, False]
    >>> wrong_in_bfloat16(layers[1], (45, 1, 1), torch.device("cpu"))
    True
    """
    flat = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    if device.type != "cpu" or not flat:
        return False
    found: list[bool] = []

    def look(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.Conv2d)
        dilated = max(layer.dilation) > 1 and layer.in_channels > 16 and layer.in_channels % 16 > 0
        lost = max(layer.kernel_size) > 1 and max(layer.stride) > 1 and max(inputs[0].shape[2:]) == 1
        found.append(dilated or lost)

    hooks = [one.register_forward_pre_hook(look) for one in flat]
    with torch.no_grad():
        network(torch.empty(2, *features, device="meta"))
    for hook in hooks:
        hook.remove()
    return any(found)
