"""One process of the server: the lock, the port, the house, and a graceful end.

The rule: everything that can be refused (the folder, the port, the settings) is refused before anything runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn

from sallyport import app
from sallyport.app import House
from sallyport.cli.lock import Lock
from sallyport.errors import SallyportError
from sallyport.settings import Settings
from sallyport.web.http_protocol import BoundedProtocol

_BACKLOG = 2048
_SWITCH_SECONDS = 0.0005
#: How long requests that are going on may take to end, in seconds.
_GRACE_SECONDS = 10


class PortUnavailable(SallyportError):
    """Raised when the server cannot listen where it should."""

    code = "PortUnavailable"
    status = 500

    def __init__(self, host: str, port: int, error: OSError) -> None:
        if error.errno == errno.EADDRINUSE:
            told = f"Port {port} of {host} is taken by another program. Stop it, or choose another one with --port."
        else:
            told = f"The server cannot listen on port {port} of '{host}': {error.strerror or error}."
        super().__init__(told)
        self.host = host
        self.port = port


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that is ready to answer."""

    house: House
    settings: Settings

    @property
    def url(self) -> str:
        """Where this machine reaches the server."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"


#: Is told when the server answers; what it gives back is called when the server ends.
Ready = Callable[[Serving], Callable[[], None]]


def bind(host: str, port: int) -> socket.socket:
    """Take a port; raises PortUnavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise PortUnavailable(host, port, error) from None


def serve(settings: Settings, lock: Lock, listening: socket.socket, ready: Ready) -> None:
    """Serve until somebody asks the process to end.

    Raises what keeps the house from being built.
    """
    # Threads that write and read take turns with the loop that computes: at the default of 5 ms they would starve.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_new_loop()) as runner:
        runner.run(_serve(settings, lock, listening, ready))


async def _serve(settings: Settings, lock: Lock, listening: socket.socket, ready: Ready) -> None:
    async with contextlib.AsyncExitStack() as ending:
        house = app.build(settings)
        ending.push_async_callback(house.close)
        await house.open()
        serving = Serving(house, settings)
        lock.tell(serving.url)
        server = _Server(house, lambda: ending.callback(ready(serving)))
        with _ended_by_signals(server):
            await server.serve([listening])


class _Server(uvicorn.Server):
    """The ASGI server; signals are the business of whoever starts it, because the house must end after it."""

    def __init__(self, house: House, started: Callable[[], object]) -> None:
        super().__init__(
            uvicorn.Config(
                house.app,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=30,
            )
        )
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        self._told()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Let the first signal end the server gracefully, and the second at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, end)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


def _new_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        # Not made for this system: the standard loop does the same, slower.
        return None
    return uvloop.new_event_loop
