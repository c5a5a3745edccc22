"""An installation's identity in a temporary folder, on a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sallyport import errors, principal
from sallyport.auth import administrator, registrations, routes
from sallyport.auth.administrator import FirstSecret
from sallyport.auth.authority import Authority
from sallyport.auth.bearer import Bearer
from sallyport.auth.registrations import Registered, Registration
from sallyport.clock import ManualClock
from sallyport.store import tables
from sallyport.store.database import Database, sqlite_url


class Caller:
    """Calls an application from a thread and an event loop of its own, so that any test can wait for the answer."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def get(self, url: str, **more: Any) -> httpx.Response:
        """Send a GET request."""
        return self.request("GET", url, **more)

    def post(self, url: str, **more: Any) -> httpx.Response:
        """Send a POST request."""
        return self.request("POST", url, **more)

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Send a request."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self._app, client=("192.0.2.1", 50000))
            async with httpx.AsyncClient(transport=transport, base_url="https://sallyport.example") as client:
                return await client.request(method, url, **more)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, send()).result()


@dataclass(frozen=True)
class Installation:
    """What a test works with."""

    folder: Path
    db: Database
    clock: ManualClock
    authority: Authority
    first: FirstSecret

    def register(self, *permissions: str, name: str = "A script") -> Registered:
        """Register an application."""
        asked = Registration(self.authority.tenant_id, name, permissions or ("SecurityEvents.Read.All",))
        return self.db.write_now(lambda connection: registrations.add(connection, self.clock, asked))

    def app(self, accept_bare: bool = False) -> Starlette:
        """Answer an application with the routes of identity and one route that tells who is calling."""
        app = Starlette(routes=[*routes.routes(self.authority), Route("/me", _me)])
        app.add_middleware(Bearer, authority=self.authority, accept_bare=accept_bare)
        return app

    def client(self, accept_bare: bool = False) -> Caller:
        """Answer a client of that application."""
        return Caller(self.app(accept_bare))


@contextmanager
def installation(folder: Path, opened: Database | None = None) -> Iterator[Installation]:
    """Start an installation for the first time, on a database of its own or on one that is open and empty."""
    db = opened or Database(sqlite_url(folder / "sallyport.db"))
    try:
        if opened is None:
            tables.create(db)
        clock = ManualClock()
        authority, first = administrator.start(db, folder, clock)
        assert first is not None
        administrator.told(folder)
        yield Installation(folder, db, clock, authority, first)
    finally:
        if opened is None:
            db.close()


async def _me(request: Request) -> Response:
    try:
        caller = principal.of(request.scope)
    except errors.Unauthenticated as reason:
        return JSONResponse({"error": {"code": reason.code, "message": reason.message}}, reason.status)
    return JSONResponse({"app_id": caller.app_id, "name": caller.name, "roles": sorted(caller.roles)})
