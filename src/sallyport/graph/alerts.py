"""Legacy alerts: `/security/alerts`, list, read, count, create, update one and many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import PlainTextResponse, Response

from sallyport import errors
from sallyport.graph import alert_rules, bulk, envelope, federation, preconditions, prefer, shapes
from sallyport.graph.call import Call, empty
from sallyport.graph.federation import Found
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.query import Query, parse_query
from sallyport.security import alert_shapes
from sallyport.store import alerts, arrivals, pages
from sallyport.store.arrivals import Arrival
from sallyport.store.database import Database

CONTEXT = "security/alerts"
#: Not documented; beyond it nothing is done.
MOST_UPDATES = 1_000
#: Without `$orderby`, the most recent alert comes first.
ORDER = "createdDateTime desc"


class AlertNotFound(errors.NotFound):
    """Raised when there is no alert of an id."""

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"Alert with id '{alert_id}' was not found.")
        self.alert_id = alert_id


@dataclass(frozen=True, slots=True)
class OwnAlerts:
    """The own store as a source of alerts."""

    database: Database
    vendor: str = "sallyport"
    provider: str = "store"

    async def find(self, query: Query) -> Found:
        """Answer a page of the stored alerts that a query selects."""
        page, count = await self.database.query(lambda connection: _page(connection, query))
        return Found([drawn(alert) for alert in page.items], page.skiptoken, count)


async def listed(call: Call) -> Response:
    """Answer the alerts that the query options select, page by page."""
    query = parse_query(call.options, ALERT, default_orderby=ORDER)
    sources = (OwnAlerts(call.deps.database), *call.deps.sources)
    together = await federation.find(sources, query, call.deps.clock)
    found, warning = together.found, together.header
    return envelope.collection(
        call, CONTEXT, found.items, query, count=found.count, skiptoken=found.skiptoken, warning=warning
    )


async def counted(call: Call) -> Response:
    """Answer how many alerts a filter selects, as text."""
    query = parse_query(call.options, ALERT)
    number = await call.deps.database.query(lambda connection: alerts.count(connection, query))
    return PlainTextResponse(str(number))


async def get(call: Call) -> Response:
    """Answer one alert, with its entity tag."""
    query = parse_query(call.options, ALERT)
    alert = await call.deps.database.read(lambda connection: existing(connection, call.names["id"]))
    return envelope.selected(call, CONTEXT, drawn(alert), query, headers={"etag": tag(alert)})


async def create(call: Call) -> Response:
    """Store one alert, as a client's SDK sends it."""
    given = await call.json()
    arrival = alert_rules.arriving(given, alert_rules.new_id, call.deps.tenant_id, wire(call.at()))
    alert = await call.change(lambda connection: inserted(connection, arrival, call.at()))
    return envelope.entity(call, CONTEXT, drawn(alert), 201, {"etag": tag(alert)})


async def update(call: Call) -> Response:
    """Change what an analyst may change; answer nothing, or the alert when the client prefers that."""
    change = alert_rules.changes(await call.json())
    match = call.request.headers.get("if-match")
    alert = await call.change(lambda connection: _update(connection, call, call.names["id"], change, match))
    if prefer.REPRESENTATION not in call.preferences:
        return empty({"etag": tag(alert)})
    applied = {"etag": tag(alert), "preference-applied": prefer.REPRESENTATION}
    return envelope.entity(call, CONTEXT, drawn(alert), 200, applied)


async def update_many(call: Call) -> Response:
    """Change several alerts, each on its own: 200 when all were changed, 206 when some were not."""
    items = bulk.items(await call.json(), MOST_UPDATES)
    results = await call.change(
        lambda connection: [bulk.attempt(item, lambda one: _updated_item(connection, call, one)) for item in items]
    )
    return bulk.answered(call, CONTEXT, results)


def drawn(alert: alerts.Alert) -> dict[str, Any]:
    """Answer an alert as the service shows it."""
    return shapes.shown(alert_shapes.without_private(alert.document), ALERT)


def tag(alert: alerts.Alert) -> str:
    """Answer an alert's entity tag."""
    return shapes.etag(alert.id, alert.version)


def _page(connection: Connection, query: Query) -> tuple[pages.Page[alerts.Alert], int | None]:
    counting = query.count and query.skiptoken is None
    return alerts.page(connection, query), alerts.count(connection, query) if counting else None


def existing(connection: Connection, alert_id: str) -> alerts.Alert:
    """Answer an alert; raises AlertNotFound."""
    alert = alerts.get(connection, alert_id)
    if alert is None:
        raise AlertNotFound(alert_id)
    return alert


def inserted(connection: Connection, arrival: Arrival, at: str) -> alerts.Alert:
    """Store a new alert, and answer it; raises AlertExists."""
    return alerts.insert(connection, arrivals.dated(arrival, at).document, at)


def _update(
    connection: Connection, call: Call, alert_id: str, change: Mapping[str, Any], match: str | None = None
) -> alerts.Alert:
    alert, at = existing(connection, alert_id), call.at()
    preconditions.demand(match, tag(alert))
    document = alert_rules.changed(alert.document, change, call.principal, wire(at))
    return alerts.update(connection, alert, document, at)


def _updated_item(connection: Connection, call: Call, item: Any) -> dict[str, Any]:
    change = alert_rules.changes(item)
    return drawn(_update(connection, call, bulk.id_of(item), change))


def wire(at: str) -> str:
    """Answer a moment as the service writes it."""
    return instants.wire(at) or at
