"""Which precision a machine trains faster in."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

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


def wrong_in_bfloat16(network: nn.Module, device: torch.device) -> bool:
    """Whether bfloat16 gives some of the network's weights gradients that have nothing to do with the true ones.

    So it does on processors, in torch 2.14 with oneDNN: those of dilated 2-D convolutions that lie channels last and
    read more than 16 channels in no whole 16s. Some are infinite, others only wrong.

    >>> dilated = nn.Conv2d(45, 45, 3, padding=2, dilation=2)
    >>> wrong_in_bfloat16(dilated, torch.device("cpu")), wrong_in_bfloat16(nn.Conv2d(45, 45, 3), torch.device("cpu"))
    (True, False)
    """
    return device.type == "cpu" and any(
        max(layer.dilation) > 1 and layer.in_channels > 16 and layer.in_channels % 16 > 0
        for layer in network.modules()
        if isinstance(layer, nn.Conv2d)
    )
