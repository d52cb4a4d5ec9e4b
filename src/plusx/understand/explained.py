"""Examples with what of their answer is explained, and what mattered for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float

from plusx.archive import Archive
from plusx.data.boxes import to_own
from plusx.data.image import ImageSpec
from plusx.data.modalities import spec_from_json
from plusx.tasks import task_from_json
from plusx.tasks.asked import Asked
from plusx.tasks.detect import Detect
from plusx.tasks.found import decoded
from plusx.tasks.segment import Segment
from plusx.understand.gradcam import find_layer, finest_layer
from plusx.understand.methods import Heat, find_method, normalised, usual_method
from plusx.understand.opened import opened
from plusx.understand.origin import Seen, WithOrigin


class Marked(NamedTuple):
    """Where in a picture the explained answer is: a region of the prepared picture, or a box (x0, y0, x1, y1) in shares
    of its sides; both None where it is about all of the example."""

    region: Bool[np.ndarray, "height width"] | None = None
    box: Float[np.ndarray, " 4"] | None = None


class Explained(NamedTuple):
    """An input with its explanation; all but `row` None where that has an `error`.

    Args:
        row: `path`, `label`, `probability`, `score` (the number that is explained), `method`, `file`, `place` (where
            the heat is largest, in the input's own coordinates), further figures of the method, and `error`.
        heat: from -1 (against) to 1 (for), in proportion to the input's own largest; `(*space)` of the features.
        seen: the input as the network gets it.
        marked: where the answer is.
    """

    row: dict[str, Any]
    heat: Float[np.ndarray, "*space"] | None
    seen: Seen | None
    marked: Marked | None


class Explainer:
    """Explains answers of one model by one method.

    Args:
        archive: the model.
        method: a name in `METHODS`; or `auto`: Grad-CAM, and for answers about a part of a picture HiResCAM of the
            finest map that the head is given.
        layer: a name of `ResNet.features`, for methods that look at a map; None: the last stage.
        label: the label that is explained; None: what was answered.

    Raises:
        WrongUse: no such method, layer or label.
    """

    def __init__(
        self, archive: Archive, method: str = "gradcam", layer: str | None = None, label: str | None = None
    ) -> None:
        self.archive, self.label = archive, label
        self.spec = spec_from_json(archive.manifest.preprocessing)
        self.task = task_from_json(archive.manifest.task)
        self.origin = WithOrigin(self.spec)
        self._network = opened(archive)
        self.name = usual_method(self.task.name) if method == "auto" else method
        self.method = find_method(self.name, layer)
        if method == "auto" and self.name == "hirescam":
            layer = layer or finest_layer(self._network.after)
        self.layer = layer
        # What is wrong with a name is said before any input is read.
        self.shown_layer = find_layer(self._network.after, layer)
        self.task.asked(archive.golden.outputs, archive.manifest.classes, label)

    def __call__(self, batch: Sequence[tuple[str | None, Seen]]) -> Iterator[Explained]:
        """Each input of a batch, `(path, what it became)`, explained."""
        raw = np.moveaxis(np.stack([seen.prepared for _, seen in batch]), -1, 1)
        asked, scores, heat, outputs = self._heat(raw)
        facts = heat.facts or [{}] * len(batch)
        every = zip(batch, asked, scores, heat.values, facts, outputs, strict=True)
        for (path, seen), one, score, values, more, own in every:
            if one.error is not None:
                yield self.bad(path, one.error)
                continue
            row = self._row(path) | {"label": one.label, "probability": one.probability, "score": score}
            marked = self._marked(one, own)
            row |= {"place": self._place(seen, values), **self._box(seen, marked), **more, "error": None}
            yield Explained(row, normalised(values), seen, marked)

    def bad(self, path: str | None, error: str) -> Explained:
        """An input that could not be read."""
        return Explained({**self._row(path), "error": error}, None, None, None)

    def _row(self, path: str | None) -> dict[str, Any]:
        empty = dict.fromkeys(("label", "probability", "score"))
        return {"path": path, **empty, "method": self.name, "file": None, "place": None}

    def _heat(self, raw: np.ndarray) -> tuple[list[Asked], list[float], Heat, np.ndarray]:
        outputs = self._network.outputs(self._network.features(raw))
        asked = self.task.asked(outputs, self.archive.manifest.classes, self.label)
        unchanged, places = torch.from_numpy(outputs), torch.tensor([one.place for one in asked])
        score = _Score(self.task.explained, unchanged, places)
        heat = self.method.heat(self._network, raw, score, self.layer)
        if self.spec.modality == "text":
            # The zeros behind a text are no part of it.
            heat = replace(heat, values=heat.values * (raw[:, 0] > 0))
        return asked, score(unchanged).tolist(), heat, outputs

    def _place(self, seen: Seen, values: np.ndarray) -> dict[str, Any] | None:
        if not values.max() > 0:
            return None
        index = np.unravel_index(int(values.argmax()), values.shape)
        return self.origin.place(seen, [int(at) for at in index])

    def _marked(self, asked: Asked, outputs: np.ndarray) -> Marked:
        if isinstance(self.task, Segment):
            return Marked(region=outputs.argmax(0) == asked.place)
        if isinstance(self.task, Detect):
            anchor = int(outputs[asked.place].argmax())
            return Marked(box=np.clip(decoded(outputs[:, anchor : anchor + 1])[0], 0, 1))
        return Marked()

    def _box(self, seen: Seen, marked: Marked) -> dict[str, Any]:
        if marked.box is None or not isinstance(self.spec, ImageSpec):
            return {}
        return {"box": to_own(marked.box[None], seen.own, self.spec)[0].tolist()}


@dataclass(frozen=True)
class _Score:
    """What a task explains of outputs, for the same examples changed."""

    explained: Any
    unchanged: torch.Tensor
    places: torch.Tensor

    def __call__(self, outputs: torch.Tensor) -> torch.Tensor:
        return self.explained(outputs, self.unchanged, self.places)
