"""One process of the server: the lock, the ports, the house, and a graceful end.

The rule: everything that can be refused (the folder, the ports, the settings, the certificates) is refused before
anything runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog
import uvicorn

from sallyport import app, settings
from sallyport.app import House
from sallyport.cli.lock import Lock
from sallyport.clock import SystemClock
from sallyport.errors import SallyportError
from sallyport.settings import Settings
from sallyport.store import waiting
from sallyport.store.database import Database
from sallyport.web.connect_proxy import ConnectProxy
from sallyport.web.http_protocol import BoundedProtocol
from sallyport.web.tls import Tls

log = structlog.stdlib.get_logger(__name__)

_BACKLOG = 2048
_SWITCH_SECONDS = 0.0005
#: How many objects more than before, and how many rounds of the younger generation, let the collector look for cycles.
_COLLECTED = (20_000, 50, 100)
#: How long requests that are going on may take to end, in seconds.
_GRACE_SECONDS = 10


class PortUnavailable(SallyportError):
    """Raised when the server cannot listen where it should."""

    code = "PortUnavailable"
    status = 500

    def __init__(self, host: str, port: int, error: OSError, option: str = "--port") -> None:
        if error.errno == errno.EADDRINUSE:
            told = f"Port {port} of {host} is taken by another program. Stop it, or choose another one with {option}."
        else:
            told = f"The server cannot listen on port {port} of '{host}': {error.strerror or error}."
        super().__init__(told)
        self.host = host
        self.port = port


class PortsAlike(SallyportError):
    """Raised when one port is named for two things that the server offers."""

    code = "PortsAlike"
    status = 500

    def __init__(self, port: int, one: str, other: str) -> None:
        super().__init__(f"{one} and {other} both name port {port}. Choose another one for either.")
        self.port = port


@dataclass(frozen=True, slots=True)
class Listening:
    """The sockets of a server, bound before anything else happens."""

    http: socket.socket
    #: None while https is off.
    https: socket.socket | None
    #: None while there is no proxy for programs with built-in hosts.
    proxy: socket.socket | None

    @property
    def ports(self) -> dict[str, int | None]:
        """Answer the ports by the names of their settings, the free ones that were taken among them."""
        sockets = {"port": self.http, "https_port": self.https, "proxy_port": self.proxy}
        return {name: None if each is None else int(each.getsockname()[1]) for name, each in sockets.items()}


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that is ready to answer."""

    house: House
    settings: Settings

    @property
    def url(self) -> str:
        """Where this machine reaches the server."""
        return settings.url("http", self.settings.http_host, self.settings.port)

    @property
    def https_url(self) -> str:
        """Where this machine reaches the server by https, empty while that is off."""
        chosen = self.settings
        # The name that is in every certificate of the local authority, and that reads best.
        host = "localhost" if chosen.host in ("127.0.0.1", "0.0.0.0") else chosen.host  # noqa: S104
        return "" if chosen.tls == "none" else settings.url("https", host, chosen.https_port)

    @property
    def proxy_url(self) -> str:
        """Where programs with built-in hosts find their proxy, empty while there is none."""
        chosen = self.settings
        return "" if chosen.proxy_port is None else settings.url("http", chosen.host, chosen.proxy_port)


#: Is told when the server answers; what it gives back is called when the server ends.
Ready = Callable[[Serving], Callable[[], None]]


@contextlib.contextmanager
def listen(chosen: Settings) -> Iterator[Listening]:
    """Take the ports that the settings name, until the end; raises PortUnavailable and PortsAlike."""
    named: dict[int, str] = {}
    with contextlib.ExitStack() as taken:

        def bound(host: str, port: int, option: str) -> socket.socket:
            try:
                found = taken.enter_context(bind(host, port, option))
            except PortUnavailable:
                # The system says no more than that it is taken, also when it was this very process that took it.
                if port in named:
                    raise PortsAlike(port, named[port], option.partition(" ")[0]) from None
                raise
            named[port] = option.partition(" ")[0]
            return found

        yield Listening(
            bound(chosen.http_host, chosen.port, "--port"),
            None if chosen.tls == "none" else bound(chosen.host, chosen.https_port, "--https-port (or --tls none)"),
            None if chosen.proxy_port is None else bound(chosen.host, chosen.proxy_port, "--proxy-port"),
        )


def bind(host: str, port: int, option: str = "--port") -> socket.socket:
    """Take a port; raises PortUnavailable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise PortUnavailable(host, port, error, option) from None


def serve(chosen: Settings, lock: Lock, listening: Listening, ready: Ready) -> None:
    """Serve until somebody asks the process to end.

    Raises what keeps the house from being built.
    """
    # Threads that write and read take turns with the loop that computes: at the default of 5 ms they would starve.
    sys.setswitchinterval(_SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_new_loop()) as runner:
        runner.run(_serve(chosen, lock, listening, ready))


async def _serve(chosen: Settings, lock: Lock, listening: Listening, ready: Ready) -> None:
    async with contextlib.AsyncExitStack() as ending:
        if not settings.loopback(chosen.http_host):
            log.warning("http.in_clear", host=chosen.http_host, port=chosen.port)
        tls = None if listening.https is None else Tls(chosen, SystemClock())
        await _await_database(chosen)
        house = app.build(chosen)
        ending.push_async_callback(house.close)
        await house.open()
        serving = Serving(house, chosen)
        _collect_seldom()
        lock.tell(serving.url, serving.https_url, serving.proxy_url)
        if listening.proxy is not None and listening.https is not None:
            await _open_proxy(listening.proxy, listening.https, ending)
        servers: list[_Server] = []

        def started() -> None:
            if all(each.started for each in servers):
                ending.callback(ready(serving))

        servers.append(_Server(serving, started))
        sockets = [listening.http]
        if tls is not None and listening.https is not None:
            servers.append(_Server(serving, started, tls.context))
            sockets.append(listening.https)
            ending.callback(asyncio.ensure_future(tls.keep_fresh()).cancel)
        with _ended_by_signals(servers):
            async with asyncio.TaskGroup() as all_of_them:
                for each, taken in zip(servers, sockets, strict=True):
                    all_of_them.create_task(each.serve([taken]))


async def _await_database(chosen: Settings) -> None:
    database = Database(chosen.database_url)
    try:
        await waiting.answering(database, SystemClock(), chosen.database_wait_seconds)
    finally:
        database.close()


async def _open_proxy(listening: socket.socket, https: socket.socket, ending: contextlib.AsyncExitStack) -> None:
    host, port = https.getsockname()[:2]
    proxy = ConnectProxy(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port))  # noqa: S104
    await proxy.open(listening)
    ending.push_async_callback(proxy.close)


def _collect_seldom() -> None:
    """Let the collector of cycles leave alone what is there for good, and look for others less often.

    Nearly everything that a request makes goes without it, and at the defaults it took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED)


class _Server(uvicorn.Server):
    """The ASGI server; signals are the business of whoever starts it, because the house must end after it."""

    def __init__(self, serving: Serving, started: Callable[[], object], tls: ssl.SSLContext | None = None) -> None:
        proxies = serving.settings.trusted_proxies
        super().__init__(
            uvicorn.Config(
                serving.house.app,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
                timeout_graceful_shutdown=_GRACE_SECONDS,
                timeout_keep_alive=30,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
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
def _ended_by_signals(servers: Sequence[uvicorn.Server]) -> Iterator[None]:
    """Let the first signal end the servers gracefully, and the second at once."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        for server in servers:
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
