"""The way of a request through a server: let in, answered by its model in time, or told why not."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from plusx.engines import Engine
from plusx.errors import PlusxError, nearest
from plusx.predict.one import Answered, batch_of
from plusx.serving.admission import Admission
from plusx.serving.batcher import Batcher, Coming, Late, deadline
from plusx.serving.held import Held, Say, Version
from plusx.serving.limits import limited
from plusx.serving.memory import Memory, give_back
from plusx.serving.refusals import Refused
from plusx.serving.settings import Settings

Result = TypeVar("Result")
TIDY_S = 1.0
LIGHT_SOURCE_BYTES, LIGHT_BYTES = 4096, 1 << 16
"""An input up to this length, which takes up to this much memory, and so does its example, is prepared by the loop
itself: for a picture of 28x28 waking a thread costs more."""
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
        self._memory = Memory(settings.decoding_bytes)
        self._coming = Coming()
        self._put_away: set[Batcher] = set()
        self.models: dict[str, Held] = {}
        for name, path in paths.items():
            own = engine if isinstance(engine, str) else engine[name]
            limit = partial(limited, settings=settings)
            self.models[name] = Held(name, path, own, self._batching(name), limit, say, number)

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
        until = time.monotonic() + self.settings.timeout_s
        answer = self._in_steps if version.answer.is_simple else self._in_one
        return await _by(until, [answer(version, source, top, until) for source in sources])

    async def outputs(
        self, version: Version, inputs: Shaped[np.ndarray, "batch ..."]
    ) -> Float[np.ndarray, "batch ..."]:
        """What the network gives for examples as engines take them.

        Raises:
            Late: it takes longer than `settings.timeout_s`.
        """
        until = time.monotonic() + self.settings.timeout_s
        return (await _by(until, [_there(version.batcher.ask(inputs))]))[0]

    async def run(self, works: Sequence[Callable[[], Result]]) -> list[Result]:
        """What each of these gives, done by threads side by side, whatever they ask a `Batcher` within the time limit.

        Raises:
            Late: as a batcher does.
        """
        until = time.monotonic() + self.settings.timeout_s
        return await _by(until, [self._threaded(work, until) for work in works])

    async def _in_steps(self, version: Version, source: bytes, top: int, until: float) -> Answered:
        def ask() -> Answered | tuple[np.ndarray, Future[np.ndarray]]:
            example = version.answer.example(source)
            return example if isinstance(example, Answered) else (example, version.batcher.ask(batch_of(example)))

        if _is_light(version, source):
            asked = ask()
        else:
            asked = await self._threaded(partial(self._remembered, version, source, until, ask), until)
        if isinstance(asked, Answered):
            return asked
        example, outputs = asked
        return version.answer.of_example(example, await _there(outputs), top)

    async def _in_one(self, version: Version, source: bytes, top: int, until: float) -> Answered:
        work = partial(self._remembered, version, source, until, partial(version.answer, source, top))
        return await self._threaded(work, until)

    def _remembered(self, version: Version, source: bytes, until: float, work: Callable[[], Result]) -> Result:
        """What is done with an input, once there is memory for it."""
        with self._memory.of(version.answer.footprint_bytes(source), until):
            return work()

    def _threaded(self, work: Callable[[], Result], until: float) -> Awaitable[Result]:
        arrive = self._coming.one()
        future = self._pool.submit(_timed, work, until, arrive)
        future.add_done_callback(lambda _: arrive())
        return asyncio.wrap_future(future)

    async def tidy(self) -> None:
        """Has memory go back to the system after large examples, for as long as the server runs."""
        while True:
            await asyncio.sleep(TIDY_S)
            if self._memory.untidy:
                self._memory.untidy = False
                await asyncio.to_thread(give_back)

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
        self._put_away.add(before.batcher)
        loop.call_later(self.settings.timeout_s + 1, lambda: loop.run_in_executor(None, self._put, before.batcher))

    def _put(self, batcher: Batcher) -> None:
        batcher.close()
        self._put_away.discard(batcher)

    def close(self, *, answering: bool = True) -> None:
        """Answers what was asked, or has it fail as `Closed`; then stops."""
        batchers = [*self._put_away, *(held.now.batcher for held in self.models.values())]
        if not answering:
            self._memory.close()
            for batcher in batchers:
                batcher.close(answering=False)
        self._pool.shutdown(cancel_futures=not answering)
        for batcher in batchers:
            batcher.close()

    def _batching(self, name: str) -> Callable[[Engine], Batcher]:
        def told(size: int, seconds: float) -> None:
            self.admission.answered(size, seconds)
            self.on_batch(name, size, seconds)

        settings = self.settings
        return lambda engine: Batcher(engine, settings.batch, settings.batch_wait_s, lambda: self._coming.count, told)


async def _by(until: float, works: Sequence[Awaitable[Result]]) -> list[Result]:
    """What all of these give, in time.

    A thread that decodes is not stopped, but its request is answered all the same; what has not begun is not done.
    """
    try:
        async with asyncio.timeout(until - time.monotonic()):
            # Most requests are of one input; a task for it would take longer than a small network does.
            return [await works[0]] if len(works) == 1 else list(await asyncio.gather(*works))
    except TimeoutError:
        raise Late from None


async def _there(outputs: Future[np.ndarray]) -> np.ndarray:
    try:
        return await asyncio.wrap_future(outputs)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # The batcher was the first to see that the time is over.
        raise Late from None


def _is_light(version: Version, source: bytes) -> bool:
    """Whether an input is sooner prepared than a thread is woken for it. Its length first: what a header leads to is
    looked at by the same loop that answers all others."""
    if len(source) > LIGHT_SOURCE_BYTES or version.archive.golden.inputs[0].nbytes > LIGHT_BYTES:
        return False
    return version.answer.footprint_bytes(source) <= LIGHT_BYTES


def _timed(work: Callable[[], Result], until: float, asks: Callable[[], None]) -> Result:
    if time.monotonic() >= until:
        raise Late
    with deadline(until, asks):
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
