"""The connections that stay open to other servers: a pool for each origin, closed once nobody has used it for a while.

The rule: what a request costs does not depend on how many other servers are being talked to. One pool for all of them
looks at every open connection at each request, and asks the system about each idle one.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpcore
import httpx

from sallyport.clock import Clock

#: As many outgoing calls at a time to one server as the documented limit of one workflow.
_CONNECTIONS = 2_500
_KEPT = 50
#: How long a connection stays open that nobody uses.
_KEPT_SECONDS = 5.0


@dataclass(slots=True)
class _Pool:
    """The connections to one origin."""

    connections: httpcore.AsyncConnectionPool
    used_at: float
    #: How many requests are under way.
    users: int = 0


class Pools:
    """The pools of one process."""

    def __init__(self, network: httpcore.AsyncNetworkBackend, clock: Clock) -> None:
        self._network = network
        self._clock = clock
        self._pools: dict[str, _Pool] = {}
        self._trusted: ssl.SSLContext | None = None
        self._swept_at = clock.monotonic()

    def __len__(self) -> int:
        return len(self._pools)

    @asynccontextmanager
    async def to(self, origin: str) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        """Give the connections to an origin, such as `https://contoso.com:443`, for one request."""
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = _Pool(self._opened(origin), self._clock.monotonic())
        pool.users += 1
        try:
            await self._sweep()
            yield pool.connections
        finally:
            pool.users -= 1
            pool.used_at = self._clock.monotonic()

    async def close(self) -> None:
        """Close every connection."""
        while self._pools:
            await self._pools.popitem()[1].connections.aclose()

    def _opened(self, origin: str) -> httpcore.AsyncConnectionPool:
        if origin.startswith("https:") and self._trusted is None:
            # Reading the authorities takes a moment: only for those who need them, and once.
            self._trusted = _trust()
        return httpcore.AsyncConnectionPool(
            ssl_context=self._trusted,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_SECONDS,
            network_backend=self._network,
        )

    async def _sweep(self) -> None:
        """Close what nobody has used for a while; a pool looks after its connections only when it is used."""
        before = self._clock.monotonic() - _KEPT_SECONDS
        if self._swept_at > before:
            return
        self._swept_at = self._clock.monotonic()
        for origin, pool in list(self._pools.items()):
            if not pool.users and pool.used_at < before:
                del self._pools[origin]
                await pool.connections.aclose()


def _trust() -> ssl.SSLContext:
    """Answer whom we trust: the bundled authorities, the machine's own, and what SSL_CERT_FILE names."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context
