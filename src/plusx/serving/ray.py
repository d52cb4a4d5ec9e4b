"""Ray Serve: replicas of the application behind proxies, renewed one after the other, started anew where one dies."""

from __future__ import annotations

import hashlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from plusx.archive import read_archive
from plusx.engines.choose import find_engine
from plusx.engines.golden import check_description
from plusx.errors import PlusxError, WrongUse
from plusx.predict.ray import joined
from plusx.predict.worker import packed
from plusx.serving.held import Say, stamp
from plusx.serving.replica import NAMESPACE, SHELF, Order, Replica, Shelf
from plusx.serving.settings import Settings

APP = "plusx"
SHELVES = 3
"""How many are tried one after the other, where machines die."""
MARGIN_S = 5.0
"""How much longer than an answer may take a replica is given to end."""


@dataclass(frozen=True)
class Scale:
    """How many replicas: as many as are asked for, between two bounds.

    >>> Scale.parse("2"), Scale.parse("1-8")
    (Scale(least=2, most=2), Scale(least=1, most=8))
    """

    least: int
    most: int

    @classmethod
    def parse(cls, words: str) -> Scale:
        """Of `N`, or of `LEAST-MOST`.

        Raises:
            WrongUse: it is neither.
        """
        parts = words.split("-")
        if len(parts) > 2 or not all(part.isdecimal() for part in parts) or not 1 <= int(parts[0]) <= int(parts[-1]):
            raise WrongUse(f"--replicas {words}: give a number such as 2, or bounds such as 1-8")
        return cls(int(parts[0]), int(parts[-1]))


class Cluster:
    """The application on the Ray Serve that this process has started, and the version of the models that answers.

    Args:
        paths: each model's file or run folder, by the name that requests ask for it.
        engine: of `plusx.engines`, or `auto`.
        settings: of each replica.
        scale: how many there are.
        say: is told what a person should know.
    """

    def __init__(self, paths: Mapping[str, Path], engine: str, settings: Settings, scale: Scale, say: Say):
        self._paths, self._engine, self.settings = paths, engine, settings
        self.scale, self._say = scale, say
        self._shelf: Any = None
        self._files: dict[str, bytes] = {}
        self._seen: dict[str, tuple[int, ...] | None] = {}
        self.order: Order | None = None
        """What the replicas were told that answer."""
        self.models: list[dict[str, Any]] = []
        """Of each model what programs want to know that start a server."""

    def deploy(self) -> Order:
        """Reads the models' files and has all replicas answer with them; returns when they do.

        Replicas of another version answer until these are ready, and then what is inside of them.

        Raises:
            PlusxError: a model cannot be read or does not answer as its training did, or no replica can run it.
        """
        self._seen = {name: stamp(path) for name, path in self._paths.items()}
        read = {name: _read(path, self._engine, self._say) for name, path in self._paths.items()}
        digests = {name: hashlib.sha256(one.file).hexdigest() for name, one in read.items()}
        files = {digests[name]: one.file for name, one in read.items()}
        self._hold({**self._files, **files})
        number = 1 if self.order is None else self.order.number + 1
        order = Order(digests, {name: one.about["engine"] for name, one in read.items()}, self.settings, number)
        try:
            self._run(order)
        except PlusxError:
            if self.order is not None:
                # Ray would start no replica of the version before where one dies.
                self._run(self.order)
            raise
        self.order = order
        self.models = [{"name": name, "version": str(number), **one.about} for name, one in read.items()]
        self._files = files
        self._hold(files)
        return order

    def renew(self) -> None:
        """Where a file was replaced, has the replicas answer with it; where they cannot, those before go on."""
        if all(stamp(path) in (None, self._seen[name]) for name, path in self._paths.items()):
            self._hold(self._files)
            return
        try:
            order = self.deploy()
        except PlusxError as error:
            before = "" if self.order is None else f"version {self.order.number} goes on; "
            self._say(f"{before}the newer file is refused: {error}")
            return
        self._say(f"version {order.number} answers now")

    def close(self) -> None:
        """Takes nothing new, has what is inside answered, and ends all that was started."""
        _serve().shutdown()
        if self._shelf is not None:
            _ray().kill(self._shelf)

    def _hold(self, files: dict[str, bytes]) -> None:
        """Has these on the shelf, and no others; on another shelf where the machine of the one before is gone."""
        ray = _ray()
        found = {"name": SHELF, "namespace": NAMESPACE, "lifetime": "detached", "get_if_exists": True}
        for _ in range(SHELVES):
            shelf = self._shelf or ray.remote(Shelf).options(**found, num_cpus=0).remote()
            try:
                missing = ray.get(shelf.hold.remote(list(files)))
                if missing:
                    ray.get(shelf.put.remote({digest: files[digest] for digest in missing}))
                self._shelf = shelf
                return
            except ray.exceptions.RayActorError:
                self._shelf = None
        raise PlusxError("--ray: what holds the models' files dies as it begins; look at the cluster's memory")

    def _run(self, order: Order) -> None:
        try:
            _serve().run(deployment(order, self.scale), name=APP, route_prefix="/")
        except RuntimeError as error:
            words = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
            raise PlusxError(f"--ray: no replica begins: {words[-1].strip()[:300]}") from error


def deployment(order: Order, scale: Scale) -> Any:
    """The application for `ray.serve.run`."""
    serve, settings = _serve(), order.settings
    scaled: dict[str, Any] = {"num_replicas": scale.least}
    if scale.most > scale.least:
        wanted = {"min_replicas": scale.least, "max_replicas": scale.most}
        scaled = {"autoscaling_config": {**wanted, "target_ongoing_requests": settings.batch}}
    made = serve.deployment(
        name=APP,
        ray_actor_options={"num_cpus": order.threads},
        # What a replica takes on by itself; as much again waits at each proxy, and what comes then gets 429.
        max_ongoing_requests=settings.inside,
        max_queued_requests=settings.inside,
        backpressure_config={"status_code": 429, "retry_after_s": 1},
        graceful_shutdown_timeout_s=settings.timeout_s + MARGIN_S,
        graceful_shutdown_wait_loop_s=0.5,
        health_check_period_s=2,
        health_check_timeout_s=10,
        max_constructor_retry_count=3,
        # The application writes a line for each request itself.
        logging_config={"enable_access_log": False},
        # The new ones are ready before the old ones go.
        max_surge_percent=100,
        **scaled,
    )
    return made(serve.ingress()(Replica)).bind(order)


def run(cluster: Cluster, address: str, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serves by a proxy at each machine that has replicas, until SIGTERM or SIGINT; then what is inside is answered.

    Args:
        cluster: what answers.
        address: as `plusx.predict.ray.joined` takes it.
        host, port: of the proxies.
        ready: is called once requests are taken.

    Raises:
        PlusxError: Ray cannot be joined, Ray Serve runs there already, or no replica begins.
    """
    settings = cluster.settings
    longest = settings.body_s + settings.timeout_s + MARGIN_S
    # Twice as many replicas for a moment, while one version takes the other's place; CPUs are only counted here.
    with joined(address, cpus=2 * cluster.scale.most), _stopped() as stop:
        logging.getLogger("ray.serve").setLevel(logging.ERROR)
        if _runs_already():
            raise PlusxError(f"--ray {address}: Ray Serve runs there already, at an address of its own; end it first")
        _serve().start(http_options={"host": host, "port": port, "request_timeout_s": longest})
        try:
            cluster.deploy()
            ready()
            while not stop.wait(settings.reload_s or None):
                cluster.renew()
        finally:
            cluster.close()


@contextmanager
def _stopped() -> Iterator[threading.Event]:
    """Is set by SIGTERM and SIGINT; within Ray, which takes them over as it is joined."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _runs_already() -> bool:
    with suppress(ValueError):
        _ray().get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")
        return True
    return False


class _Read(NamedTuple):
    """A model's file, with the graph in it that its engine runs, and what programs are told of it."""

    file: bytes
    about: dict[str, Any]


def _read(path: Path, engine: str, say: Say) -> _Read:
    archive = read_archive(path)
    check_description(archive)
    used = find_engine(engine, archive, say=say).name
    manifest = archive.manifest
    about = {"engine": used, "precision": manifest.precision, "task": manifest.task["name"]}
    return _Read(packed(archive, used), about)


def _ray() -> Any:
    import ray

    return ray


def _serve() -> Any:
    try:
        import ray.serve
    except ModuleNotFoundError as error:
        raise PlusxError(f"--ray: {error.name} is not installed: pip install 'plusx[scale]'") from None
    return ray.serve
