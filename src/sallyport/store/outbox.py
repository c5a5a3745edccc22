"""Events, committed in the same transaction as the change that caused them, numbered in the order of commits.

The rule: whoever changes a resource that others wait for appends here in the same transaction; whoever delivers keeps
the number of the last event that it has dealt with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

#: What its numbers are drawn behind.
SEQUENCE = "outbox"

ChangeType = Literal["created", "updated", "deleted"]

outbox = sa.Table(
    "outbox",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("resource_id", sa.String(256), nullable=False),
    sa.Column("change_type", sa.String(8), nullable=False),
    sa.Column("occurred_at", schema.Instant, nullable=False),
    sqlite_autoincrement=True,
)
cursors = sa.Table(
    "cursors",
    schema.metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    #: The number of the last event that this reader has dealt with.
    sa.Column("sequence", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One change of one resource."""

    sequence: int
    #: `alert`, `incident`, `subscription` or `tiIndicator`.
    kind: str
    resource_id: str
    change_type: ChangeType
    #: Sortable text, as `schema.Instant` holds it.
    occurred_at: str


def append(connection: Connection, kind: str, changes: Iterable[tuple[str, ChangeType]], at: str) -> None:
    """Add an event for each changed resource, given as pairs of id and change type."""
    rows = [(kind, resource_id, change_type, at) for resource_id, change_type in changes]
    if rows:
        schema.ordered(connection, SEQUENCE)
        upsert.insert_many(connection, outbox, rows, ("kind", "resource_id", "change_type", "occurred_at"))


def after(connection: Connection, sequence: int, limit: int) -> list[Event]:
    """Answer the next events behind a number, oldest first."""
    statement = sa.select(outbox).where(outbox.c.sequence > sequence).order_by(outbox.c.sequence).limit(limit)
    return [Event(*row) for row in connection.execute(statement)]


def highest(connection: Connection) -> int:
    """Answer the number of the newest event, 0 when there is none."""
    return int(connection.execute(sa.select(sa.func.max(outbox.c.sequence))).scalar() or 0)


def place(connection: Connection, name: str) -> int:
    """Answer how far a reader has come; 0 before it dealt with anything."""
    return int(connection.execute(sa.select(cursors.c.sequence).where(cursors.c.name == name)).scalar() or 0)


def advance(connection: Connection, name: str, before: int, after: int) -> bool:
    """Move a reader's place; False when somebody else has moved it meanwhile, and nothing must follow."""
    moved = cursors.update().where(cursors.c.name == name, cursors.c.sequence == before).values(sequence=after)
    if connection.execute(moved).rowcount:
        return True
    if connection.execute(sa.select(cursors.c.sequence).where(cursors.c.name == name)).scalar() is not None:
        return False
    connection.execute(cursors.insert().values(name=name, sequence=after))
    return True


def forget_read(connection: Connection, limit: int) -> int:
    """Delete a portion of the events that every reader has dealt with, oldest first; answers how many there were."""
    slowest = sa.select(sa.func.min(cursors.c.sequence)).scalar_subquery()
    read = sa.select(outbox.c.sequence).where(outbox.c.sequence <= slowest).order_by(outbox.c.sequence).limit(limit)
    return connection.execute(outbox.delete().where(outbox.c.sequence.in_(read))).rowcount
