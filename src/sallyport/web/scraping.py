"""`/metrics`: what Prometheus, or anything that reads its format, asks for.

The rule: a caller needs a token with `Sallyport.Metrics`, unless it is on this very machine and nobody stands between:
then no header tells of a proxy, and the address that it asked for is loopback as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import prometheus_client
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sallyport import principal
from sallyport.clock import Clock
from sallyport.errors import SallyportError
from sallyport.store import figures
from sallyport.store.database import Database
from sallyport.web import nearness
from sallyport.web.metrics import Metrics

PERMISSION = "Sallyport.Metrics"

_PATIENCE_SECONDS = 2.0
#: However many ask, the database is asked this often.
_FRESH_SECONDS = 5.0

_log = structlog.stdlib.get_logger(__name__)


class Scraping:
    """Shows the metrics of a process, those that the database knows among them."""

    def __init__(self, metrics: Metrics, database: Database, clock: Clock) -> None:
        self._metrics = metrics
        self._database = database
        self._clock = clock
        self._asked_at: float | None = None
        self._asking = asyncio.Lock()
        metrics.read_from("writer_waiting", lambda: database.waiting)
        metrics.read_from("writer_commits_total", lambda: database.commits)
        metrics.read_from("writer_failures_total", lambda: database.failures)

    def routes(self) -> list[Route]:
        """Answer the route."""
        return [Route("/metrics", self.shown, methods=["GET"])]

    async def shown(self, request: Request) -> Response:
        """Answer the metrics as text; raises Unauthenticated or MissingPermission."""
        if not nearness.is_here(request.scope):
            principal.require(principal.of(request.scope), PERMISSION)
        await self._refresh()
        return Response(self._metrics.shown(), media_type=prometheus_client.CONTENT_TYPE_PLAIN_0_0_4)

    async def _refresh(self) -> None:
        async with self._asking:
            now = self._clock.monotonic()
            if self._asked_at is not None and now - self._asked_at < _FRESH_SECONDS:
                return
            found = await self._ask()
            self._asked_at = self._clock.monotonic()
        self._metrics.set("database_up", 1 if found else 0)
        for name, value in found.items():
            self._metrics.set(name, value)

    async def _ask(self) -> Mapping[str, float]:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._database.read(partial(figures.read, now=self._clock.now()))
        except (SallyportError, TimeoutError) as error:
            _log.warning("metrics.database_unavailable", reason=type(error).__name__)
            return {}
