"""Incidents: `/security/incidents`, list, read, create, update, comment.

Deviation: Microsoft documents no creation; `POST /security/incidents` describes one, and an alert that names an unknown
incident begins it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import PlainTextResponse, Response

from sallyport.graph import alerts, alerts_v2, envelope, incident_alerts, preconditions, prefer, reading, shapes
from sallyport.graph.call import Call, answer
from sallyport.graph.incident_alerts import Belonging
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.query import Query, parse_query
from sallyport.security import incident_rules
from sallyport.store import incidents, pages
from sallyport.store.incidents import Incident

CONTEXT = "security/incidents"
TYPE = "#microsoft.graph.security.incident"
ORDER = "createdDateTime desc"
#: What a PATCH may change.
UPDATABLE = (
    *("assignedTo", "classification", "customTags", "description", "determination", "displayName"),
    *("resolvingComment", "severity", "status", "summary"),
)
#: What an incident always says: null leaves it as it is.
_ALWAYS_SAID = ("severity", "status")
#: What the store finds incidents by, and how long it may be.
_BOUNDS = {"id": incidents.LONGEST_ID, "assignedTo": incidents.LONGEST}
#: An incident and, when they were asked for, its alerts.
_Told = tuple[Incident, Belonging | None]


async def listed(call: Call) -> Response:
    """Answer the incidents that the query options select, page by page, with their alerts when they are expanded."""
    query = incident_alerts.bounded(parse_query(call.options, INCIDENT, default_orderby=ORDER))
    page, count, told = await call.deps.database.query(lambda connection: _page(connection, query))
    items = (_drawn(call, each, query) for each in told)
    more = {"count": count, "skiptoken": page.skiptoken, "headers": alerts_v2.applied(call)}
    return envelope.collection(call, CONTEXT, items, query, **more)


async def counted(call: Call) -> Response:
    """Answer how many incidents a filter selects, as text."""
    query = parse_query(call.options, INCIDENT)
    number = await call.deps.database.query(lambda connection: incidents.count(connection, query))
    return PlainTextResponse(str(number))


async def get(call: Call) -> Response:
    """Answer one incident, with its entity tag, and with its alerts when they are expanded."""
    query = parse_query(call.options, INCIDENT)

    def read(connection: Connection) -> _Told:
        incident = incidents.existing(connection, call.names["id"])
        return incident, incident_alerts.expanded(connection, query, [incident])[0]

    told = await call.deps.database.read(read)
    headers = {"etag": _tag(told[0]), **alerts_v2.applied(call)}
    return envelope.selected(call, CONTEXT, _drawn(call, told, query), query, headers)


async def create(call: Call) -> Response:
    """Store an incident that is described before an alert names it."""
    read = reading.compact(reading.resource(await call.json(), INCIDENT), INCIDENT)
    if not read.get("displayName"):
        raise reading.MissingProperty("displayName", "incident creation")
    _check_lengths(read)
    new_id = str(uuid.uuid4())

    def store(connection: Connection) -> Incident:
        at = call.at()
        document = incident_rules.brought(read, new_id, call.deps.tenant_id, alerts.wire(at))
        return incidents.insert(connection, document, at)

    return _answered(call, await call.change(store), 201)


async def update(call: Call) -> Response:
    """Change what may be changed of an incident, and answer it."""
    read = reading.changes(await call.json(), INCIDENT, UPDATABLE)
    change = {name: value for name, value in read.items() if value is not None or name not in _ALWAYS_SAID}
    _check_lengths(change)
    match = call.request.headers.get("if-match")
    return _answered(call, await _change(call, lambda _, __: change, match))


async def comment(call: Call) -> Response:
    """Add a comment, or several, to an incident, and answer all of its comments."""
    texts, author = alerts_v2.comments_of(await call.json()), call.principal.name
    stored = await _change(call, lambda document, now: incident_rules.commented(document, texts, author, now))
    context = envelope.context_url(call, alerts_v2.COMMENTS)
    return answer({"@odata.context": context, "value": drawn(call, stored)["comments"]})


async def comments_counted(call: Call) -> Response:
    """Answer how many comments an incident has, as text."""
    incident = await call.deps.database.read(lambda connection: incidents.existing(connection, call.names["id"]))
    return PlainTextResponse(str(len(incident.document.get("comments") or ())))


async def _change(
    call: Call, change: Callable[[dict[str, Any], str], Mapping[str, Any]], match: str | None = None
) -> Incident:
    def write(connection: Connection) -> Incident:
        incident, at = incidents.existing(connection, call.names["id"]), call.at()
        preconditions.demand(match, _tag(incident))
        now = alerts.wire(at)
        after = {**incident.document, **change(incident.document, now), "lastUpdateDateTime": now}
        after["lastModifiedBy"] = call.principal.name
        return incidents.update(connection, incident, reading.compact(after, INCIDENT), at)

    return await call.change(write)


def _check_lengths(read: Mapping[str, Any]) -> None:
    for name, longest in _BOUNDS.items():
        reading.check_length((name,), read.get(name), longest)


def _page(connection: Connection, query: Query) -> tuple[pages.Page[Incident], int | None, list[_Told]]:
    counting = query.count and query.skiptoken is None
    page = incidents.page(connection, query)
    count = incidents.count(connection, query) if counting else None
    belonging = incident_alerts.expanded(connection, query, page.items)
    return page, count, list(zip(page.items, belonging, strict=True))


def drawn(call: Call, incident: Incident) -> dict[str, Any]:
    """Answer an incident as the service shows it to a caller."""
    late = prefer.UNKNOWN_MEMBERS in call.preferences
    return {"@odata.type": TYPE, **shapes.shown(incident.document, INCIDENT, late=late)}


def _drawn(call: Call, told: _Told, query: Query) -> dict[str, Any]:
    incident, belonging = told
    inside = query.expanded(incident_alerts.NAME)
    if belonging is None or inside is None:
        return drawn(call, incident)
    return {**drawn(call, incident), **incident_alerts.drawn(call, incident.id, inside, belonging)}


def _answered(call: Call, incident: Incident, status: int = 200) -> Response:
    headers = {"etag": _tag(incident), **alerts_v2.applied(call)}
    return envelope.entity(call, CONTEXT, drawn(call, incident), status, headers)


def _tag(incident: Incident) -> str:
    return shapes.etag(incident.id, incident.version)
