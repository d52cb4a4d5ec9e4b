"""What an answer can show beside itself: where in the picture it comes from, and a mask as a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from jaxtyping import Float

from plusx.archive import Archive
from plusx.data.boxes import to_shares
from plusx.data.image import ImageSpec, peek_size
from plusx.engines import Engine
from plusx.errors import PlusxError
from plusx.predict.one import Answered
from plusx.serving.about import without_place
from plusx.serving.held import Version
from plusx.serving.maps import maps_of
from plusx.serving.service import Service

PATIENCE_S = 3.0
"""How long a request waits for a graph that is being made: it takes up the place of another one."""
AT_ONCE = 8
"""Pictures that the graph is given together."""
BEING_MADE = "the graph that gives maps is being made, once for this model; ask again in some seconds"


class Heats(NamedTuple):
    """Where a model looked.

    Args:
        each: of each input, in order; None of a bad one, and where there is none.
        error: why there is none.
        later: whether it is worth to ask again.
    """

    each: list[dict[str, Any] | None]
    error: str | None = None
    later: bool = False


class Looking:
    """Finds where a service's models looked, by a graph for each version that is made when it is first asked for."""

    def __init__(self, service: Service):
        self._service = service
        self._made: WeakKeyDictionary[Version, asyncio.Task[Engine | str]] = WeakKeyDictionary()

    async def heats(self, version: Version, sources: Sequence[bytes], answers: Sequence[Answered]) -> Heats:
        """Where it looked for what it answered, or why nothing can be shown."""
        nothing: list[dict[str, Any] | None] = [None] * len(answers)
        maps = await self._maps(version)
        if maps is None:
            return Heats(nothing, BEING_MADE, later=True)
        if isinstance(maps, str):
            return Heats(nothing, maps)
        return Heats((await self._service.run([lambda: heats_by(maps, version, sources, answers)]))[0])

    async def _maps(self, version: Version) -> Engine | str | None:
        """What gives a version's maps, or why nothing does; None while it is being made."""
        if version not in self._made:
            self._made[version] = asyncio.ensure_future(_maps_or_why(version.archive))
        making = self._made[version]
        await asyncio.wait([making], timeout=PATIENCE_S)
        if not making.done():
            return None
        if making.exception() is not None:
            # What nobody foresaw is told by the log once, and tried again.
            self._made.pop(version, None)
        return making.result()


async def _maps_or_why(archive: Archive) -> Engine | str:
    # No exception is kept: its frames would keep the version.
    try:
        return await maps_of(archive)
    except (PlusxError, OSError) as error:
        return without_place(str(error).removeprefix("--maps: "), archive.path)


def heats_by(
    maps: Engine, version: Version, sources: Sequence[bytes], answers: Sequence[Answered]
) -> list[dict[str, Any] | None]:
    """Each good input's `heat_of`, by an engine that gives maps `(batch, classes, rows, columns)`."""
    spec, classes = version.answer.spec, version.archive.manifest.classes
    assert isinstance(spec, ImageSpec)
    found: list[dict[str, Any] | None] = [None] * len(answers)
    good = [(place, one.seen) for place, one in enumerate(answers) if one.seen is not None]
    for first in range(0, len(good), AT_ONCE):
        some = good[first : first + AT_ONCE]
        given = maps(np.moveaxis(np.stack([seen for _, seen in some]), -1, 1))
        for (place, _), own in zip(some, given, strict=True):
            label = answers[place].row["top"][0]["label"]
            height, width, _ = peek_size(sources[place])
            found[place] = {"label": label, **heat_of(own[classes.index(label)], (height, width), spec)}
    return found


def heat_of(values: Float[np.ndarray, "rows columns"], size: tuple[int, int], spec: ImageSpec) -> dict[str, Any]:
    """A class's map for whoever draws it over a picture of this (height, width).

    `values`, row by row, are from 0 to 1 in proportion to the largest; what spoke against the class is 0. `box` is
    where in the picture's pixels the map lies, x0, y0, x1, y1; parts of it may be outside.

    >>> spec = ImageSpec(height=8, width=8, channels=1, fit="letterbox")
    >>> heat_of(np.array([[-1.0, 0.5], [2.0, 0.0]]), (4, 2), spec)
    {'rows': 2, 'columns': 2, 'values': [0.0, 0.25, 1.0, 0.0], 'box': [-1.0, 0.0, 3.0, 4.0], 'width': 2, 'height': 4}
    """
    positive = np.maximum(values, 0).astype(np.float64)
    shares = positive / max(float(positive.max()), 1e-12)
    factor, start = (each[0] for each in to_shares(np.array([size]), spec))
    box = np.concatenate([-start / factor, (1 - start) / factor]).round(3) + 0.0
    rows, columns = values.shape
    drawn = {"rows": rows, "columns": columns, "values": shares.round(3).ravel().tolist()}
    return {**drawn, "box": box.tolist(), "width": size[1], "height": size[0]}
