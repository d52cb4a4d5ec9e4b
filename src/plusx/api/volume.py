"""A model's answers to any number of inputs, in a folder of parts that a killed run is taken up from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Any

import plusx
from plusx.api.model import Model
from plusx.engines.views import with_views
from plusx.errors import PlusxError, WrongUse, nearest
from plusx.predict.ahead import Input
from plusx.predict.parts import PART_ROWS, Answering, Written, answer_into, check_part_rows
from plusx.predict.stream import predict_stream
from plusx.predict.vectors import write_vector_part
from plusx.predict.write import WRITERS, write_rows
from plusx.tasks import task_from_json
from plusx.tasks.decoder import find_decoder

NAMED = 100
"""How many of a command's inputs `_about.json` names."""

OnPart = Callable[[int], None]


def predict_into(
    model: Model,
    inputs: Iterable[Input],
    out: str | Path,
    *,
    format: str = "parquet",
    part_rows: int = PART_ROWS,
    resume: bool = False,
    top: int = 5,
    tta: str = "none",
    beam: int | None = None,
    lm: str | Path | None = None,
    named: Sequence[str] = (),
    on_part: OnPart = lambda count: None,
) -> Written:
    """Answers as `Model.predict`, each row once, in the parts of a folder; memory does not grow with their number.

    Args:
        inputs: paths, or what else `Model.predict` takes; they are held against the paths in the parts with `resume`.
        out: a folder that is new or empty or, with `resume`, holds what an earlier run left.
        format: `parquet`, `csv` or `jsonl`.
        part_rows: inputs a part, a multiple of 32; a killed run answers at most so many anew.
        resume: go on where an earlier run of the same model, options and inputs ended.
        top, tta, beam, lm: as for `Model.predict`.
        named: what `_about.json` says that the inputs are.
        on_part: gets how many inputs are answered, as each part is written.

    Raises:
        WrongUse: a wrong choice, or a folder that holds anything else.
        PlusxError: the folder cannot be written.
    """
    check_format(format)
    engine = with_views(model.engine, model.archive, tta)
    decoder = find_decoder(beam, lm)
    about = about_answers(model, predict_options(top, tta, beam, lm), named, format, part_rows)
    answering = Answering[dict[str, Any]](
        rows=lambda rest: predict_stream(model.archive, engine, rest, top, decoder),
        error=itemgetter("error"),
        write=partial(write_rows, answer=task_from_json(model.archive.manifest.task).parts),
    )
    return answer_into(Path(out), about, inputs, answering, resume=resume, on_part=on_part)


def embed_into(
    model: Model,
    inputs: Iterable[Input],
    out: str | Path,
    *,
    part_rows: int = PART_ROWS,
    resume: bool = False,
    named: Sequence[str] = (),
    on_part: OnPart = lambda count: None,
) -> Written:
    """Vectors as `Model.embed`, in Parquet parts of `path`, `embedding` and `error`; the rest as `predict_into`."""
    about = about_answers(model, {"command": "embed"}, named, "parquet", part_rows)
    answering = Answering(rows=model.embedded, error=attrgetter("error"), write=write_vector_part)
    return answer_into(Path(out), about, inputs, answering, resume=resume, on_part=on_part)


def check_format(format: str) -> None:
    """Refuses what is no format of parts.

    Raises:
        WrongUse: it is none of parquet, csv and jsonl.
    """
    formats = [ending.removeprefix(".") for ending in WRITERS]
    if format not in formats:
        raise WrongUse(f"--format {format}: it must be one of {', '.join(formats)}{nearest(format, formats)}")


def predict_options(top: int, tta: str, beam: int | None, lm: str | Path | None) -> dict[str, Any]:
    """What changes predictions, as `_about.json` says it.

    Raises:
        PlusxError: the language model cannot be read.
    """
    return {
        "command": "predict",
        "top": top,
        "tta": tta,
        "beam": beam,
        "lm": None if lm is None else _sha256(Path(lm)),
    }


def about_answers(
    model: Model, options: dict[str, Any], named: Iterable[str], format: str, part_rows: int
) -> dict[str, Any]:
    """What `_about.json` says of answers before there are any.

    Raises:
        WrongUse: no such number of rows a part.
        PlusxError: the model's file cannot be read.
    """
    check_part_rows(part_rows)
    path = model.archive.path
    return {
        "plusx": plusx.__version__,
        "model": None if path is None else str(path),
        "sha256": None if path is None else _sha256(path),
        "task": model.archive.manifest.task,
        "options": {**options, "engine": model.engine.name},
        "inputs": list(islice(named, NAMED)),
        "format": format,
        "part_rows": part_rows,
        "count": None,
    }


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PlusxError(f"{path}: cannot be read ({error.strerror}); check the path") from None
