"""Forgets what is older than the operator keeps, a little at a time, so that nobody waits for it.

The rule: a run is forgotten whole, counted from its start, and only when it has ended; a content goes when it was last
stored before every run that is left.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.security.observables import keys_of_alert
from sallyport.store import (
    alert_table,
    alerts,
    audit,
    batches,
    callbacks,
    contents,
    history,
    incidents,
    matches,
    observables,
    runs,
    schema,
    trigger_histories,
)

#: How many runs one transaction forgets.
_RUNS = 200
#: How many rows of another table one transaction forgets.
_ROWS = 2_000


def purge(connection: Connection, before: str) -> int:
    """Forget one portion of what began before a moment; answer how much it was, 0 when there is nothing left."""
    return _runs(connection, before) or _rows(connection, before) or _contents(connection)


def _runs(connection: Connection, before: str) -> int:
    table = runs.runs
    ended = table.c.status.not_in(("Running", "Waiting"))
    # Names descend in time, so the oldest run has the largest one.
    oldest = sa.select(table.c.id, table.c.started_at).where(ended).order_by(table.c.id.desc()).limit(_RUNS)
    found = [run_id for run_id, started_at in connection.execute(oldest) if started_at < before]
    for owned in (history.history.c.run_id, callbacks.callbacks.c.run_id, table.c.id):
        if found:
            connection.execute(sa.delete(owned.table).where(owned.in_(found)))
    return len(found)


def _rows(connection: Connection, before: str) -> int:
    forgotten = trigger_histories.forget_before(connection, before, _ROWS)
    return forgotten + batches.forget_before(connection, before, _ROWS)


def _contents(connection: Connection) -> int:
    oldest = connection.execute(sa.select(runs.runs.c.started_at).order_by(runs.runs.c.id.desc()).limit(1)).scalar()
    table = contents.contents
    old = sa.select(table.c.digest).limit(_ROWS)
    if oldest is not None:
        old = old.where(table.c.stored_at < oldest)
    return connection.execute(sa.delete(table).where(table.c.digest.in_(old))).rowcount


def purge_alerts(connection: Connection, before: str) -> int:
    """Forget some alerts that were created before a moment, with their hits and what they are found by.

    Nobody is told that they were deleted: nobody did. Answers how many there were.
    """
    # Whoever brings some of them again changes them in another order: neither may wait for the other.
    schema.ordered(connection, alerts.KIND)
    table = alert_table.alerts
    old = sa.select(table.c.sequence, table.c.id, table.c.document).where(table.c.created_at < before)
    found = connection.execute(old.order_by(table.c.created_at).limit(_RUNS)).all()
    for row in found:
        observables.remove(connection, observables.alert_observables, row.sequence, keys_of_alert(row.document))
    if found:
        connection.execute(sa.delete(table).where(table.c.sequence.in_([row.sequence for row in found])))
        connection.execute(sa.delete(matches.matches).where(matches.matches.c.alert_id.in_([row.id for row in found])))
    return len(found)


def purge_incidents(connection: Connection, before: str) -> int:
    """Forget some incidents that were last changed before a moment and have no alert left; answers how many."""
    # An alert that joins one meanwhile would be left without it.
    schema.ordered(connection, incidents.KIND)
    table, joined = incidents.incidents, alert_table.alerts
    alone = ~sa.exists().where(joined.c.incident_id == table.c.id)
    old = sa.select(table.c.sequence).where(table.c.modified_at < before, alone).limit(_ROWS)
    return connection.execute(sa.delete(table).where(table.c.sequence.in_(old))).rowcount


def purge_audit(connection: Connection, before: str) -> int:
    """Forget some events of the audit log that are older than a moment; answers how many."""
    table = audit.audit_events
    old = sa.select(table.c.sequence).where(table.c.at < before).limit(_ROWS)
    return connection.execute(sa.delete(table).where(table.c.sequence.in_(old))).rowcount
