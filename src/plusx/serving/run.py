"""A server, from its start to its end."""

from __future__ import annotations

import asyncio
import ctypes
import math
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import uvicorn

from plusx.errors import PlusxError, WrongUse
from plusx.serving.app import create_app
from plusx.serving.guard_head import is_loopback
from plusx.serving.http_protocol import protocol_of
from plusx.serving.service import Service

LEAST_TOKEN = 16
FORCED_S = 0.05
SWITCH_S = 0.0005
LAST_S = 0.05
"""How long who has connected already may take to be taken, when it stops."""
SO_ATTACH_FILTER = 26
REFUSE_ALL = (0x06, 0, 0, 0)
"""A program of one instruction for Linux's packet filter: give back 0, of each packet nothing is kept."""
BACKLOG = 512
"""Connections that wait to be taken."""


def check_address(host: str, token: str | None, insecure: bool) -> None:
    """Nothing, or WrongUse where others could ask the server and nothing keeps them from it.

    >>> check_address("127.0.0.1", None, insecure=False)
    >>> check_address("0.0.0.0", None, insecure=False)
    Traceback (most recent call last):
    plusx.errors.WrongUse: --host 0.0.0.0: others can reach it; set PLUSX_TOKEN to a secret of 16 characters or more, \
or say --insecure
    """
    if token is not None and len(token) < LEAST_TOKEN:
        raise WrongUse(f"PLUSX_TOKEN: a secret has {LEAST_TOKEN} characters or more")
    if token is None and not insecure and not is_loopback(host):
        what = f"set PLUSX_TOKEN to a secret of {LEAST_TOKEN} characters or more, or say --insecure"
        raise WrongUse(f"--host {host}: others can reach it; {what}")


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections there; port 0 is any free one.

    Raises:
        PlusxError: the address is taken, or is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol by its number: asyncio turns Nagle's algorithm off only for sockets that say they are TCP's, and with
    # it each answer waited 40 ms for the client's acknowledgement.
    place = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind((host, port))
    except (OSError, OverflowError) as error:
        place.close()
        why = getattr(error, "strerror", None) or error
        raise PlusxError(f"--host {host} --port {port}: {why}; take another port or address") from None
    return place


def take_no_more(place: socket.socket) -> None:
    """Has the system pass over whoever connects from now on; who has connected already can still be taken.

    Closed at once, the socket would reset those who wait at it, and whose requests may have come. Only Linux can.
    """
    if sys.platform != "linux":
        return
    refusing = ctypes.create_string_buffer(struct.pack("HBBI", *REFUSE_ALL))
    with suppress(OSError):
        place.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(refusing)))


class Server(uvicorn.Server):
    """uvicorn, which says when it takes requests, and tells the service that it is being stopped before it stops."""

    def __init__(self, service: Service, ready: Callable[[], None] = lambda: None):
        super().__init__(
            uvicorn.Config(
                create_app(service),
                http=protocol_of(service.settings),
                ws="none",
                # Whoever can reach a server on its own machine could else say that they are someone else.
                proxy_headers=False,
                backlog=BACKLOG,
                # uvicorn takes whole seconds; the protocol has a timer of its own.
                timeout_keep_alive=math.ceil(service.settings.idle_s),
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=int(service.settings.timeout_s) + 1,
            )
        )
        self._service, self._ready = service, ready
        self.dropped: int | None = None
        """How many requests got no answer, where it was told twice to stop."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to take connections."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM or SIGINT lets what is inside be answered, a second one does not."""
        # uvicorn would keep the signal and raise it again when all is done, which would end the process as if it had
        # failed.
        self._service.draining = True
        self.force_exit, self.should_exit = self.should_exit, True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Takes no more, and ends when what is inside is answered, or at once when it is told so again."""
        for place in sockets or []:
            take_no_more(place)
        await asyncio.sleep(LAST_S)
        ending = asyncio.create_task(self._end_when_forced())
        await super().shutdown(sockets)
        if self.force_exit:
            self._drop()
            await asyncio.to_thread(self._service.close, answering=False)
            await self.lifespan.shutdown()
        ending.cancel()

    async def _end_when_forced(self) -> None:
        while not self.force_exit:
            await asyncio.sleep(FORCED_S)
        self._drop()

    def _drop(self) -> None:
        if self.dropped is None:
            self.dropped = len(self.server_state.tasks)
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def run(service: Service, place: socket.socket, ready: Callable[[], None] = lambda: None) -> None:
    """Serves until SIGTERM or SIGINT; then nothing new is taken, and what is inside is answered.

    Args:
        service: what answers.
        place: where it listens, as `listening` gives it.
        ready: is called once it takes connections.

    Raises:
        PlusxError: it was told twice to stop, and what was inside got no answer.
    """
    # By default a thread that computes lets others wait 5 ms for the interpreter: the loop, busy with requests that it
    # refuses, would keep those that it let in from being decoded and answered.
    sys.setswitchinterval(SWITCH_S)
    server = Server(service, ready)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve([place]))
    if server.dropped is not None:
        raise PlusxError(f"stopped at once, as it was told twice; {server.dropped} requests got no answer")
