"""Which precision a machine trains faster in."""

from __future__ import annotations

from typing import Literal

import torch

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
