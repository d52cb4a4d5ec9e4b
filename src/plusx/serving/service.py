"""The way of a request through a server: let in, answered by its model in time, or told why not."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from plusx.engines import Engine
from plusx.errors import PlusxError, nearest
from plusx.predict.one import Answered
from plusx.serving.admission import Admission
from plusx.serving.batcher import Batcher, deadline
from plusx.serving.held import Held, Say, Version
from plusx.serving.refusals import Refused
from plusx.serving.settings import Settings

Result = TypeVar("Result")
NAMED = re.compile(r"(?P<name>[\w.-]+)=(?P<path>.+)")


class Service:
    """Models that answer requests.

    Args:
        paths: each model's file or run folder, by the name that requests ask for it.
        engine: of `plusx.engines`, or `auto`; or each model's, by its name.
        settings: how much it takes on.
        say: is told what a person should know.
        number: of the models' versions.

    Raises:
        PlusxError: a model cannot be read, or does not answer as its training did.
    """

    def __init__(
        self,
        paths: Mapping[str, Path],
        engine: str | Mapping[str, str],
        settings: Settings,
        say: Say = lambda text: None,
        number: int = 1,
    ):
        self.settings, self.say = settings, say
        self.admission = Admission(settings.inside)
        self.draining = False
        """Whether it has been told to stop: what is inside is answered, and it is ready for no more."""
        self.on_batch: Callable[[str, int, float], None] = lambda model, size, seconds: None
        """Is told each batch's model, size and the engine's seconds."""
        self._pool = ThreadPoolExecutor(2 * settings.batch, thread_name_prefix="plusx-request")
        self.models: dict[str, Held] = {}
        for name, path in paths.items():
            own = engine if isinstance(engine, str) else engine[name]
            self.models[name] = Held(name, path, own, self._batching(name), say, number)

    @property
    def alive(self) -> bool:
        """Whether each model has what answers."""
        return all(held.now.batcher.alive for held in self.models.values())

    def model(self, name: str | None = None, version: str | None = None) -> Held:
        """The model of this name; where there is one only, it needs none.

        Raises:
            Refused: no such model or version (404), or several and none named (400).
        """
        if name is None:
            if len(self.models) > 1:
                raise Refused(400, f"which model? there are {', '.join(self.models)}; ask /models/NAME/predict")
            name = next(iter(self.models))
        held = self.models.get(name)
        if held is None:
            there = list(self.models)
            raise Refused(404, f"no model {name!r}{nearest(name, there)}; there are {', '.join(there)}")
        if version is not None and version != str(held.now.number):
            raise Refused(404, f"{name} is at version {held.now.number}; there is no version {version!r}")
        return held

    async def answers(self, version: Version, sources: Sequence[bytes], top: int = 5) -> list[Answered]:
        """Each input's answer, in order; a bad one's says why, and fails no other.

        Raises:
            Late: it takes longer than `settings.timeout_s`.
        """
        return await self.run([lambda source=source: version.answer(source, top) for source in sources])

    async def run(self, works: Sequence[Callable[[], Result]]) -> list[Result]:
        """What each of these gives, done by threads side by side, whatever they ask a `Batcher` within the time limit.

        Raises:
            Late: as a batcher does.
        """
        until = time.monotonic() + self.settings.timeout_s
        loop = asyncio.get_running_loop()
        return list(await asyncio.gather(*(loop.run_in_executor(self._pool, _timed, work, until) for work in works)))

    async def watch(self) -> None:
        """Lets each model's newer file answer, for as long as the server runs."""
        while True:
            await asyncio.sleep(self.settings.reload_s)
            for held in self.models.values():
                if held.changed():
                    await self._renew(held)

    async def _renew(self, held: Held) -> None:
        loop = asyncio.get_running_loop()
        before = await loop.run_in_executor(None, held.renew)
        if before is None:
            self.say(f"{held.name}: version {held.now.number} goes on; the newer file is refused: {held.trouble}")
            return
        self.say(f"{held.name}: version {held.now.number} answers now")
        # Requests that began with the version before may ask it for as long as a request can last.
        loop.call_later(self.settings.timeout_s + 1, lambda: loop.run_in_executor(None, before.batcher.close))

    def close(self) -> None:
        """Answers what was asked, then stops."""
        self._pool.shutdown()
        for held in self.models.values():
            held.now.batcher.close()

    def _batching(self, name: str) -> Callable[[Engine], Batcher]:
        def told(size: int, seconds: float) -> None:
            self.admission.answered(size, seconds)
            self.on_batch(name, size, seconds)

        settings = self.settings
        return lambda engine: Batcher(
            engine, settings.batch, settings.batch_wait_s, lambda: self.admission.inside, told
        )


def _timed(work: Callable[[], Result], until: float) -> Result:
    with deadline(until):
        return work()


def summary(service: Service) -> list[dict[str, Any]]:
    """Of each model what programs that start a server want to know."""
    return [
        {
            "name": held.name,
            "version": str(held.now.number),
            "engine": held.now.batcher.name,
            "precision": held.now.archive.manifest.precision,
            "task": held.now.archive.manifest.task["name"],
        }
        for held in service.models.values()
    ]


def named(models: Sequence[str | Path]) -> dict[str, Path]:
    """Models by name: that of their file, or of their run's folder, or the one that is given as `NAME=PATH`.

    Raises:
        PlusxError: two have one name.

    >>> sorted(named([Path("runs/digits"), "cats.plusx", Path("runs/dogs/model.plusx"), "birds=runs/third"]))
    ['birds', 'cats', 'digits', 'dogs']
    """
    found: dict[str, Path] = {}
    for model in models:
        name, path = _named(model)
        if name in found:
            raise PlusxError(f"{path}: {found[name]} is called {name}, too; give one of them as NAME={path}")
        found[name] = path
    return found


def _named(model: str | Path) -> tuple[str, Path]:
    given = NAMED.fullmatch(str(model))
    if given and not Path(model).exists():
        return given["name"], Path(given["path"])
    whole = Path(model).resolve()
    return whole.parent.name if whole.stem == "model" else whole.stem, Path(model)
