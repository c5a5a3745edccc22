"""Which method and path is which operation, and who may call it: one table, for dispatcher, tests and documents.

The rule: both versions serve everything; how paths are matched is told in `graph.paths`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import ASGIApp, Receive, Scope, Send

from sallyport.graph import (
    alerts,
    alerts_v2,
    batch,
    incident_actions,
    incident_alerts,
    incidents,
    indicators,
    ingest,
    matches,
    metadata,
    notification_desk,
    openapi,
    subscriptions,
    threat_routes,
    triggers,
)
from sallyport.graph.call import Deps
from sallyport.graph.dispatch import Dispatcher
from sallyport.graph.endpoint import Access, Endpoint
from sallyport.graph.errors import GraphErrors
from sallyport.graph.paths import VERSIONS

READ_ALERTS = ("SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All")
WRITE_ALERTS = ("SecurityEvents.ReadWrite.All",)
INGEST = ("SecurityEvents.ReadWrite.All", "Sallyport.Ingest")
READ_ALERTS_V2 = ("SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All")
WRITE_ALERTS_V2 = ("SecurityAlert.ReadWrite.All",)
INGEST_V2 = ("SecurityAlert.ReadWrite.All", "Sallyport.Ingest")
READ_INCIDENTS = ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All")
WRITE_INCIDENTS = ("SecurityIncident.ReadWrite.All",)
ADMINISTER = ("Sallyport.Administer",)
READ_INDICATORS = ("ThreatIndicators.Read.All", "ThreatIndicators.ReadWrite.OwnedBy")
WRITE_INDICATORS = ("ThreatIndicators.ReadWrite.OwnedBy",)

#: The first segments of every path of the surface.
ROOTS = (*VERSIONS, "trigger", "ingest", "notifications", "openapi.json")
#: What the paths of the surface look like, in lower case, `*` for anything.
PATTERNS = (*(f"/{root}/*" for root in ROOTS), *threat_routes.PATTERNS)

_ALERTS = "/{version}/security/alerts"
_ALERTS_V2 = "/{version}/security/alerts_v2"
_INCIDENTS = "/{version}/security/incidents"
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
    Endpoint("GET", f"{_ALERTS}/{{id}}/matchedIndicators", matches.of_alert, READ_ALERTS),
    Endpoint("GET", _ALERTS_V2, alerts_v2.listed, READ_ALERTS_V2),
    Endpoint("POST", _ALERTS_V2, alerts_v2.create, INGEST_V2),
    Endpoint("GET", f"{_ALERTS_V2}/$count", alerts_v2.counted, READ_ALERTS_V2),
    Endpoint("POST", f"{_ALERTS_V2}/moveAlerts", incident_actions.move, WRITE_ALERTS_V2),
    Endpoint("GET", f"{_ALERTS_V2}/{{id}}", alerts_v2.get, READ_ALERTS_V2),
    Endpoint("PATCH", f"{_ALERTS_V2}/{{id}}", alerts_v2.update, WRITE_ALERTS_V2),
    Endpoint("POST", f"{_ALERTS_V2}/{{id}}/comments", alerts_v2.comment, WRITE_ALERTS_V2),
    Endpoint("GET", f"{_ALERTS_V2}/{{id}}/comments/$count", alerts_v2.comments_counted, READ_ALERTS_V2),
    Endpoint("GET", _INCIDENTS, incidents.listed, READ_INCIDENTS),
    Endpoint("POST", _INCIDENTS, incidents.create, WRITE_INCIDENTS),
    Endpoint("GET", f"{_INCIDENTS}/$count", incidents.counted, READ_INCIDENTS),
    Endpoint("POST", f"{_INCIDENTS}/mergeIncidents", incident_actions.merge, WRITE_INCIDENTS),
    Endpoint("GET", f"{_INCIDENTS}/{{id}}", incidents.get, READ_INCIDENTS),
    Endpoint("PATCH", f"{_INCIDENTS}/{{id}}", incidents.update, WRITE_INCIDENTS),
    Endpoint("GET", f"{_INCIDENTS}/{{id}}/alerts", incident_alerts.listed, READ_INCIDENTS),
    Endpoint("GET", f"{_INCIDENTS}/{{id}}/alerts/$count", incident_alerts.counted, READ_INCIDENTS),
    Endpoint("GET", f"{_INCIDENTS}/{{id}}/alerts/{{alert}}", incident_alerts.get, READ_INCIDENTS),
    Endpoint("POST", f"{_INCIDENTS}/{{id}}/comments", incidents.comment, WRITE_INCIDENTS),
    Endpoint("GET", f"{_INCIDENTS}/{{id}}/comments/$count", incidents.comments_counted, READ_INCIDENTS),
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
    Endpoint("GET", f"{_INDICATORS}/{{id}}/matches", matches.of_indicator, READ_INDICATORS),
    Endpoint("GET", _SUBSCRIPTIONS, subscriptions.listed, WRITE_ALERTS),
    Endpoint("POST", _SUBSCRIPTIONS, subscriptions.create, WRITE_ALERTS),
    Endpoint("GET", f"{_SUBSCRIPTIONS}/{{id}}", subscriptions.get, WRITE_ALERTS),
    Endpoint("PATCH", f"{_SUBSCRIPTIONS}/{{id}}", subscriptions.update, WRITE_ALERTS),
    Endpoint("DELETE", f"{_SUBSCRIPTIONS}/{{id}}", subscriptions.delete, WRITE_ALERTS),
    Endpoint("POST", f"{_SUBSCRIPTIONS}/{{id}}/reauthorize", subscriptions.reauthorize, WRITE_ALERTS),
    Endpoint("GET", "/notifications/subscriptions", notification_desk.listed, ADMINISTER),
    Endpoint("DELETE", "/notifications/subscriptions/{id}", notification_desk.remove, ADMINISTER),
    Endpoint("GET", "/notifications/dead", notification_desk.dead, ADMINISTER),
    Endpoint("POST", "/notifications/dead/redeliver", notification_desk.redeliver_all, ADMINISTER),
    Endpoint("POST", "/notifications/dead/{id}/redeliver", notification_desk.redeliver, ADMINISTER),
    Endpoint("GET", f"/trigger{_ALERTS}", triggers.new_alerts, READ_ALERTS),
    Endpoint("GET", "/trigger/{version}/security/indicatorMatches", matches.polled, READ_ALERTS),
    Endpoint("POST", "/ingest/alerts", ingest.alerts, INGEST),
    Endpoint("POST", "/{version}/$batch", batch.run, access=Access.TOKEN),
    Endpoint("GET", "/{version}/$metadata", metadata.show, access=Access.PUBLIC),
    Endpoint("GET", "/openapi.json", openapi.show, access=Access.PUBLIC),
)

#: Everything that the surface serves.
DESCRIBED = (*ENDPOINTS, *threat_routes.ENDPOINTS)


def graph_app(deps: Deps, middleware: Sequence[Middleware] = ()) -> ASGIApp:
    """Answer the surface as an ASGI application; it serves whole paths: `/v1.0`, `/beta`, `/trigger`, `/ingest`, and
    those of threat intelligence in STIX.

    `middleware` runs inside the drawing of errors, outermost first: the bearer check belongs there, so that what it
    raises is answered in the shape of this surface. It must set `request.state.principal` (`sallyport.principal`).
    """
    app: ASGIApp = _Either(Dispatcher(deps, ENDPOINTS, DESCRIBED), Dispatcher(deps, threat_routes.ENDPOINTS))
    for each in reversed(middleware):
        app = each.cls(app, *each.args, **each.kwargs)
    return GraphErrors(app, deps.clock)


def routes(deps: Deps, middleware: Sequence[Middleware] = ()) -> list[BaseRoute]:
    """Answer what the composition root puts into its Starlette application."""
    return [GraphRoute(graph_app(deps, middleware))]


class _Either:
    """Lets a request be answered from the table that its path belongs to."""

    def __init__(self, graph: ASGIApp, threat: ASGIApp) -> None:
        self._graph = graph
        self._threat = threat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._threat if threat_routes.takes(scope.get("path", "")) else self._graph
        await app(scope, receive, send)


class GraphRoute(BaseRoute):
    """Takes every HTTP request whose path belongs to the surface, whatever its letter case."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path: str = scope.get("path", "")
        ours = path.lstrip("/").split("/")[0].lower() in ROOTS or threat_routes.takes(path)
        if scope["type"] == "http" and ours:
            return Match.FULL, {"endpoint": self.app}
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
