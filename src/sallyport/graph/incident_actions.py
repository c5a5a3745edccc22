"""Brings together what belongs together: `incidents/mergeIncidents` and `alerts_v2/moveAlerts`.

The rule: a merge and a move happen whole or not at all, and an alert that was moved stays where it was moved to,
whoever brings it again.
Deviation: Azure does not say which incident remains of a merge; here the first of `incidentIds` does. The others are
`redirected` and lead to it by `redirectIncidentId`; the reasons are kept in the words of the comment.
Deviation: `moveAlerts` without `incidentId` begins a new incident; a redirected one stands for what it leads to.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import alert_rules, alerts, bulk, envelope, reading
from sallyport.graph.call import Call, answer
from sallyport.odata import incident_actions
from sallyport.odata.entity_incident import INCIDENT
from sallyport.security import alert_shapes, incident_rules
from sallyport.store import alerts as stored_alerts
from sallyport.store import incidents
from sallyport.store.incidents import Incident

#: How many incidents one merge names, and how many alerts one request moves.
MOST_INCIDENTS = 100
MOST_ALERTS = 1_000


class IncidentRedirected(errors.Conflict):
    """Raised when an incident is to be merged that was merged into another one already."""

    def __init__(self, incident_id: str, target_id: str) -> None:
        super().__init__(f"Incident '{incident_id}' was merged into incident '{target_id}'.")
        self.incident_id = incident_id
        self.target_id = target_id


class TooManyAlerts(errors.BadRequest):
    """Raised when incidents that are to be merged have more alerts than one request moves; nothing was done."""

    def __init__(self, most: int) -> None:
        super().__init__(f"The incidents have more than {most} alerts; move some of them with moveAlerts first.")
        self.most = most


async def merge(call: Call) -> Response:
    """Merge incidents into the first one that is named, with their alerts, and answer its id."""
    given = reading.structure(await call.json(), incident_actions.MERGE)
    ids = list(dict.fromkeys(given.get("incidentIds") or ()))
    if len(ids) < 2:
        raise reading.InvalidProperty(("incidentIds",), "two incidents or more are expected")
    if len(ids) > MOST_INCIDENTS:
        raise bulk.TooManyItems(len(ids), MOST_INCIDENTS)
    said = _said(given, "incidentComment", "mergeReasons")
    return _answered(call, await call.change(lambda connection: _merged(connection, call, ids, said, call.at())))


async def move(call: Call) -> Response:
    """Move alerts into an incident, or into a new one, and answer its id."""
    given = reading.structure(await call.json(), incident_actions.MOVE)
    ids = list(dict.fromkeys(given.get("alertIds") or ()))
    if not ids:
        raise reading.MissingProperty("alertIds", "moving alerts")
    if len(ids) > MOST_ALERTS:
        raise bulk.TooManyItems(len(ids), MOST_ALERTS)
    said, target_id = _said(given, "alertComment", "newCorrelationReasons"), given.get("incidentId") or None
    moved = await call.change(lambda connection: _moved(connection, call, ids, target_id, said, call.at()))
    return _answered(call, moved)


def _merged(connection: Connection, call: Call, ids: Sequence[str], said: list[str], at: str) -> str:
    target, *others = [incidents.existing(connection, each) for each in ids]
    for each in (target, *others):
        leads = incident_rules.redirect(each.document)
        if leads is not None and (leads != target.id or each is target):
            raise IncidentRedirected(each.id, leads)
    merging = [each for each in others if incident_rules.redirect(each.document) is None]
    if merging:
        moving = stored_alerts.of_incidents(connection, [each.id for each in merging], MOST_ALERTS + 1)
        if len(moving) > MOST_ALERTS:
            raise TooManyAlerts(MOST_ALERTS)
        _gather(connection, call, target, moving, [], at)
        for each in merging:
            _change(connection, call, each, incident_rules.redirected(target.id), at)
        joined = {"severity": incident_rules.worst((target.document, *(each.document for each in merging)))}
        comments = incident_rules.commented(target.document, said, call.principal.name, alerts.wire(at))
        _change(connection, call, target, {**joined, **(comments if said else {})}, at)
    return target.id


def _moved(
    connection: Connection, call: Call, ids: Sequence[str], target_id: str | None, said: list[str], at: str
) -> str:
    moving = [alerts.existing(connection, each) for each in ids]
    shapes = [alert_shapes.v2_of(each.document) for each in moving]
    target = _begun(connection, shapes[0], at) if target_id is None else _led(connection, target_id)
    away = {shape["incidentId"] for shape in shapes if shape.get("incidentId") not in (None, target.id)}
    moving = [each for each, shape in zip(moving, shapes, strict=True) if shape.get("incidentId") != target.id]
    if moving:
        _gather(connection, call, target, moving, said, at)
        for each in filter(None, (incidents.get(connection, incident_id) for incident_id in sorted(away))):
            _change(connection, call, each, {}, at)
        _change(connection, call, target, {"severity": incident_rules.worst((target.document, *shapes))}, at)
    return target.id


def _gather(
    connection: Connection,
    call: Call,
    target: Incident,
    moving: Sequence[stored_alerts.Alert],
    said: list[str],
    at: str,
) -> None:
    """Let alerts belong to an incident, each told in its history."""
    now = alerts.wire(at)
    for alert in moving:
        told = alert_shapes.moved(alert.document, target.id, target.document.get("incidentWebUrl"))
        after = {**alert.document, **told}
        if said:
            after |= alert_shapes.commented(after, said, call.principal.name, now)
        stored_alerts.update(connection, alert, alert_rules.changed(after, {}, call.principal, now), at)


def _begun(connection: Connection, shape: Mapping[str, Any], at: str) -> Incident:
    first = {name: value for name, value in shape.items() if name != "incidentWebUrl"}
    return incidents.insert(connection, incident_rules.begun(str(uuid.uuid4()), first, alerts.wire(at)), at)


def _led(connection: Connection, incident_id: str) -> Incident:
    """Answer an incident, or the one that it was merged into."""
    seen: set[str] = set()
    incident = incidents.existing(connection, incident_id)
    while (leads := incident_rules.redirect(incident.document)) is not None and leads not in seen:
        seen.add(leads)
        incident = incidents.existing(connection, leads)
    return incident


def _change(connection: Connection, call: Call, incident: Incident, told: Mapping[str, Any], at: str) -> None:
    by = {"lastUpdateDateTime": alerts.wire(at), "lastModifiedBy": call.principal.name}
    after = {**incident.document, **told, **by}
    incidents.update(connection, incident, reading.compact(after, INCIDENT), at)


def _said(given: Mapping[str, Any], comment: str, reasons: str) -> list[str]:
    """Answer the comment of a request with its reasons in words, or nothing when it says neither."""
    text, named = str(given.get(comment) or "").strip(), []
    for word in (word.strip() for each in given.get(reasons) or () for word in each.split(",")):
        if (member := incident_actions.REASONS.canonical(word)) is not None:
            named.append(member)
        elif word:
            raise reading.InvalidProperty((reasons,), f"'{word[:80]}' is not a member of correlationReason")
    because = f"({', '.join(dict.fromkeys(named))})" if named else ""
    told = " ".join(filter(None, (text, because)))
    return [told] if told else []


def _answered(call: Call, target_id: str) -> Response:
    context = envelope.context_url(call, incident_actions.RESPONSE.name)
    return answer({"@odata.context": context, "targetIncidentId": target_id})
