"""The alerts of incidents: `/security/incidents/{id}/alerts`, and those that `$expand=alerts` answers along.

The rule: an answer is bounded, however many alerts its incidents have: what does not fit follows behind a link.
Deviation: with `$expand=alerts` a page holds at most 50 incidents and 5,000 alerts, each incident 100 alerts unless
`$top` inside says otherwise; `@odata.nextLink` and `alerts@odata.nextLink` lead to the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import PlainTextResponse, Response

from sallyport.graph import alerts, alerts_v2, envelope
from sallyport.graph.call import Call
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.orderby import read_orderby
from sallyport.odata.query import Query, parse_query
from sallyport.store import alerts as stored_alerts
from sallyport.store import incidents, pages
from sallyport.store.incidents import Incident

#: What `$expand` and a path call them.
NAME = "alerts"
#: How many incidents a page holds that shows their alerts, and how many alerts it shows in all.
_MOST_INCIDENTS = 50
_MOST_ALERTS = 5_000
_ORDER = read_orderby(alerts_v2.ORDER, ALERT_V2)


@dataclass(frozen=True, slots=True)
class Belonging:
    """A page of the alerts of one incident, and how many there are where that was asked for."""

    page: pages.Page[stored_alerts.Alert]
    count: int | None


async def listed(call: Call) -> Response:
    """Answer the alerts of one incident, page by page."""
    incident_id = call.names["id"]
    query = parse_query(call.options, ALERT_V2, default_orderby=alerts_v2.ORDER, max_top=alerts_v2.MAX_TOP)

    def read(connection: Connection) -> Belonging:
        incidents.existing(connection, incident_id)
        return _belonging(connection, incident_id, query)

    found = await call.deps.database.query(read)
    items = (alerts_v2.drawn(call, each) for each in found.page.items)
    more = {"count": found.count, "skiptoken": found.page.skiptoken, "headers": alerts_v2.applied(call)}
    return envelope.collection(call, _context(incident_id), items, query, **more)


async def counted(call: Call) -> Response:
    """Answer how many alerts of one incident a filter selects, as text."""
    query, incident_id = parse_query(call.options, ALERT_V2), call.names["id"]

    def read(connection: Connection) -> int:
        incidents.existing(connection, incident_id)
        return stored_alerts.v2_count(connection, query, incident_id)

    return PlainTextResponse(str(await call.deps.database.query(read)))


async def get(call: Call) -> Response:
    """Answer one alert of one incident, with its entity tag."""
    query, incident_id, alert_id = parse_query(call.options, ALERT_V2), call.names["id"], call.names["alert"]

    def read(connection: Connection) -> stored_alerts.Alert:
        incidents.existing(connection, incident_id)
        alert = stored_alerts.v2_get(connection, alert_id)
        if alert is None or alert.document.get("incidentId") != incident_id:
            raise alerts.AlertNotFound(alert_id)
        return alert

    alert = await call.deps.database.read(read)
    headers = {"etag": alerts.tag(alert), **alerts_v2.applied(call)}
    return envelope.selected(call, _context(incident_id), alerts_v2.drawn(call, alert), query, headers)


def bounded(query: Query) -> Query:
    """Answer a query for incidents, its page no larger than what their alerts leave room for."""
    inside = query.expanded(NAME)
    if inside is None:
        return query
    room = max(1, _MOST_ALERTS // max(1, inside.top))
    return replace(query, top=min(query.top, _MOST_INCIDENTS, room))


def expanded(connection: Connection, query: Query, found: Sequence[Incident]) -> list[Belonging | None]:
    """Answer the alerts of each of some incidents, None where a query does not expand them."""
    inside = query.expanded(NAME)
    if inside is None:
        return [None] * len(found)
    ordered = inside if inside.orderby else replace(inside, orderby=_ORDER)
    return [_belonging(connection, each.id, ordered) for each in found]


def drawn(call: Call, incident_id: str, inside: Query, belonging: Belonging) -> Mapping[str, Any]:
    """Answer what an incident shows of its alerts: how many, where more of them are, and those of this page."""
    shown: dict[str, Any] = {}
    if belonging.count is not None:
        shown[f"{NAME}@odata.count"] = belonging.count
    if belonging.page.skiptoken is not None:
        behind = envelope.address(call, f"/{call.version}/security/incidents/", incident_id, f"/{NAME}")
        shown[f"{NAME}@odata.nextLink"] = f"{behind}?{inside.next_query(belonging.page.skiptoken)}"
    shown[NAME] = [envelope.cut(alerts_v2.drawn(call, each), inside) for each in belonging.page.items]
    return shown


def _belonging(connection: Connection, incident_id: str, query: Query) -> Belonging:
    counting = query.count and query.skiptoken is None
    page = stored_alerts.v2_page(connection, query, incident_id)
    return Belonging(page, stored_alerts.v2_count(connection, query, incident_id) if counting else None)


def _context(incident_id: str) -> str:
    escaped = incident_id.replace("'", "''")
    return f"security/incidents('{escaped}')/{NAME}"
