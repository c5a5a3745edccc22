"""Forgets what is older than the operator keeps, a little at a time, so that nobody waits for it.

The rule: a run is forgotten whole, counted from its start, and only when it has ended; a content goes when it was last
stored before every run that is left.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import batches, callbacks, contents, history, runs, trigger_histories

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
