"""Which method and path is which operation, and who may call it: one table, for dispatcher, tests and documents.

The rule: a path is matched segment by segment, whatever its letter case, doubled or trailing slashes; only what
stands in braces keeps its case. Both versions serve everything.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from sallyport import errors, principal
from sallyport.graph import alerts, indicators, ingest, subscriptions, triggers
from sallyport.graph.call import Call, Deps
from sallyport.graph.errors import GraphErrors, MethodNotAllowed, UnknownSegment

Handler = Callable[[Call], Awaitable[Response]]

READ_ALERTS = ("SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All")
WRITE_ALERTS = ("SecurityEvents.ReadWrite.All",)
INGEST = ("SecurityEvents.ReadWrite.All", "Sallyport.Ingest")
READ_INDICATORS = ("ThreatIndicators.Read.All", "ThreatIndicators.ReadWrite.OwnedBy")
WRITE_INDICATORS = ("ThreatIndicators.ReadWrite.OwnedBy",)

_VERSIONS = {"v1.0": "v1.0", "beta": "beta"}
#: The first segments of every path of the surface.
ROOTS = (*_VERSIONS, "trigger", "ingest")
_NAMESPACES = ("microsoft.graph.security.", "microsoft.graph.")
#: `alerts('x')` means `alerts/x`.
_KEY = re.compile(r"(\w+)\('(.*)'\)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation."""

    method: str
    #: Segments behind the root; `{version}` and names in braces match anything that fits.
    path: str
    handler: Handler
    #: One of these is needed.
    permissions: tuple[str, ...]

    @property
    def segments(self) -> tuple[str, ...]:
        """Answer the path's segments."""
        return tuple(self.path.strip("/").split("/"))


_ALERTS = "/{version}/security/alerts"
_INDICATORS = "/{version}/security/tiIndicators"
_SUBSCRIPTIONS = "/{version}/subscriptions"

#: A literal segment goes before a name in braces.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("GET", _ALERTS, alerts.listed, READ_ALERTS),
    Endpoint("POST", _ALERTS, alerts.create, INGEST),
    Endpoint("GET", f"{_ALERTS}/$count", alerts.counted, READ_ALERTS),
    Endpoint("POST", f"{_ALERTS}/updateAlerts", alerts.update_many, WRITE_ALERTS),
    Endpoint("GET", f"{_ALERTS}/{{id}}", alerts.get, READ_ALERTS),
    Endpoint("PATCH", f"{_ALERTS}/{{id}}", alerts.update, WRITE_ALERTS),
    Endpoint("GET", _INDICATORS, indicators.listed, READ_INDICATORS),
    Endpoint("POST", _INDICATORS, indicators.create, WRITE_INDICATORS),
    Endpoint("GET", f"{_INDICATORS}/$count", indicators.counted, READ_INDICATORS),
    Endpoint("POST", f"{_INDICATORS}/submitTiIndicators", indicators.submit, WRITE_INDICATORS),
    Endpoint("POST", f"{_INDICATORS}/updateTiIndicators", indicators.update_many, WRITE_INDICATORS),
    Endpoint("POST", f"{_INDICATORS}/deleteTiIndicators", indicators.delete_many, WRITE_INDICATORS),
    Endpoint(
        "POST", f"{_INDICATORS}/deleteTiIndicatorsByExternalId", indicators.delete_by_external_id, WRITE_INDICATORS
    ),
    Endpoint("GET", f"{_INDICATORS}/{{id}}", indicators.get, READ_INDICATORS),
    Endpoint("PATCH", f"{_INDICATORS}/{{id}}", indicators.update, WRITE_INDICATORS),
    Endpoint("DELETE", f"{_INDICATORS}/{{id}}", indicators.delete, WRITE_INDICATORS),
    Endpoint("GET", _SUBSCRIPTIONS, subscriptions.listed, WRITE_ALERTS),
    Endpoint("POST", _SUBSCRIPTIONS, subscriptions.create, WRITE_ALERTS),
    Endpoint("GET", f"{_SUBSCRIPTIONS}/{{id}}", subscriptions.get, WRITE_ALERTS),
    Endpoint("PATCH", f"{_SUBSCRIPTIONS}/{{id}}", subscriptions.update, WRITE_ALERTS),
    Endpoint("DELETE", f"{_SUBSCRIPTIONS}/{{id}}", subscriptions.delete, WRITE_ALERTS),
    Endpoint("POST", f"{_SUBSCRIPTIONS}/{{id}}/reauthorize", subscriptions.reauthorize, WRITE_ALERTS),
    Endpoint("GET", f"/trigger{_ALERTS}", triggers.new_alerts, READ_ALERTS),
    Endpoint("POST", "/ingest/alerts", ingest.alerts, INGEST),
)


def graph_app(deps: Deps, middleware: Sequence[Middleware] = ()) -> ASGIApp:
    """Answer the surface as an ASGI application; it serves whole paths: `/v1.0`, `/beta`, `/trigger`, `/ingest`.

    `middleware` runs inside the drawing of errors, outermost first: the bearer check belongs there, so that what it
    raises is answered in the shape of this surface. It must set `request.state.principal` (`sallyport.principal`).
    """
    app: ASGIApp = _Dispatcher(deps)
    for each in reversed(middleware):
        app = each.cls(app, *each.args, **each.kwargs)
    return GraphErrors(app, deps.clock)


def routes(deps: Deps, middleware: Sequence[Middleware] = ()) -> list[BaseRoute]:
    """Answer what the composition root puts into its Starlette application."""
    return [GraphRoute(graph_app(deps, middleware))]


class GraphRoute(BaseRoute):
    """Takes every HTTP request whose first segment is one of the surface's roots, whatever its letter case."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and scope["path"].lstrip("/").split("/")[0].lower() in ROOTS:
            return Match.FULL, {"endpoint": self.app}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def split(scope: Scope) -> list[str]:
    """Answer a request's path as decoded segments: empty ones left out, namespaces cut off, keys apart."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    segments: list[str] = []
    for segment in raw.partition(b"?")[0].decode("latin-1").split("/"):
        try:
            text = unquote(segment, errors="strict")
        except UnicodeDecodeError:
            raise UnknownSegment(segment) from None
        folded = text.lower()
        text = next((text[len(each) :] for each in _NAMESPACES if folded.startswith(each)), text)
        key = _KEY.match(text)
        segments += [key[1], key[2].replace("''", "'")] if key else [text]
    return [segment for segment in segments if segment]


def find(method: str, segments: Sequence[str]) -> tuple[Endpoint, dict[str, str]]:
    """Answer the operation of a method and a path, and the names that the path gives.

    Raises UnknownSegment and MethodNotAllowed.
    """
    candidates: list[tuple[Endpoint, dict[str, str]]] = [(endpoint, {}) for endpoint in ENDPOINTS]
    for index, segment in enumerate(segments):
        candidates = [found for each in candidates if (found := _step(each, index, segment)) is not None]
        if not candidates:
            raise UnknownSegment(segment)
    whole = [each for each in candidates if len(each[0].segments) == len(segments)]
    if not whole:
        raise UnknownSegment(segments[-1] if segments else "")
    # What is spelt out in the table beats a name in braces: `$count` is not an id.
    fewest = min(len(names) for _, names in whole)
    whole = [each for each in whole if len(each[1]) == fewest]
    for endpoint, names in whole:
        if endpoint.method == ("GET" if method == "HEAD" else method):
            return endpoint, names
    raise MethodNotAllowed(method, tuple(sorted({endpoint.method for endpoint, _ in whole})))


def _step(
    candidate: tuple[Endpoint, dict[str, str]], index: int, segment: str
) -> tuple[Endpoint, dict[str, str]] | None:
    endpoint, names = candidate
    if index >= len(endpoint.segments):
        return None
    pattern = endpoint.segments[index]
    if pattern == "{version}":
        version = _VERSIONS.get(segment.lower())
        return None if version is None else (endpoint, {**names, "version": version})
    if pattern.startswith("{"):
        return endpoint, {**names, pattern[1:-1]: segment}
    return candidate if pattern.lower() == segment.lower() else None


class _Dispatcher:
    """Finds the operation of a request, checks that the caller may do it, and lets the handler answer."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise errors.BadRequest("Only HTTP is spoken here.")
        request = Request(scope, receive, send)
        caller = principal.of(scope)
        endpoint, names = find(scope["method"], split(scope))
        call = Call(self._deps, request, names.get("version", "v1.0"), _without_version(names))
        principal.require(caller, *endpoint.permissions)
        response = await endpoint.handler(call)
        await response(scope, receive, send)


def _without_version(names: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in names.items() if name != "version"}
