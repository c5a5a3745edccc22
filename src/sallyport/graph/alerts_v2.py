"""Alerts in their newer shape: `/security/alerts_v2`, over the same store as the legacy alerts.

The rule: whatever is changed here is a change of the one alert that is kept, with its history, and shows in both
shapes.
Deviation: Microsoft documents no creation; `POST /security/alerts_v2` stores an alert, as ingest does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import PlainTextResponse, Response

from sallyport.graph import alert_rules, alerts, envelope, preconditions, prefer, reading, shapes
from sallyport.graph.call import Call, answer
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.query import Query, parse_query
from sallyport.security import alert_shapes
from sallyport.store import alerts as stored_alerts
from sallyport.store import pages
from sallyport.store.arrivals import Arrival

CONTEXT = "security/alerts_v2"
COMMENTS = "Collection(microsoft.graph.security.alertComment)"
TYPE = "#microsoft.graph.security.alert"
ORDER = "createdDateTime desc"
#: Not documented; a client sends as many.
MAX_TOP = 2000
#: What a PATCH may change.
UPDATABLE = ("status", "classification", "determination", "assignedTo")


async def listed(call: Call) -> Response:
    """Answer the alerts that the query options select, page by page."""
    query = parse_query(call.options, ALERT_V2, default_orderby=ORDER, max_top=MAX_TOP)
    page, count = await call.deps.database.query(lambda connection: _page(connection, query))
    items = (drawn(call, alert) for alert in page.items)
    more = {"count": count, "skiptoken": page.skiptoken, "headers": applied(call)}
    return envelope.collection(call, CONTEXT, items, query, **more)


async def counted(call: Call) -> Response:
    """Answer how many alerts a filter selects, as text."""
    query = parse_query(call.options, ALERT_V2)
    number = await call.deps.database.query(lambda connection: stored_alerts.v2_count(connection, query))
    return PlainTextResponse(str(number))


async def get(call: Call) -> Response:
    """Answer one alert, with its entity tag."""
    query = parse_query(call.options, ALERT_V2)
    alert = await call.deps.database.read(lambda connection: _existing(connection, call.names["id"]))
    return envelope.selected(call, CONTEXT, drawn(call, alert), query, {"etag": alerts.tag(alert), **applied(call)})


async def create(call: Call) -> Response:
    """Store one alert that is given in this shape."""
    given = await call.json()
    if isinstance(given, dict):
        given = {**given, "@odata.type": TYPE}
    arrival = alert_rules.arriving(given, alert_rules.new_id, call.deps.tenant_id, alerts.wire(call.at()))
    stored = await call.change(lambda connection: _insert(connection, arrival, call.at()))
    return envelope.entity(call, CONTEXT, drawn(call, stored), 201, {"etag": alerts.tag(stored), **applied(call)})


async def update(call: Call) -> Response:
    """Change what an analyst may change, and answer the alert."""
    change = changes(await call.json())
    match = call.request.headers.get("if-match")
    stored = await call.change(
        lambda connection: _change(
            connection, call, match, lambda document, now: alert_shapes.changed(document, change, now)
        )
    )
    return envelope.entity(call, CONTEXT, drawn(call, stored), 200, {"etag": alerts.tag(stored), **applied(call)})


async def comment(call: Call) -> Response:
    """Add a comment, or several, to an alert, and answer all of its comments."""
    texts = comments_of(await call.json())
    author = call.principal.name
    stored = await call.change(
        lambda connection: _change(
            connection, call, None, lambda document, now: alert_shapes.commented(document, texts, author, now)
        )
    )
    return answer({"@odata.context": envelope.context_url(call, COMMENTS), "value": drawn(call, stored)["comments"]})


async def comments_counted(call: Call) -> Response:
    """Answer how many comments an alert has, as text."""
    alert = await call.deps.database.read(lambda connection: _existing(connection, call.names["id"]))
    return PlainTextResponse(str(len(alert.document.get("comments") or ())))


def drawn(call: Call, alert: stored_alerts.Alert) -> dict[str, Any]:
    """Answer an alert, read in this shape, as the service shows it to a caller."""
    late = prefer.UNKNOWN_MEMBERS in call.preferences
    return {"@odata.type": TYPE, **shapes.shown(alert.document, ALERT_V2, late=late)}


def applied(call: Call) -> dict[str, str]:
    """Answer the header that says that a caller's wish for later members was heard."""
    asked = prefer.UNKNOWN_MEMBERS in call.preferences
    return {"preference-applied": prefer.UNKNOWN_MEMBERS} if asked else {}


def changes(given: Any, names: tuple[str, ...] = UPDATABLE) -> dict[str, Any]:
    """Answer what a PATCH body changes: only what may be, whatever else it holds."""
    changed = reading.changes(given, ALERT_V2, names)
    # What both shapes bound has the same name in both.
    alert_rules.check_lengths(changed)
    return changed


def comments_of(given: Any) -> list[str]:
    """Answer the texts of the comments that somebody brings; raises MissingProperty without any.

    The documentation shows one comment; generated SDKs send a list of them.
    """
    texts = [each.get("comment") if isinstance(each, dict) else None for each in _listed(given)]
    said = [text for text in texts if isinstance(text, str) and text.strip()]
    if not said or len(said) < len(texts):
        raise reading.MissingProperty("comment", "a comment")
    return said


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _page(connection: Connection, query: Query) -> tuple[pages.Page[stored_alerts.Alert], int | None]:
    counting = query.count and query.skiptoken is None
    return stored_alerts.v2_page(connection, query), stored_alerts.v2_count(connection, query) if counting else None


def _existing(connection: Connection, alert_id: str) -> stored_alerts.Alert:
    alert = stored_alerts.v2_get(connection, alert_id)
    if alert is None:
        raise alerts.AlertNotFound(alert_id)
    return alert


def _insert(connection: Connection, arrival: Arrival, at: str) -> stored_alerts.Alert:
    return _existing(connection, alerts.inserted(connection, arrival, at).id)


def _change(connection: Connection, call: Call, match: str | None, change: alert_rules.Change) -> stored_alerts.Alert:
    alert, at = alerts.existing(connection, call.names["id"]), call.at()
    preconditions.demand(match, alerts.tag(alert))
    told: Mapping[str, Any] = change(alert.document, alerts.wire(at))
    document = alert_rules.changed(alert.document, told, call.principal, alerts.wire(at))
    stored_alerts.update(connection, alert, document, at)
    return _existing(connection, alert.id)
