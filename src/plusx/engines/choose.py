"""`--engine auto`: the fastest engine that answers right, measured once and remembered by machine and model."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plusx.archive import Archive
from plusx.data.cache import available_cores, default_cache_dir
from plusx.data.files import atomic_write
from plusx.engines import ENGINES, NEEDS, Engine
from plusx.engines.golden import check_golden
from plusx.engines.graph import MEMBER
from plusx.engines.installed import installed
from plusx.engines.timing import median_seconds
from plusx.errors import PlusxError, WrongUse, nearest

AUTO = "auto"
SMALL = 64 * 64
SECONDS = 0.5

Say = Callable[[str], None]


class Choice(NamedTuple):
    """What was found of a model on this machine.

    Args:
        engine: the fastest one's name.
        rates: examples a second by engine.
        batch: how many were answered at once.
    """

    engine: str
    rates: dict[str, float]
    batch: int

    def __str__(self) -> str:
        others = [f"{name} {rate:,.0f}" for name, rate in sorted(self.rates.items(), key=lambda each: -each[1])]
        return f"{self.engine}, the fastest here in examples a second: {', '.join(others)} (batch {self.batch})"


def find_engine(name: str, archive: Archive, *, measure: bool = True, say: Say | None = None) -> Engine:
    """The engine of this name, checked by the archive's golden examples; for `auto` the fastest that passes.

    Args:
        name: one of `ENGINES`, or `auto`.
        archive: the model.
        measure: whether `auto` measures what is not remembered, which takes seconds; else it takes the first that runs.
        say: is told what was chosen, and why.

    Raises:
        WrongUse: no such engine.
        PlusxError: it is not installed, or does not answer as the training did.
    """
    say = say or (lambda text: None)
    if name != AUTO:
        return named(name, archive)
    choice = remembered(archive)
    if choice is not None:
        # What was right once may have changed since: then all are measured again.
        with suppress(PlusxError):
            engine = named(choice.engine, archive)
            say(f"engine: {choice}")
            return engine
    if not measure:
        return first(archive)
    began = time.monotonic()
    choice, engine = measured(archive, say)
    keep(archive, choice)
    say(f"engine: {choice}; measured once in {time.monotonic() - began:.1f} s")
    return engine


def named(name: str, archive: Archive) -> Engine:
    """The engine of this name, checked."""
    if name not in ENGINES:
        there = [*ENGINES, AUTO]
        raise WrongUse(f"--engine {name}: no such engine{nearest(name, there)}; there are {', '.join(there)}")
    engine = ENGINES[name](archive)
    check_golden(engine, archive)
    return engine


def first(archive: Archive) -> Engine:
    """An engine that runs the archive without any preparation: torch, unless there is a graph and no need of it."""
    order = ["openvino", "onnx", "torch"] if MEMBER in archive.engines else ["torch"]
    there = installed()
    able = [name for name in order if name in there]
    if archive.manifest.precision != "float32":
        able = [name for name in able if name != "torch"]
    if not able:
        what = f"{archive.path or 'the model'}: it is run by OpenVINO or ONNX Runtime, and neither is installed"
        raise PlusxError(f"{what}: pip install 'plusx[deploy]'")
    return named(able[0], archive)


def measured(archive: Archive, say: Say) -> tuple[Choice, Engine]:
    """How fast each installed engine is that answers right, and the fastest.

    Raises:
        PlusxError: none does.
    """
    running = dict(passing(archive, installed(), say))
    if not running:
        raise PlusxError(f"{archive.path or 'the model'}: no engine that is installed here answers as it should")
    inputs = archive.golden.inputs
    batch = 32 if np.prod(inputs.shape[1:]) <= SMALL else 8
    examples = np.resize(inputs, (batch, *inputs.shape[1:]))
    rates = {name: batch / seconds for name, seconds in median_seconds(running, examples, SECONDS).items()}
    rates = {name: float(f"{rate:.4g}") for name, rate in rates.items()}
    fastest = max(rates, key=lambda name: rates[name])
    return Choice(fastest, rates, batch), running[fastest]


def passing(archive: Archive, names: Iterable[str], say: Say = lambda text: None) -> Iterator[tuple[str, Engine]]:
    """Those of the named engines that answer right, each begun when it is asked for; `say` is told of the others."""
    for name in names:
        try:
            yield name, named(name, archive)
        except PlusxError as error:
            say(f"engine {name} is left out: {error}")


def remembered(archive: Archive) -> Choice | None:
    """What was found before of such a model on this machine, with these versions of the engines."""
    with suppress(OSError, ValueError, TypeError):
        choice = Choice(**json.loads(_kept_at(archive).read_text(encoding="utf-8")))
        if choice.engine in ENGINES:
            return choice
    return None


def keep(archive: Archive, choice: Choice) -> None:
    """Remembers a choice. A cache that cannot be written only costs time."""
    path = _kept_at(archive)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(json.dumps(choice._asdict()))


def _kept_at(archive: Archive) -> Path:
    # Not the weights: how fast a network is, its form decides.
    manifest = archive.manifest
    model = manifest.model_dump(mode="json", include={"network", "preprocessing", "precision"})
    about = json.dumps([_machine(), model], sort_keys=True)
    return default_cache_dir() / "engines" / f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.json"


def _machine() -> list[str]:
    """All that decides which engine is the fastest, beside the model."""
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "all") if Path("/dev/nvidia0").exists() else "none"
    versions = [f"{package} {version(package)}" for package in (NEEDS[name] for name in installed())]
    return [platform.machine(), _processor(), f"{available_cores()} cores", f"gpu {gpu}", *versions]


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
