"""`plusx.explain`: what a model's answers rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from plusx.api.model import Model, load
from plusx.archive import Archive
from plusx.data.array import ArraySpec
from plusx.data.cache import Prepared, default_cache_dir, prepare_samples
from plusx.data.modalities import spec_from_json
from plusx.data.samples import read_dataset
from plusx.engines import ENGINES, Engine
from plusx.predict.ahead import Input, prepared_batches
from plusx.predict.embed import HEAD_WEIGHTS, without_answer
from plusx.predict.paint import Names, write_picture
from plusx.understand.draw import draw
from plusx.understand.explained import Explained, Explainer
from plusx.understand.neighbours import Nearest
from plusx.understand.opened import LastMap
from plusx.understand.page import MOST_CARDS, Shown, page_of

AT_ONCE = 8
SEARCHED_AT_ONCE = 64


def explain(
    model: str | Path | Model,
    inputs: Iterable[Input | Path] | Input | Path,
    *,
    method: str = "auto",
    layer: str | None = None,
    label: str | None = None,
    nearest: str | Path | None = None,
    count: int = 5,
    data_dir: str | Path | None = None,
    out: str | Path | None = None,
    keep: bool = True,
) -> list[Explained]:
    """What in each input mattered for the model's answer, in order. A bad input has a row whose `error` says why; it
    never fails the others.

    Args:
        model: a `.plusx` file, a run folder, or a loaded model.
        inputs: as for `Model.predict`.
        method: `gradcam`, `hirescam`, `integrated` or `occlusion` (`plusx.understand.methods`); `auto` is the first,
            and for boxes and masks the second, of the finest map that their head is given.
        layer: the map that the first two look at: `stem`, `stage1`, ...; None: the last stage's.
        label: the label that is explained; None: what was answered.
        nearest: a set (as for `train`), whose examples that are most alike are listed in each row as `nearest`.
        count: how many of them.
        data_dir: where a known set's files are.
        out: a folder for a picture of each explanation, and for `explain.html`, which shows the first hundred.
        keep: give the heat back, too; without it, memory does not grow with the number of inputs.

    Raises:
        WrongUse: no such method, layer, label or set.
        PlusxError: the model is damaged, or the folder cannot be written.
    """
    archive = (load(model) if isinstance(model, str | Path) else model).archive
    explainer = Explainer(archive, method, layer, label)
    many = [inputs] if isinstance(inputs, str | bytes | Path | np.ndarray) else inputs
    sources = (str(source) if isinstance(source, Path) else source for source in many)
    writing = None if out is None else Writing(explainer, Path(out))
    search = None if nearest is None else Search(archive, nearest, None if data_dir is None else Path(data_dir))
    found: list[Explained] = []
    for one in explain_stream(explainer, sources):
        if writing is not None:
            writing.add(one)
        if search is not None:
            search.add(one)
        found.append(one if keep else Explained(one.row, None, None, None))
    if search is not None:
        search.finish(count)
    if writing is not None:
        writing.finish(None if search is None else search.prepared)
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


class Search:
    """The examples of a set's train split (or its first split) that are most alike, by the cosine of their vectors.

    Args:
        archive: the model whose vectors count.
        data: the set.
        data_dir: where a known set's files are.

    Raises:
        WrongUse: there is no such set, or its examples are of another kind.
    """

    def __init__(self, archive: Archive, data: str | Path, data_dir: Path | None):
        spec = spec_from_json(archive.manifest.preprocessing)
        modality = "auto" if isinstance(spec, ArraySpec) else spec.modality
        dataset = read_dataset(data, data_dir=data_dir, modality=modality)
        split = next(name for name in ("train", "val", "test") if getattr(dataset, name) is not None)
        self.prepared = prepare_samples(dataset.split(split), spec, cache=default_cache_dir())
        self._engine = vector_engine(archive)
        self._asked: list[tuple[dict[str, Any], np.ndarray]] = []

    def add(self, one: Explained) -> None:
        """One of those for which neighbours are wanted."""
        if one.seen is not None:
            self._asked.append((one.row, self._vectors(one.seen.prepared[None])[0]))

    def finish(self, count: int) -> None:
        """Adds `nearest` to all rows: for each `path`, `label`, `similarity`, and `index`, its place in `prepared`."""
        if not self._asked:
            return
        search = Nearest(np.stack([vector for _, vector in self._asked]), count)
        for start in range(0, len(self.prepared), SEARCHED_AT_ONCE):
            places = np.arange(start, min(start + SEARCHED_AT_ONCE, len(self.prepared)))
            search.add(self._vectors(self.prepared.gather(places)), places)
        near = zip(search.found.places.tolist(), search.found.similarities.tolist(), strict=True)
        for (row, _), (places, alike) in zip(self._asked, near, strict=True):
            row["nearest"] = [self._neighbour(place, own) for place, own in zip(places, alike, strict=True)]

    def _vectors(self, values: np.ndarray) -> np.ndarray:
        return self._engine(np.moveaxis(values, -1, 1))

    def _neighbour(self, place: int, similarity: float) -> dict[str, Any]:
        samples, row = self.prepared.samples, int(self.prepared.kept[place])
        name, label = samples.source.name(row), samples.label(row)
        return {"path": name, "label": label, "similarity": similarity, "index": place}


class Writing:
    """A folder with a picture of each explanation, and the page."""

    def __init__(self, explainer: Explainer, folder: Path):
        self._explainer, self._folder, self._names = explainer, folder, Names()
        self._rows: list[dict[str, Any]] = []
        self._cards: list[Shown] = []

    def add(self, one: Explained) -> None:
        """Writes its picture, whose path becomes the row's `file`.

        Raises:
            PlusxError: it cannot be written.
        """
        self._rows.append(one.row)
        if one.seen is None:
            return
        drawn = draw(self._explainer, one)
        path = self._folder / self._names(one.row["path"])
        one.row["file"] = str(write_picture(Image.fromarray(drawn.picture), path))
        if len(self._cards) < MOST_CARDS:
            self._cards.append(Shown(one.row, drawn.card))

    def finish(self, near: Prepared | None) -> None:
        """Writes `explain.html`.

        Raises:
            PlusxError: it cannot be written.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        page_of(self._explainer, self._rows, self._cards, near).write(self._folder / "explain.html")


def vector_engine(archive: Archive) -> Engine:
    """What gives an example's vector: the network without its last layer, or its last stage's mean over all places."""
    head = archive.manifest.network.get("head")
    return ENGINES["torch"](without_answer(archive)) if head in (*HEAD_WEIGHTS, "embed") else LastMap(archive)
