"""What a model costs, how it was made, and how to make it again."""

from __future__ import annotations

import json
import os
import platform
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from plusx.engines import Engine
from plusx.page import Block, Code, Note, Section, Table
from plusx.reporting.subject import Subject

MEASURED_S = 0.4
MOST_TIMED = 30


def about_sections(subject: Subject) -> list[Section]:
    """The model's cost, the recipe with its reasons, where it was trained, and the command."""
    return [_cost(subject), _recipe(subject)]


def _cost(subject: Subject) -> Section:
    from plusx.model.cost import cost
    from plusx.model.resnet import ResNet

    network: dict[str, Any] = subject.archive.manifest.network
    counted = cost(ResNet(**network), subject.spec.features)
    alone = latency_s(subject.engine, subject.spec, 1)
    many = latency_s(subject.engine, subject.spec, 32) / 32
    rows: list[tuple[str, str]] = [
        ("weights", f"{counted.params:,}"),
        ("multiply-accumulates an example", f"{counted.macs:,}"),
        ("one example alone", f"{1000 * alone:.2f} ms"),
        (f"{subject.many} a second, 32 at once", f"{1 / many:,.0f}"),
    ]
    path = subject.archive.path
    if path is not None and path.is_file():
        rows.append(("model file", f"{path.stat().st_size / 1e6:.2f} MB"))
    words = f"Measured with {subject.engine.name}, {_threads()} threads, on {processor()}; without decoding."
    return Section("What it costs", [Table(("what", "how much"), rows, words, numeric=("how much",))])


def latency_s(engine: Engine, spec: Any, count: int) -> float:
    """Seconds to answer so many examples at once: the median of several, after one that does not count."""
    examples = np.zeros((count, *spec.shape), spec.dtype)
    engine(examples)
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 3 or (len(times) < MOST_TIMED and time.perf_counter() - began < MEASURED_S):
        start = time.perf_counter()
        engine(examples)
        times.append(time.perf_counter() - start)
    return median(times)


def _recipe(subject: Subject) -> Section:
    manifest = subject.archive.manifest
    recipe = manifest.provenance.get("recipe")
    blocks: list[Block] = []
    if manifest.card is not None:
        blocks.append(Note(str(manifest.card), "warn"))
    if subject.command:
        blocks.append(Code(shlex.join(typed(subject.command))))
    made = ", ".join(f"{name} {version}" for name, version in manifest.created_with.items())
    rows: list[tuple[str, str]] = [("made", f"{manifest.created_at}, with {made}"), ("data", subject.data)]
    if isinstance(recipe, dict):
        rows += _reasons(recipe)
    blocks.append(Table(("what", "how"), rows))
    if isinstance(recipe, dict):
        blocks.append(Code(json.dumps(recipe, indent=1)))
    return Section("How it was made", blocks)


def _reasons(recipe: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [(name, _short(recipe.get(name))) for name in ("model", "epochs", "batch_size", "seed")]
    return rows + [(f"why {name}", str(reason)) for name, reason in (recipe.get("reasons") or {}).items()]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def typed(command: Sequence[str]) -> list[str]:
    """The command as a person types it: without the folders of the program.

    >>> typed([".venv/bin/plusx", "train", "digits"])
    ['plusx', 'train', 'digits']
    """
    first, *rest = command
    name = Path(first).name
    return [*(["python", "-m", "plusx"] if name == "__main__.py" else [name]), *rest]


def processor() -> str:
    """The processor's name, as far as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return f"{named or platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def _threads() -> int:
    import torch

    return torch.get_num_threads()
