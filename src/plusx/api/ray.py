"""A model's answers to a Parquet list of any length, by all machines of a Ray cluster."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from plusx.api.model import Model
from plusx.api.volume import OnPart, about_answers, check_format, predict_options
from plusx.data.places import Place, is_address, place_at
from plusx.engines.views import with_views
from plusx.errors import PlusxError, WrongUse
from plusx.predict.manifest import Manifest, open_manifest
from plusx.predict.parts import (
    ABOUT,
    PART_ROWS,
    Written,
    about_bytes,
    check_ours,
    check_same,
    held,
    parse_about,
    part_name,
)
from plusx.predict.ray import LOCAL, answer_parts, joined
from plusx.predict.worker import Order, packed
from plusx.tasks.decoder import find_decoder


def predict_on_ray(
    model: Model,
    manifest: str | Path,
    out: str | Path,
    *,
    address: str = LOCAL,
    format: str = "parquet",
    part_rows: int = PART_ROWS,
    resume: bool = False,
    top: int = 5,
    tta: str = "none",
    beam: int | None = None,
    lm: str | Path | None = None,
    on_part: OnPart = lambda count: None,
) -> Written:
    """Answers as `Model.predict`, each row of a list once, in the same parts as `predict_into` writes.

    Parts are answered side by side by all processors of a Ray cluster, or all its GPUs. What is given back counts the
    errors of this run: parts that are kept are not read.

    Args:
        manifest: a Parquet file, or a folder of them, at a path or address. Its column `path` holds paths, which may be
            relative to the list's folder, and addresses.
        out: a folder that all machines see, or an address. New or empty or, with `resume`, what an earlier run left.
        address: `local` starts Ray on this machine, `auto` joins the cluster it is of, `host:port` that one.
        format, part_rows, top, tta, beam, lm, on_part: as for `predict_into`.
        resume: leave the parts that are there, and answer the others.

    Raises:
        WrongUse: a wrong choice, no such list, or a place that holds anything else.
        PlusxError: Ray is missing or cannot be joined, the place cannot be written, or all machines do not see it.
    """
    check_format(format)
    with_views(model.engine, model.archive, tta)
    decoder = find_decoder(beam, lm)
    listed = open_manifest(str(manifest))
    about = about_answers(model, predict_options(top, tta, beam, lm), [str(manifest)], format, part_rows)
    about["manifest"] = listed.footers
    out = str(out) if is_address(str(out)) else str(Path(out).absolute())
    order = Order(
        model=packed(model.archive, model.engine.name),
        task=model.archive.manifest.task,
        engine=model.engine.name,
        manifest=listed,
        out=out,
        format=format,
        top=top,
        tta=tta,
        decoder=decoder,
    )
    # Of an address nobody can be kept out.
    with nullcontext() if is_address(out) else held(Path(out)):
        before = _begun(place_at(out), about, resume)
        return _answer_rest(order, before, address, on_part)


def begun_engine(out: str) -> str | None:
    """The engine that answers at a path or address were begun with; None where there are none.

    Raises:
        PlusxError: the place cannot be listed.
    """
    place = place_at(out)
    return parse_about(place, place.read(ABOUT))["options"].get("engine") if ABOUT in place.names() else None


def _answer_rest(order: Order, before: dict[str, Any], address: str, on_part: OnPart) -> Written:
    place, listed, part_rows = place_at(order.out), order.manifest, int(before["part_rows"])
    done = _present(place, -(-listed.rows // part_rows), order.format)
    kept = count = int(_rows_of(listed, part_rows)[done].sum())
    errors = 0
    if not done.all():
        with joined(address) as resources:
            for outcome in answer_parts(order, done, part_rows, resources):
                count, errors = count + outcome.rows, errors + outcome.errors
                on_part(count)
    _check_whole(place, _present(place, len(done), order.format), order.format)
    place.write(ABOUT, about_bytes({**before, "count": count}))
    return Written(count, errors, kept, len(done))


def _begun(place: Place, about: dict[str, Any], resume: bool) -> dict[str, Any]:
    """What `_about.json` says, written if it is not there."""
    names = place.names()
    check_ours(place, names, resume)
    if ABOUT not in names:
        place.write(ABOUT, about_bytes(about))
        return about
    before = parse_about(place, place.read(ABOUT))
    check_same(place, before, about)
    if before.get("manifest") != about["manifest"]:
        raise WrongUse(f"--out {place}: the list is not the one that these answers were begun with; give a new folder")
    return before


def _present(place: Place, parts: int, format: str) -> np.ndarray:
    """Which parts are there: bool, one a part."""
    names = set(place.names())
    return np.fromiter((part_name(number, format) in names for number in range(parts)), bool, parts)


def _rows_of(listed: Manifest, part_rows: int) -> np.ndarray:
    """How many rows each part has."""
    starts = np.arange(0, listed.rows, part_rows)
    return np.minimum(starts + part_rows, listed.rows) - starts


def _check_whole(place: Place, there: np.ndarray, format: str) -> None:
    if not there.all():
        first = part_name(int(np.argmin(there)), format)
        raise PlusxError(
            f"--out {place}: {first} was written and is not here: the cluster's machines do not share this folder; "
            "give one that all of them see, or an address such as s3://bucket/answers"
        )
