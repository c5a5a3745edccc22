"""Alerts: the whole document, the properties that queries ask for most beside it, and a number in the order of commits.

The rule: every change appends to the outbox in the same transaction, and a new alert's number is drawn behind
`schema.ordered`, so that "everything after number N" misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.query import Query
from sallyport.store import outbox, pages, schema

KIND = "alert"
#: What a promoted property may hold at the most, so that either database can index it.
LONGEST = 600

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
    sqlite_autoincrement=True,
)
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

SOURCE = pages.Source(alerts, ALERT, COLUMNS)


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


def insert(connection: Connection, document: Document, at: str) -> Alert:
    """Store a new alert and its event.

    Raises AlertExists when its id is taken.
    """
    schema.ordered(connection, KIND)
    if get(connection, document["id"]) is not None:
        raise AlertExists(document["id"])
    done = connection.execute(alerts.insert().values(**_row(document), version=1))
    outbox.append(connection, KIND, [(document["id"], "created")], at)
    assert done.inserted_primary_key is not None
    return Alert(int(done.inserted_primary_key[0]), document["id"], 1, document)


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
        stored = new.get(alert_id) or changed.get(alert_id) or known.get(alert_id)
        if stored is None:
            new[alert_id] = arrival.document
            outcomes.append("created")
            continue
        merged = merge(stored, arrival.given)
        if merged is not stored:
            (new if alert_id in new else changed)[alert_id] = merged
        outcomes.append("unchanged" if merged is stored else "updated")
    _write_many(connection, new, changed, at)
    return outcomes


def get(connection: Connection, alert_id: str) -> Alert | None:
    """Answer an alert, or None when there is none of that id."""
    row = connection.execute(sa.select(*_RECORD).where(alerts.c.id == alert_id)).one_or_none()
    return None if row is None else Alert(*row)


def update(connection: Connection, alert: Alert, document: Document, at: str) -> Alert:
    """Give a stored alert a new document, and tell; `alert` is as it was read in this transaction."""
    version = alert.version + 1
    connection.execute(
        alerts.update().where(alerts.c.sequence == alert.sequence).values(**_row(document), version=version)
    )
    outbox.append(connection, KIND, [(alert.id, "updated")], at)
    return Alert(alert.sequence, alert.id, version, document)


def delete(connection: Connection, alert_id: str, at: str) -> bool:
    """Delete an alert, and tell; answers whether it was there."""
    gone = connection.execute(alerts.delete().where(alerts.c.id == alert_id)).rowcount > 0
    if gone:
        outbox.append(connection, KIND, [(alert_id, "deleted")], at)
    return gone


def page(connection: Connection, query: Query) -> pages.Page[Alert]:
    """Answer one page of the alerts that a query selects."""
    return pages.read(connection, SOURCE, query, _RECORD, Alert)


def count(connection: Connection, query: Query) -> int:
    """Answer how many alerts a query selects, whatever its page."""
    return pages.count(connection, SOURCE, query)


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


def _by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Document]:
    statement = sa.select(alerts.c.id, alerts.c.document).where(alerts.c.id.in_(ids))
    return {row.id: row.document for row in connection.execute(statement)}


def _write_many(connection: Connection, new: Mapping[str, Document], changed: Mapping[str, Document], at: str) -> None:
    if new:
        connection.execute(alerts.insert(), [{**_row(document), "version": 1} for document in new.values()])
    for alert_id, document in changed.items():
        values = {**_row(document), "version": alerts.c.version + 1}
        connection.execute(alerts.update().where(alerts.c.id == alert_id).values(**values))
    outbox.append(connection, KIND, [(alert_id, "created") for alert_id in new], at)
    outbox.append(connection, KIND, [(alert_id, "updated") for alert_id in changed], at)


def _row(document: Document) -> dict[str, Any]:
    return {**SOURCE.promoted(document), "document": document}
