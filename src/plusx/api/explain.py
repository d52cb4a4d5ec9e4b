"""`plusx.explain`: what a model's answers rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from plusx.archive import Archive, read_archive
from plusx.data.array import ArraySpec
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.samples import read_dataset
from plusx.engines import ENGINES, Engine
from plusx.predict.ahead import Input, prepared_batches
from plusx.predict.embed import HEAD_WEIGHTS, without_answer
from plusx.predict.paint import Names, write_picture
from plusx.understand.draw import Drawn, draw
from plusx.understand.explained import Explained, Explainer
from plusx.understand.neighbours import Nearest
from plusx.understand.opened import LastMap
from plusx.understand.page import page_of

if TYPE_CHECKING:
    from plusx.api.model import Model

AT_ONCE = 8
SEARCHED_AT_ONCE = 64


def explain(
    model: str | Path | Model,
    inputs: Iterable[Input | Path] | Input | Path,
    *,
    method: str = "gradcam",
    layer: str | None = None,
    label: str | None = None,
    nearest: str | Path | None = None,
    count: int = 5,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
) -> list[Explained]:
    """What in each input mattered for the model's answer, in order. A bad input has a row whose `error` says why; it
    never fails the others.

    Args:
        model: a `.plusx` file, a run folder, or a loaded model.
        inputs: as for `Model.predict`.
        method: `gradcam`, `hirescam`, `integrated` or `occlusion` (`plusx.understand.methods`).
        layer: the map that the first two look at: `stem`, `stage1`, ...; None: the last stage's.
        label: the label that is explained; None: what was answered.
        nearest: a set (as for `train`), whose examples that are most alike are listed in each row as `nearest`.
        count: how many of them.
        data_dir: where a known set's files are.
        out: a folder for a picture of each explanation, and for `explain.html`, which shows all of them.

    Raises:
        WrongUse: no such method, layer, label or set.
        PlusxError: the model is damaged, or the folder cannot be written.
    """
    archive = read_archive(Path(model)) if isinstance(model, str | Path) else model.archive
    explainer = Explainer(archive, method, layer, label)
    many = [inputs] if isinstance(inputs, str | bytes | Path | np.ndarray) else inputs
    sources = [str(source) if isinstance(source, Path) else source for source in many]
    found = list(explain_stream(explainer, sources))
    near: Prepared | None = None
    if nearest is not None:
        near = find_nearest(explainer, found, nearest, count, None if data_dir is None else Path(data_dir))
    if out is not None:
        write_explanations(Path(out), explainer, found, near)
    return found


def explain_stream(explainer: Explainer, inputs: Iterable[Input]) -> Iterator[Explained]:
    """One explanation an input, in order."""
    for batch in prepared_batches(explainer.origin, inputs, AT_ONCE):
        good = [
            (source if isinstance(source, str) else None, seen) for source, seen in batch if not isinstance(seen, str)
        ]
        explained = iter(explainer(good) if good else ())
        for source, seen in batch:
            path = source if isinstance(source, str) else None
            yield explainer.bad(path, seen) if isinstance(seen, str) else next(explained)


def find_nearest(
    explainer: Explainer, found: Sequence[Explained], data: str | Path, count: int, data_dir: Path | None
) -> Prepared:
    """Adds `nearest` to the rows: the most alike of a set's train split (or its first split), by the cosine of their
    vectors, each with `path`, `label`, `similarity` and `index`, its place in the set that is given back.

    Raises:
        WrongUse: there is no such set, or its examples are of another kind.
    """
    spec, engine = explainer.spec, vector_engine(explainer.archive)
    modality = "auto" if isinstance(spec, ArraySpec) else spec.modality
    dataset = read_dataset(data, data_dir=data_dir, modality=modality)
    split = next(name for name in ("train", "val", "test") if getattr(dataset, name) is not None)
    prepared = prepare_samples(dataset.split(split), spec, cache=default_cache_dir())
    good = [(one.row, one.seen.prepared) for one in found if one.seen is not None]
    if not good:
        return prepared
    search = Nearest(_vectors(engine, np.stack([values for _, values in good])), count)
    for start in range(0, len(prepared), SEARCHED_AT_ONCE):
        places = np.arange(start, min(start + SEARCHED_AT_ONCE, len(prepared)))
        search.add(_vectors(engine, prepared.gather(places)), places)
    near = zip(search.found.places.tolist(), search.found.similarities.tolist(), strict=True)
    for (row, _), (places, alike) in zip(good, near, strict=True):
        row["nearest"] = [_neighbour(prepared, place, own) for place, own in zip(places, alike, strict=True)]
    return prepared


def write_explanations(folder: Path, explainer: Explainer, found: Sequence[Explained], near: Prepared | None) -> None:
    """A picture of each explanation, whose path becomes its row's `file`, and the page of all.

    Raises:
        PlusxError: one cannot be written.
    """
    names = Names()
    shown: list[tuple[Explained, Drawn | None]] = []
    for one in found:
        if one.seen is None:
            shown.append((one, None))
            continue
        drawn = draw(explainer, one)
        one.row["file"] = str(write_picture(Image.fromarray(drawn.picture), folder / names(one.row["path"])))
        shown.append((one, drawn))
    folder.mkdir(parents=True, exist_ok=True)
    page_of(explainer, shown, near).write(folder / "explain.html")


def vector_engine(archive: Archive) -> Engine:
    """What gives an example's vector: the network without its last layer, or its last stage's mean over all places."""
    head = archive.manifest.network.get("head")
    return ENGINES["torch"](without_answer(archive)) if head in (*HEAD_WEIGHTS, "embed") else LastMap(archive)


def _vectors(engine: Engine, values: np.ndarray) -> np.ndarray:
    return engine(np.moveaxis(values, -1, 1))


def _neighbour(prepared: Prepared, place: int, similarity: float) -> dict[str, Any]:
    samples, row = prepared.samples, int(prepared.kept[place])
    name, label = samples.source.name(row), samples.label(row)
    return {"path": name, "label": label, "similarity": similarity, "index": place}
