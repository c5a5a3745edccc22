"""What the database can say of itself cheaply: the numbers that are shown to whoever watches the server.

The rule: none of these reads a table from end to end, however large it has grown.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import deliveries, runs, schema
from sallyport.store.outbox import outbox


def read(connection: Connection, now: datetime) -> dict[str, float]:
    """Answer the figures by the names of their metrics."""
    size, free = _size(connection)
    events, oldest = _outbox(connection)
    age = 0.0 if oldest is None else max(0.0, (now - schema.moment(oldest)).total_seconds())
    return {
        "database_bytes": size,
        "database_free_bytes": free,
        "outbox_events": events,
        "outbox_oldest_seconds": age,
        "dead_letters": _count(connection, deliveries.deliveries.c.dead_at),
        "runs_working": _count(connection, runs.runs.c.owner),
        "runs_waiting": _count(connection, runs.runs.c.wake_at),
    }


def _size(connection: Connection) -> tuple[float, float]:
    if connection.dialect.name == "postgresql":
        return float(connection.scalar(sa.select(sa.func.pg_database_size(sa.func.current_database()))) or 0), 0.0
    page, pages, free = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar() or 0)
        for name in ("page_size", "page_count", "freelist_count")
    )
    return float(page * pages), float(page * free)


def _outbox(connection: Connection) -> tuple[float, str | None]:
    """Answer how many events there are at the most (numbers have gaps), and when the oldest of them happened."""
    lowest = connection.execute(
        sa.select(outbox.c.sequence, outbox.c.occurred_at).order_by(outbox.c.sequence).limit(1)
    ).first()
    if lowest is None:
        return 0.0, None
    highest = connection.scalar(sa.select(sa.func.max(outbox.c.sequence))) or lowest.sequence
    return float(highest - lowest.sequence + 1), lowest.occurred_at


def _count(connection: Connection, column: sa.Column[str]) -> float:
    """Answer how many rows have a value there: each such column has an index of just those."""
    return float(connection.scalar(sa.select(sa.func.count()).where(column.is_not(None))) or 0)
