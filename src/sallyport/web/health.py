"""Whether this process lives, and whether it can do its work: `/healthz` and `/readyz`.

The rule: `/healthz` answers 200 for as long as the process serves, whatever else is broken, so that nobody restarts a
process because its disk is full; `/readyz` answers 503 while the database cannot be read and written.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sallyport import errors
from sallyport.clock import Clock
from sallyport.store import probe, schema
from sallyport.store.database import Database

_PATIENCE_SECONDS = 2.0
_FRESH_SECONDS = 1.0

_log = structlog.stdlib.get_logger(__name__)


@dataclass(slots=True)
class _Seen:
    """What was found, and when."""

    state: str
    at: float


class Health:
    """Asks the database at most once a second, however often it is asked itself."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._seen: _Seen | None = None
        self._asking = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Answer the two routes."""
        return [Route("/healthz", self.healthz), Route("/readyz", self.readyz)]

    async def healthz(self, _request: Request) -> Response:
        """Answer that the process lives, and what it knows of its database."""
        return JSONResponse({"status": "ok", "database": await self.database()})

    async def readyz(self, _request: Request) -> Response:
        """Answer whether work can be done."""
        state = await self.database()
        if state == "ok":
            return JSONResponse({"status": "ready", "database": state})
        return JSONResponse({"status": "not ready", "database": state}, 503, {"Retry-After": "5"})

    async def database(self) -> str:
        """Answer `ok`, `full` or `unavailable`."""
        async with self._asking:
            now = self._clock.monotonic()
            if self._seen is None or now - self._seen.at >= _FRESH_SECONDS:
                self._seen = _Seen(await self._ask(), self._clock.monotonic())
            return self._seen.state

    async def _ask(self) -> str:
        now = schema.instant(self._clock.now())
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._db.read(probe.read)
                await self._db.write(lambda connection: probe.write(connection, now))
        except errors.StorageFull:
            return "full"
        except Exception as error:  # noqa: BLE001 - whatever it is, no work can be done with this database
            _log.warning("health.database_unavailable", reason=str(error) or type(error).__name__)
            return "unavailable"
        return "ok"
