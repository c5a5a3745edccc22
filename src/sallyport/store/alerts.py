"""Alerts: the whole document, the properties that queries ask for most beside it, and a number in the order of commits.

The shape that alerts_v2 answers is derived and stored beside the document, so that its queries are answered by the
database as well. The rule: every change appends to the outbox in the same transaction, and a new alert's number is
drawn behind `schema.ordered`, so that "everything after number N" misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.odata import typed
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.kinds import Kind
from sallyport.odata.query import Query
from sallyport.security import alert_shapes, evidence_observables, values
from sallyport.security.observables import keys_of_alert, observed_paths
from sallyport.store import documents, incidents, matches, matching, observables, outbox, pages, schema, upsert
from sallyport.store.matching import Matched

KIND = "alert"
#: What a promoted property may hold at the most, so that either database can index it.
LONGEST = 600

#: How many ids one statement names.
_IDS_AT_ONCE = 500

Document = dict[str, Any]
Outcome = Literal["created", "updated", "unchanged"]

alerts = sa.Table(
    "alerts",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", pages.text(256), nullable=False, unique=True),
    #: Rises with every change: what an entity tag is made of.
    sa.Column("version", sa.Integer, nullable=False),
    #: Enumerations are kept as their members' numbers, which is how they are compared.
    sa.Column("severity", sa.Integer),
    sa.Column("status", sa.Integer),
    sa.Column("provider", pages.text(LONGEST)),
    sa.Column("vendor", pages.text(LONGEST)),
    sa.Column("category", pages.text(LONGEST)),
    sa.Column("assigned_to", pages.text(LONGEST)),
    sa.Column("created_at", pages.Instant, nullable=False),
    sa.Column("event_at", pages.Instant),
    sa.Column("modified_at", pages.Instant),
    sa.Column("document", schema.Document, nullable=False),
    #: The same alert in the shape of alerts_v2, and what its queries ask for most.
    sa.Column("v2_severity", sa.Integer),
    sa.Column("v2_status", sa.Integer),
    sa.Column("service_source", sa.Integer),
    sa.Column("classification", sa.Integer),
    sa.Column("determination", sa.Integer),
    sa.Column("incident_id", pages.text(LONGEST)),
    sa.Column("v2_document", schema.Document, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_alerts_service_source", alerts.c.service_source, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_incident_id", alerts.c.incident_id)
sa.Index("ix_alerts_created_at", alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_event_at", alerts.c.event_at)
sa.Index("ix_alerts_modified_at", alerts.c.modified_at)
sa.Index("ix_alerts_severity", alerts.c.severity, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_status", alerts.c.status, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_provider", alerts.c.provider, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_assigned_to", alerts.c.assigned_to, alerts.c.created_at, alerts.c.id)

#: Where a property of the resource has a column of its own.
COLUMNS: Mapping[str, sa.Column[Any]] = {
    "id": alerts.c.id,
    "severity": alerts.c.severity,
    "status": alerts.c.status,
    "vendorInformation/provider": alerts.c.provider,
    "vendorInformation/vendor": alerts.c.vendor,
    "category": alerts.c.category,
    "assignedTo": alerts.c.assigned_to,
    "createdDateTime": alerts.c.created_at,
    "eventDateTime": alerts.c.event_at,
    "lastModifiedDateTime": alerts.c.modified_at,
}

#: What is found by its key: the property's folded path, and how a value becomes a key.
OBSERVED: Mapping[str, Callable[[str], int]] = {
    path.lower(): partial(values.key, kind) for path, kind in observed_paths().items()
}

SOURCE = pages.Source(alerts, ALERT, COLUMNS, observables.alert_observables, OBSERVED)

_V2_OWN: Mapping[str, sa.Column[Any]] = {
    "severity": alerts.c.v2_severity,
    "status": alerts.c.v2_status,
    "serviceSource": alerts.c.service_source,
    "classification": alerts.c.classification,
    "determination": alerts.c.determination,
    "incidentId": alerts.c.incident_id,
}
#: Where a property of the alert of alerts_v2 has a column; some of them are those of the legacy alert.
V2_COLUMNS: Mapping[str, sa.Column[Any]] = {
    **_V2_OWN,
    "id": alerts.c.id,
    "category": alerts.c.category,
    "assignedTo": alerts.c.assigned_to,
    "createdDateTime": alerts.c.created_at,
    "lastUpdateDateTime": alerts.c.modified_at,
}

#: What is found by its key in evidence: a property of a type that the filter names.
V2_OBSERVED: Mapping[str, Callable[[str], int]] = {
    f"evidence/{name}/{path}".lower(): partial(values.key, kind)
    for name, kinds in evidence_observables.PROPERTIES.items()
    for path, kind in kinds.items()
}

V2_SOURCE = pages.Source(
    alerts, ALERT_V2, V2_COLUMNS, observables.alert_observables, V2_OBSERVED, document="v2_document"
)
_INCIDENT_ID = typed.Property(typed.RESOURCE, (typed.Member("incidentId"),), Kind.STRING)
_V2_DERIVED = pages.Source(alerts, ALERT_V2, _V2_OWN)


class AlertExists(errors.Conflict):
    """Raised when an alert is created with the id of one that is stored already."""

    def __init__(self, alert_id: str) -> None:
        super().__init__(f"An alert with the id '{alert_id}' exists already.")
        self.alert_id = alert_id


@dataclass(frozen=True, slots=True)
class Alert:
    """A stored alert; the document holds what was given, in the schema's casing, without the nulls of an answer."""

    sequence: int
    id: str
    version: int
    document: Document


@dataclass(frozen=True, slots=True)
class Arrival:
    """An alert that somebody brought."""

    #: What was given, read.
    given: Document
    #: The same, completed to what is stored when the alert is new.
    document: Document


_RECORD = (alerts.c.sequence, alerts.c.id, alerts.c.version, alerts.c.document)
_V2_RECORD = (alerts.c.sequence, alerts.c.id, alerts.c.version, alerts.c.v2_document)


def insert(connection: Connection, document: Document, at: str) -> Alert:
    """Store a new alert and its event.

    Raises AlertExists when its id is taken.
    """
    schema.ordered(connection, KIND)
    if get(connection, document["id"]) is not None:
        raise AlertExists(document["id"])
    _write_new(connection, {document["id"]: document}, at)
    stored = get(connection, document["id"])
    assert stored is not None
    return stored


def ingest(
    connection: Connection,
    arrivals: Sequence[Arrival],
    at: str,
    merge: Callable[[Document, Document], Document],
) -> list[Outcome]:
    """Store many alerts and their events; an id that is known becomes an update, unless `merge` changes nothing.

    `merge` gets the stored and the given document, and answers the stored one itself when they do not differ. The
    answer is in the order of the arrivals.
    """
    schema.ordered(connection, KIND)
    known = _by_id(connection, [arrival.document["id"] for arrival in arrivals])
    new: dict[str, Document] = {}
    changed: dict[str, Document] = {}
    outcomes: list[Outcome] = []
    for arrival in arrivals:
        alert_id = arrival.document["id"]
        stored = new.get(alert_id) or changed.get(alert_id)
        if stored is None and alert_id in known:
            stored = known[alert_id].document
        if stored is None:
            new[alert_id] = arrival.document
            outcomes.append("created")
            continue
        merged = merge(stored, arrival.given)
        if merged is not stored:
            (new if alert_id in new else changed)[alert_id] = merged
        outcomes.append("unchanged" if merged is stored else "updated")
    _write_new(connection, new, at)
    _write_changed(connection, [(known[alert_id], document) for alert_id, document in changed.items()], at)
    return outcomes


def get(connection: Connection, alert_id: str) -> Alert | None:
    """Answer an alert, or None when there is none of that id."""
    row = connection.execute(sa.select(*_RECORD).where(alerts.c.id == alert_id)).one_or_none()
    return None if row is None else Alert(*row)


def update(connection: Connection, alert: Alert, document: Document, at: str) -> Alert:
    """Give a stored alert a new document, and tell; `alert` is as it was read in this transaction.

    Only what stores an alert that somebody brought asks for its hits: an analyst changes nothing that is looked for.
    """
    version = alert.version + 1
    connection.execute(
        alerts.update().where(alerts.c.sequence == alert.sequence).values(**row_of(document), version=version)
    )
    before, after = keys_of_alert(alert.document), keys_of_alert(document)
    observables.replace(connection, observables.alert_observables, alert.sequence, before, after)
    outbox.append(connection, KIND, [(alert.id, "updated")], at)
    return Alert(alert.sequence, alert.id, version, document)


def delete(connection: Connection, alert_id: str, at: str) -> bool:
    """Delete an alert with its hits, and tell; answers whether it was there."""
    gone = get(connection, alert_id)
    if gone is None:
        return False
    connection.execute(alerts.delete().where(alerts.c.sequence == gone.sequence))
    observables.remove(connection, observables.alert_observables, gone.sequence, keys_of_alert(gone.document))
    matches.forget(connection, alert_id)
    outbox.append(connection, KIND, [(alert_id, "deleted")], at)
    return True


def page(connection: Connection, query: Query) -> pages.Page[Alert]:
    """Answer one page of the alerts that a query selects."""
    return pages.read(connection, SOURCE, query, _RECORD, Alert)


def count(connection: Connection, query: Query) -> int:
    """Answer how many alerts a query selects, whatever its page."""
    return pages.count(connection, SOURCE, query)


def v2_page(connection: Connection, query: Query, incident_id: str | None = None) -> pages.Page[Alert]:
    """Answer one page of the alerts, of one incident where it is named, that a query on the shape of alerts_v2 selects.

    Each comes in that shape.
    """
    return pages.read(connection, V2_SOURCE, query, _V2_RECORD, Alert, _of_incident(incident_id))


def v2_count(connection: Connection, query: Query, incident_id: str | None = None) -> int:
    """Answer how many alerts, of one incident where it is named, a query on the shape of alerts_v2 selects."""
    return pages.count(connection, V2_SOURCE, query, _of_incident(incident_id))


def v2_get(connection: Connection, alert_id: str) -> Alert | None:
    """Answer an alert in the shape of alerts_v2, or None when there is none of that id."""
    row = connection.execute(sa.select(*_V2_RECORD).where(alerts.c.id == alert_id)).one_or_none()
    return None if row is None else Alert(*row)


def of_incidents(connection: Connection, incident_ids: Sequence[str], most: int) -> list[Alert]:
    """Answer the alerts of some incidents, `most` of them at the most."""
    statement = sa.select(*_RECORD).where(alerts.c.incident_id.in_(incident_ids)).order_by(alerts.c.sequence)
    return [Alert(*row) for row in connection.execute(statement.limit(most))]


def highest(connection: Connection) -> int:
    """Answer the number of the newest alert, 0 when there is none."""
    return int(connection.execute(sa.select(sa.func.max(alerts.c.sequence))).scalar() or 0)


def between(connection: Connection, query: Query, after: int, through: int, limit: int) -> list[Alert]:
    """Answer the alerts with a number above `after` and up to `through` that a query selects, in that order."""
    statement = (
        sa.select(*_RECORD)
        .where(alerts.c.sequence > after, alerts.c.sequence <= through, pages.condition(connection, SOURCE, query))
        .order_by(alerts.c.sequence)
        .limit(limit)
    )
    return [Alert(*row) for row in connection.execute(statement)]


def numbered(connection: Connection, sequences: Sequence[int], since: str) -> list[Alert]:
    """Answer the alerts of some numbers that were created at a moment or later."""
    statement = sa.select(*_RECORD).where(alerts.c.sequence.in_(sequences), alerts.c.created_at >= since)
    return [Alert(*row) for row in connection.execute(statement.order_by(alerts.c.sequence))]


def of_ids(connection: Connection, ids: Collection[str]) -> dict[str, Alert]:
    """Answer those of some alerts that are there, by id."""
    found: dict[str, Alert] = {}
    wanted = sorted(ids)
    for first in range(0, len(wanted), _IDS_AT_ONCE):
        found.update(_by_id(connection, wanted[first : first + _IDS_AT_ONCE]))
    return found


def _of_incident(incident_id: str | None) -> tuple[typed.Value, ...]:
    if incident_id is None:
        return ()
    return (typed.Compare("eq", _INCIDENT_ID, typed.Constant(Kind.STRING, incident_id)),)


def _by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Alert]:
    statement = sa.select(*_RECORD).where(alerts.c.id.in_(ids))
    return {row.id: Alert(*row) for row in connection.execute(statement)}


def _write_new(connection: Connection, new: Mapping[str, Document], at: str) -> None:
    if not new:
        return
    new = incidents.led(connection, new)
    keys = {alert_id: keys_of_alert(document) for alert_id, document in new.items()}
    found = matching.looked_up(connection, new, keys, at, new=True)
    numbers = dict(zip(new, schema.draw(connection, alerts, len(new)), strict=True))
    shapes = [alert_shapes.v2_of(matched.document) for matched in found.values()]
    rows = [
        (numbers[alert_id], 1, *_values(matched.document, shape))
        for (alert_id, matched), shape in zip(found.items(), shapes, strict=True)
    ]
    upsert.insert_many(connection, alerts, rows, ("sequence", "version", *_VALUES))
    observables.add(
        connection, observables.alert_observables, [(numbers[alert_id], each) for alert_id, each in keys.items()]
    )
    incidents.join(connection, shapes, at)
    _tell(connection, found, "created", at)


def _write_changed(connection: Connection, changed: Sequence[tuple[Alert, Document]], at: str) -> None:
    if not changed:
        return
    given = incidents.led(connection, {alert.id: document for alert, document in changed})
    keys = {alert_id: keys_of_alert(document) for alert_id, document in given.items()}
    found = matching.looked_up(connection, given, keys, at, new=False)
    joining = []
    for alert, _ in changed:
        row = row_of(found[alert.id].document)
        if row["incident_id"] not in (None, _incident_of(alert)):
            joining.append(row["v2_document"])
        values = {**row, "version": alerts.c.version + 1}
        connection.execute(alerts.update().where(alerts.c.sequence == alert.sequence).values(**values))
        before = keys_of_alert(alert.document)
        observables.replace(connection, observables.alert_observables, alert.sequence, before, keys[alert.id])
    incidents.join(connection, joining, at)
    _tell(connection, found, "updated", at)


def _tell(connection: Connection, found: Mapping[str, Matched], change: outbox.ChangeType, at: str) -> None:
    outbox.append(connection, KIND, [(alert_id, change) for alert_id in found], at)
    matches.add(connection, ((alert_id, each.hits) for alert_id, each in found.items() if each.hits), at)


def _incident_of(alert: Alert) -> str | None:
    named = alert.document.get("incidentIds")
    return named[0] if named else None


#: What is written of a document, in the order of `_values`.
_VALUES = (*SOURCE.names, *_V2_DERIVED.names, "document", "v2_document")


def _values(document: Document, shape: Document) -> tuple[Any, ...]:
    """Answer what a new row holds of a document and its newer shape, as the driver takes it."""
    columns = (*SOURCE.promoted(document).values(), *_V2_DERIVED.promoted(shape).values())
    return (*columns, documents.text(document), documents.text(shape))


def row_of(document: Document) -> dict[str, Any]:
    """Answer what a document's row holds beside its number and version."""
    shape = alert_shapes.v2_of(document)
    return {
        **SOURCE.promoted(document),
        **_V2_DERIVED.promoted(shape),
        "document": document,
        "v2_document": shape,
    }
