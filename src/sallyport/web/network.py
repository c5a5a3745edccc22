"""The one place where a connection to the outside is made: the name resolved once, every address judged, one dialled.

The rule: what was judged is what is dialled, so a name server that changes its mind in between changes nothing.
"""

from __future__ import annotations

import errno
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

import httpcore
import structlog

from sallyport.http_messages import ConnectionFailed, EgressDenied, FailureKind
from sallyport.web import egress_policy
from sallyport.web.egress_policy import EgressPolicy

#: Answers every address of a name, as text.
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
_UNREACHABLE = {
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.EHOSTDOWN,
    errno.ENETDOWN,
    errno.EADDRNOTAVAIL,
    errno.EACCES,
}

_log = structlog.stdlib.get_logger(__name__)


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Makes connections for the pool, each to an address that policy permits."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver) -> None:
        self._policy = policy
        self._resolver = resolver
        self._dialler = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is the pool's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._judged(host, port)
        failure: Exception | None = None
        for address in addresses:
            try:
                return await self._dialler.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> httpcore.AsyncNetworkStream:
        raise EgressDenied

    async def sleep(self, seconds: float) -> None:
        await self._dialler.sleep(seconds)

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        written = egress_policy.literal(host)
        if written is not None:
            addresses: Sequence[str] = [written]
        else:
            try:
                addresses = await self._resolver(host, port)
            except (OSError, UnicodeError) as error:
                # No name has an empty part or one of more than 63 characters: whoever asks for such a name hears so.
                raise ConnectionFailed("dns", host) from error
        if not addresses:
            raise ConnectionFailed("dns", host)
        if not self._policy.permits(host, port, addresses):
            _log.warning("egress.denied", host=host, port=port)
            raise EgressDenied
        return addresses


def failure_kind(error: BaseException) -> FailureKind:
    """Answer in one word why a request got no response."""
    if isinstance(error, TimeoutError | httpcore.TimeoutException):
        return "timeout"
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "tls"
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "refused"
    if any(isinstance(cause, OSError) and cause.errno in _UNREACHABLE for cause in causes):
        return "unreachable"
    if (
        isinstance(error, httpcore.ReadError | httpcore.WriteError)
        or "disconnected" in str(error)
        or "closed" in str(error)
    ):
        return "reset"
    return "unreachable" if isinstance(error, httpcore.ConnectError) else "protocol"


def _causes(error: BaseException) -> Iterator[BaseException]:
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
