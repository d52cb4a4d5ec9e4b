"""`plusx.study`: a paper's claim as an experiment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from plusx.errors import PlusxError, WrongUse, in_one_line, nearest
from plusx.training.watch import Silent, Watcher
from plusx.understand.studies import STUDIES
from plusx.understand.studies.outcome import Outcome, write
from plusx.understand.studies.pictures import read_pictures
from plusx.understand.studies.study import Settings, Study


def study(
    name: str,
    *,
    data: str = "digits",
    data_dir: str | Path | None = None,
    quick: bool = False,
    seeds: int | None = None,
    changes: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Runs a study of `plusx.understand.studies.STUDIES` and writes its figures, drawing and page.

    Args:
        name: which.
        data: pictures with a class each and a test split, as for `train`.
        data_dir: where a known set's files are.
        quick: the form of minutes, with smaller networks and shorter trainings.
        seeds: how many trainings of each network; by default three.
        changes: other values of the study's settings, by name.
        out: a folder for study.json, study.png and study.html; by default none is written.
        watcher: is told of each network.

    Raises:
        WrongUse: no such study, setting or data.
        PlusxError: the pictures cannot be read, or the folder not written.
    """
    began = time.monotonic()
    watcher = watcher or Silent()
    chosen = find_study(name)
    settings = _settings(chosen, quick, seeds, changes or {})
    where = None if data_dir is None else Path(data_dir)
    pictures = read_pictures(data, where, side=settings.side, train=settings.train, test=settings.test)
    folder = None if out is None else _made(Path(out))
    rows = chosen.run(settings, pictures, watcher.note)
    counts = len(pictures.train), len(pictures.test)
    command = _command(name, data, data_dir, quick, seeds, changes or {})
    duration_s = time.monotonic() - began
    outcome = Outcome(chosen, settings, str(data), counts, pictures.spec.shape, rows, duration_s, command)
    if folder is not None:
        write(outcome, folder)
    return outcome


def find_study(name: str) -> Study[Any]:
    """The study of this name.

    Raises:
        WrongUse: there is none; the line names the nearest.

    >>> find_study("lesion").source
    'Veit et al., arXiv 1605.06431, sections 4.1 and 4.3'
    """
    if name not in STUDIES:
        raise WrongUse(f"{name}: no such study; there are {', '.join(STUDIES)}{nearest(name, list(STUDIES))}")
    return STUDIES[name]


def _settings(chosen: Study[Any], quick: bool, seeds: int | None, changes: Mapping[str, Any]) -> Settings:
    if seeds is not None and seeds < 1:
        raise WrongUse(f"--seeds {seeds}: it must be 1 or more")
    base: Settings = chosen.quick if quick else chosen.settings
    counted = {} if seeds is None else {"seeds": tuple(range(seeds))}
    try:
        return type(base).model_validate({**base.model_dump(), **counted, **changes})
    except ValidationError as error:
        raise WrongUse(in_one_line(error, "settings", list(type(base).model_fields))) from None


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlusxError(f"--out {folder}: the folder cannot be made: {error.strerror}") from None
    return folder


def _command(
    name: str, data: str, data_dir: str | Path | None, quick: bool, seeds: int | None, changes: Mapping[str, Any]
) -> str:
    """What does it again; where somebody's files are is nobody else's."""
    if changes:
        own = {"data": data, "quick": quick, "seeds": seeds, "changes": dict(changes)}
        return f"plusx.study({name!r}, {', '.join(f'{key}={value!r}' for key, value in own.items())})"
    parts = ["plusx study", name, f"--data {data}"]
    parts += ["--data-dir FOLDER"] * (data_dir is not None) + ["--quick"] * quick
    return " ".join(parts + ([f"--seeds {seeds}"] if seeds is not None else []))
