"""Incidents: what several alerts belong to; each alert names at most one, and may be the first to name it.

The rule: an incident begins in the transaction that stores the first alert that names it; every change tells the
outbox. Whoever names an incident that was merged into another one means that other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.odata import instants
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.query import Query
from sallyport.security import alert_shapes, incident_rules
from sallyport.store import outbox, pages, schema

KIND = "incident"
#: How long a promoted text may be, so that either database can index it.
LONGEST = 600
#: The longest id of an incident, in characters: the outbox names resources by ids of up to this length.
LONGEST_ID = 256

Document = dict[str, Any]

incidents = sa.Table(
    "incidents",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", pages.text(LONGEST), nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("severity", sa.Integer),
    sa.Column("classification", sa.Integer),
    sa.Column("determination", sa.Integer),
    sa.Column("assigned_to", pages.text(LONGEST)),
    sa.Column("created_at", pages.Instant, nullable=False),
    sa.Column("modified_at", pages.Instant, nullable=False),
    sa.Column("document", schema.Document, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_incidents_created_at", incidents.c.created_at, incidents.c.id)
sa.Index("ix_incidents_modified_at", incidents.c.modified_at, incidents.c.id)
sa.Index("ix_incidents_status", incidents.c.status, incidents.c.created_at, incidents.c.id)
sa.Index("ix_incidents_severity", incidents.c.severity, incidents.c.created_at, incidents.c.id)
sa.Index("ix_incidents_assigned_to", incidents.c.assigned_to, incidents.c.created_at, incidents.c.id)

#: Where a property of the resource has a column of its own.
COLUMNS: Mapping[str, sa.Column[Any]] = {
    "id": incidents.c.id,
    "status": incidents.c.status,
    "severity": incidents.c.severity,
    "classification": incidents.c.classification,
    "determination": incidents.c.determination,
    "assignedTo": incidents.c.assigned_to,
    "createdDateTime": incidents.c.created_at,
    "lastUpdateDateTime": incidents.c.modified_at,
}

_STATUSES = INCIDENT.field("status")
assert _STATUSES is not None
assert _STATUSES.enum is not None
_REDIRECTED = _STATUSES.enum.rank("redirected")

SOURCE = pages.Source(incidents, INCIDENT, COLUMNS)


class IncidentExists(errors.Conflict):
    """Raised when an incident is created with the id of one that is stored already."""

    def __init__(self, incident_id: str) -> None:
        super().__init__(f"An incident with the id '{incident_id}' exists already.")
        self.incident_id = incident_id


class IncidentNotFound(errors.NotFound):
    """Raised when there is no incident of an id."""

    def __init__(self, incident_id: str) -> None:
        super().__init__(f"Incident with id '{incident_id}' was not found.")
        self.incident_id = incident_id


@dataclass(frozen=True, slots=True)
class Incident:
    """A stored incident."""

    id: str
    version: int
    document: Document


_RECORD = (incidents.c.id, incidents.c.version, incidents.c.document)


def get(connection: Connection, incident_id: str) -> Incident | None:
    """Answer an incident, or None when there is none of that id."""
    row = connection.execute(sa.select(*_RECORD).where(incidents.c.id == incident_id)).one_or_none()
    return None if row is None else Incident(*row)


def existing(connection: Connection, incident_id: str) -> Incident:
    """Answer an incident; raises IncidentNotFound when there is none of that id."""
    incident = get(connection, incident_id)
    if incident is None:
        raise IncidentNotFound(incident_id)
    return incident


def page(connection: Connection, query: Query) -> pages.Page[Incident]:
    """Answer one page of the incidents that a query selects."""
    return pages.read(connection, SOURCE, query, _RECORD, Incident)


def count(connection: Connection, query: Query) -> int:
    """Answer how many incidents a query selects, whatever its page."""
    return pages.count(connection, SOURCE, query)


def insert(connection: Connection, document: Document, at: str) -> Incident:
    """Store a new incident and its event.

    Raises IncidentExists when its id is taken.
    """
    if get(connection, document["id"]) is not None:
        raise IncidentExists(document["id"])
    _insert(connection, [document], at)
    return Incident(document["id"], 1, document)


def update(connection: Connection, incident: Incident, document: Document, at: str) -> Incident:
    """Give a stored incident a new document, and tell; `incident` is as it was read in this transaction."""
    version = incident.version + 1
    connection.execute(
        incidents.update().where(incidents.c.id == incident.id).values(**_row(document), version=version)
    )
    outbox.append(connection, KIND, [(incident.id, "updated")], at)
    return Incident(incident.id, version, document)


def led(connection: Connection, alerts: Mapping[str, Document]) -> Mapping[str, Document]:
    """Answer alerts, kept documents by id, each in the incident that the one that it names was merged into."""
    named = {alert_id: each["incidentIds"][0] for alert_id, each in alerts.items() if each.get("incidentIds")}
    leads = _redirects(connection, named.values()) if named else {}
    if not leads:
        return alerts
    moved = {
        alert_id: {**alerts[alert_id], **alert_shapes.moved(alerts[alert_id], leads[incident_id], None)}
        for alert_id, incident_id in named.items()
        if incident_id in leads
    }
    return {**alerts, **moved}


def join(connection: Connection, alerts: Iterable[Mapping[str, Any]], at: str) -> None:
    """Let alerts, in the shape of alerts_v2, that are new or graver make their incidents grow; the first begins one."""
    named = [(str(alert["incidentId"]), alert) for alert in alerts if alert.get("incidentId")]
    if not named:
        return
    known = {each.id: each for each in _some(connection, sorted({incident_id for incident_id, _ in named}))}
    now = instants.wire(at) or at
    documents: dict[str, Document] = {}
    for incident_id, alert in named:
        before = documents.get(incident_id) or (known[incident_id].document if incident_id in known else None)
        if before is None:
            documents[incident_id] = incident_rules.begun(incident_id, alert, now)
        else:
            documents[incident_id] = incident_rules.grown(before, alert, now)
    _insert(connection, [document for each, document in documents.items() if each not in known], at)
    for incident_id, document in documents.items():
        if incident_id in known:
            update(connection, known[incident_id], document, at)


def _redirects(connection: Connection, named: Iterable[str]) -> dict[str, str]:
    """Answer where those of some incidents lead that were merged into others, to the last one of each chain."""
    found: dict[str, str] = {}
    asked: set[str] = set()
    while waiting := {*named, *found.values()} - asked:
        asked |= waiting
        statement = sa.select(*_RECORD).where(incidents.c.id.in_(sorted(waiting)), incidents.c.status == _REDIRECTED)
        rows = [Incident(*row) for row in connection.execute(statement)]
        found.update((row.id, leads) for row in rows if (leads := incident_rules.redirect(row.document)) is not None)
    return {incident_id: _last(incident_id, found) for incident_id in found}


def _last(incident_id: str, leads: Mapping[str, str]) -> str:
    seen: set[str] = set()
    while incident_id in leads and incident_id not in seen:
        seen.add(incident_id)
        incident_id = leads[incident_id]
    return incident_id


def _some(connection: Connection, ids: list[str]) -> list[Incident]:
    return [Incident(*row) for row in connection.execute(sa.select(*_RECORD).where(incidents.c.id.in_(ids)))]


def _insert(connection: Connection, documents: list[Document], at: str) -> None:
    if documents:
        connection.execute(incidents.insert(), [{**_row(document), "version": 1} for document in documents])
        outbox.append(connection, KIND, [(document["id"], "created") for document in documents], at)


def _row(document: Document) -> dict[str, Any]:
    return {**SOURCE.promoted(document), "document": document}
