"""The Graph surface for tests: the real application on a real store, callers by name, a scripted outside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from sallyport import errors
from sallyport.clock import ManualClock
from sallyport.graph.call import Deps, Limits
from sallyport.graph.routes import routes
from sallyport.graph.throttle import Throttle
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.principal import Principal
from sallyport.store import outbox
from sallyport.store.database import Database
from workplace import SHARED

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
TENANT = "6a3b1f0e-5c1d-4f2e-9b7a-0d1c2e3f4a5b"

EVERYTHING = frozenset(
    {
        "SecurityEvents.ReadWrite.All",
        "SecurityAlert.ReadWrite.All",
        "SecurityIncident.ReadWrite.All",
        "ThreatIndicators.ReadWrite.OwnedBy",
    }
)
CALLERS = {
    "app": Principal("app-1", None, "Playbooks", TENANT, EVERYTHING),
    "other": Principal("app-2", None, "Feeder", TENANT, EVERYTHING),
    "analyst": Principal("app-1", "user-1", "analyst@contoso.com", TENANT, scopes=EVERYTHING),
    "reader": Principal("app-3", None, "Reader", TENANT, frozenset({"SecurityEvents.Read.All"})),
    "hunter": Principal("app-4", None, "Hunter", TENANT, frozenset({"ThreatIndicators.Read.All"})),
    "sensor": Principal("app-5", None, "Sensor", TENANT, frozenset({"Sallyport.Ingest"})),
    "nobody": Principal("app-6", None, "Nobody", TENANT),
}


class NamedCallers:
    """Stands where the bearer check stands: the token is a name in CALLERS."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"").decode()
        refusal = errors.Unauthenticated("Access token is empty.")
        scope.setdefault("state", {})["principal"] = CALLERS.get(given.removeprefix("Bearer "), refusal)
        await self._app(scope, receive, send)


def echoing(request: OutboundRequest) -> InboundResponse:
    """Answer a handshake as an endpoint that wants its notifications does."""
    token = parse_qs(urlsplit(request.url).query)["validationToken"][0]
    return InboundResponse(200, Headers({"content-type": "text/html"}), token.encode())


@dataclass
class Outside:
    """Every request that left, and how it is answered."""

    answer: Callable[[OutboundRequest], InboundResponse] = echoing
    requests: list[OutboundRequest] = field(default_factory=list)

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self.requests.append(request)
        return self.answer(request)


class Surface:
    """One application with its store; `client` calls it as the caller `app` unless told otherwise."""

    def __init__(self, database: Database, limits: Limits | None = None, **settings: Any) -> None:
        self.database = database
        self.clock = ManualClock(NOW)
        self.outside = Outside()
        throttle = Throttle(self.clock, settings.pop("throttle", {}))
        deps = Deps(
            database, self.clock, self.outside, TENANT, limits=limits or Limits(), throttle=throttle, **settings
        )
        self.app = Starlette(routes=routes(deps, [Middleware(NamedCallers)]))
        self.client = self.calling("app")

    def calling(self, name: str | None) -> httpx.AsyncClient:
        """Answer a client that calls as somebody."""
        headers = {} if name is None else {"authorization": f"Bearer {name}"}
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://graph.test", headers=headers)

    async def ingest(self, alerts: Iterable[dict[str, Any]]) -> None:
        """Store alerts through the front door."""
        lines = b"\n".join(json.dumps(each).encode() for each in alerts)
        answered = await self.client.post(
            "/ingest/alerts", content=lines, headers={"content-type": "application/x-ndjson"}
        )
        assert answered.status_code == 200, answered.text

    async def ids(self, path: str, **options: Any) -> list[str]:
        """Answer the ids that a collection shows."""
        answered = await self.client.get(path, **options)
        assert answered.status_code == 200, answered.text
        return [each["id"] for each in answered.json()["value"]]

    def events(self) -> list[tuple[str, str, str]]:
        """Answer what the outbox holds: kind, id, change type."""
        found = self.database.read_now(lambda connection: outbox.after(connection, 0, 1000))
        return [(each.kind, each.resource_id, each.change_type) for each in found]


def alert(alert_id: str, **more: Any) -> dict[str, Any]:
    """Answer an alert with what every alert needs."""
    vendor = {"provider": "ASC", "vendor": "Microsoft"}
    return {"id": alert_id, "title": f"Alert {alert_id}", "severity": "low", "vendorInformation": vendor, **more}


def indicator(**more: Any) -> dict[str, Any]:
    """Answer an indicator with what every indicator needs."""
    needed = {"targetProduct": "Azure Sentinel", "expirationDateTime": "2026-12-01T00:00:00Z", "action": "alert"}
    described = {"description": "seen", "threatType": "WatchList", "tlpLevel": "green"}
    return {**needed, **described, "networkIPv4": "203.0.113.7", **more}


def sample(name: str) -> Any:
    """Answer one of the sample payloads beside the checkout."""
    return json.loads((SHARED / "samples" / name).read_bytes())


def assert_error(answered: httpx.Response, status: int, code: str) -> str:
    """Assert that an answer is an error of the service, and answer its message."""
    assert answered.status_code == status, answered.text
    assert answered.headers["content-type"].startswith("application/json")
    error = answered.json()["error"]
    assert error["code"] == code, error
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    assert error["innerError"]["request-id"] == answered.headers["request-id"]
    assert len(error["innerError"]["date"]) == len("2030-01-01T08:33:45")
    message: str = error["message"]
    assert message
    return message
