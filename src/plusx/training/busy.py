"""Whether the machine has other work."""

from __future__ import annotations

import os

from plusx.data.cache import available_cores


def busy_note(threads: int) -> str | None:
    """What a person should know before a training in `threads` threads on a machine that has other work; None if idle.

    Threads wait for one another at every layer: with a load of 8 on two cores a tenth of an epoch of MNIST took 33 to
    62 s in two threads and 5 s in one. The number is not chosen by us, since runs in other numbers round otherwise.
    """
    # Windows has no load average.
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if threads == 1 or load < available_cores():
        return None
    return (
        f"this machine is busy (load {load:.1f} on {available_cores()} cores): OMP_NUM_THREADS=1 in front of the "
        "command is probably several times as fast"
    )
