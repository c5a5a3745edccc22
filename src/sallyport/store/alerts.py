"""Alerts: the whole document, the properties that queries ask for most beside it, and a number in the order of commits.

The rule: every change appends to the outbox in the same transaction, and a new alert's number is drawn behind
`schema.ordered`, so that "everything after number N" misses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.odata import typed
from sallyport.odata.kinds import Kind
from sallyport.odata.query import Query
from sallyport.security import alert_shapes, incident_rules
from sallyport.security.matching import Hit
from sallyport.security.observables import keys_of_alert
from sallyport.store import arrivals, incidents, matches, matching, observables, outbox, pages, schema, upsert
from sallyport.store.alert_table import SOURCE, V2_DERIVED, V2_SOURCE, alerts
from sallyport.store.arrivals import Arrival

KIND = "alert"

Document = dict[str, Any]
Outcome = Literal["created", "updated", "unchanged"]

_INCIDENT_ID = typed.Property(typed.RESOURCE, (typed.Member("incidentId"),), Kind.STRING)


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


_RECORD = (alerts.c.sequence, alerts.c.id, alerts.c.version, alerts.c.document)
_V2_RECORD = (alerts.c.sequence, alerts.c.id, alerts.c.version, alerts.c.v2_document)


def insert(connection: Connection, document: Document, at: str) -> Alert:
    """Store a new alert and its event.

    Raises AlertExists when its id is taken.
    """
    schema.ordered(connection, KIND)
    if get(connection, document["id"]) is not None:
        raise AlertExists(document["id"])
    _write_new(connection, {document["id"]: arrivals.ready(document)}, at)
    stored = get(connection, document["id"])
    assert stored is not None
    return stored


def ingest(
    connection: Connection,
    arriving: Sequence[Arrival],
    at: str,
    merge: Callable[[Document, Document], Document],
) -> list[Outcome]:
    """Store many alerts and their events; an id that is known becomes an update, unless `merge` changes nothing.

    `merge` gets the stored and the given document, and answers the stored one itself when they do not differ. The
    answer is in the order of the arrivals.
    """
    schema.ordered(connection, KIND)
    known = of_ids(connection, {each.id for each in arriving})
    new: dict[str, Arrival] = {}
    changed: dict[str, Arrival] = {}
    outcomes: list[Outcome] = []
    for each in arriving:
        waiting = new.get(each.id) or changed.get(each.id)
        if waiting is None and each.id not in known:
            new[each.id] = arrivals.dated(each, at)
            outcomes.append("created")
            continue
        stored = known[each.id].document if waiting is None else waiting.document
        merged = merge(stored, each.given)
        if merged is not stored:
            (new if each.id in new else changed)[each.id] = arrivals.ready(merged)
        outcomes.append("unchanged" if merged is stored else "updated")
    _write_new(connection, new, at)
    _write_changed(connection, [(known[alert_id], each) for alert_id, each in changed.items()], at)
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
    if not ids:
        return {}
    named = schema.listed(connection, sorted(ids))
    return {row.id: Alert(*row) for row in connection.execute(sa.select(*_RECORD).where(alerts.c.id.in_(named)))}


def _of_incident(incident_id: str | None) -> tuple[typed.Value, ...]:
    if incident_id is None:
        return ()
    return (typed.Compare("eq", _INCIDENT_ID, typed.Constant(Kind.STRING, incident_id)),)


def _write_new(connection: Connection, new: Mapping[str, Arrival], at: str) -> None:
    if not new:
        return
    new = _led(connection, new)
    hits = _looked_up(connection, new, at, new=True)
    ready = [hit[0] if (hit := hits.get(alert_id)) else each for alert_id, each in new.items()]
    numbers = schema.draw(connection, alerts, len(ready))
    rows = [(number, 1, *each.row) for number, each in zip(numbers, ready, strict=True)]
    upsert.insert_many(connection, alerts, rows, ("sequence", "version", *arrivals.COLUMNS))
    keys = [(number, each.keys) for number, each in zip(numbers, ready, strict=True)]
    observables.add(connection, observables.alert_observables, keys)
    incidents.join(connection, [each.shape for each in ready if each.incident_id], at)
    _tell(connection, new, hits, "created", at)


def _write_changed(connection: Connection, changed: Sequence[tuple[Alert, Arrival]], at: str) -> None:
    if not changed:
        return
    given = _led(connection, {alert.id: each for alert, each in changed})
    hits = _looked_up(connection, given, at, new=False)
    rows, joining = [], []
    for alert, _ in changed:
        ready = hits[alert.id][0] if alert.id in hits else given[alert.id]
        if ready.incident_id is not None and _is_news(alert, ready):
            joining.append(ready.shape)
        rows.append((*ready.row, alert.version + 1, alert.sequence))
        before = keys_of_alert(alert.document)
        observables.replace(connection, observables.alert_observables, alert.sequence, before, ready.keys)
    upsert.update_many(connection, alerts, rows, (*arrivals.COLUMNS, "version"), "sequence")
    incidents.join(connection, joining, at)
    _tell(connection, given, hits, "updated", at)


def _led(connection: Connection, given: Mapping[str, Arrival]) -> Mapping[str, Arrival]:
    """Answer alerts by id, each in the incident that the one that it names was merged into."""
    named = {alert_id: each.document for alert_id, each in given.items() if each.incident_id}
    led = incidents.led(connection, named)
    moved = {alert_id: arrivals.ready(each) for alert_id, each in led.items() if each is not named[alert_id]}
    return {**given, **moved} if moved else given


def _looked_up(
    connection: Connection, given: Mapping[str, Arrival], at: str, *, new: bool
) -> dict[str, tuple[Arrival, Sequence[Hit]]]:
    """Answer those of some alerts that indicators hit, with their new hits, by id."""
    keys = {alert_id: each.keys for alert_id, each in given.items()}
    found = matching.looked_up(connection, keys, lambda alert_id: given[alert_id].document, at, new=new)
    return {alert_id: (arrivals.ready(each.document), each.hits) for alert_id, each in found.items()}


def _tell(
    connection: Connection,
    stored: Collection[str],
    hits: Mapping[str, tuple[Arrival, Sequence[Hit]]],
    change: outbox.ChangeType,
    at: str,
) -> None:
    outbox.append(connection, KIND, [(alert_id, change) for alert_id in stored], at)
    matches.add(connection, ((alert_id, found) for alert_id, (_, found) in hits.items()), at)


def _is_news(alert: Alert, ready: Arrival) -> bool:
    """Answer whether an alert is new to its incident, or graver than the incident knows."""
    named = alert.document.get("incidentIds") or (None,)
    before = alert.document.get("severity") or "unknown"
    return named[0] != ready.incident_id or incident_rules.worst((alert.document, ready.document)) != before


def row_of(document: Document) -> dict[str, Any]:
    """Answer what a document's row holds beside its number and version."""
    shape = alert_shapes.v2_of(document)
    return {
        **SOURCE.promoted(document),
        **V2_DERIVED.promoted(shape),
        "document": document,
        "v2_document": shape,
    }
