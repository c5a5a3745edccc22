"""Messages that wait for their batch, and the ids of those that were released.

The rule: a message is kept by its id after its release, without its content, so that a repeated delivery of it adds
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

batch_messages = sa.Table(
    "batch_messages",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    sa.Column("batch_name", sa.String(128), nullable=False),
    sa.Column("partition_name", sa.String(128), nullable=False),
    #: What is the same however often the message is delivered.
    sa.Column("delivery_id", sa.String(256), nullable=False),
    sa.Column("message_id", sa.String(256), nullable=False),
    #: Sealed JSON; null after the release.
    sa.Column("content", sa.Text),
    #: Bytes of the JSON.
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("received_at", schema.Instant, nullable=False),
    sa.Column("released_at", schema.Instant),
    sa.UniqueConstraint("workflow_id", "trigger_name", "batch_name", "partition_name", "delivery_id"),
    sqlite_autoincrement=True,
)
sa.Index(
    "ix_batch_messages_waiting",
    batch_messages.c.workflow_id,
    batch_messages.c.trigger_name,
    batch_messages.c.batch_name,
    batch_messages.c.partition_name,
    batch_messages.c.sequence,
    sqlite_where=batch_messages.c.released_at.is_(None),
    postgresql_where=batch_messages.c.released_at.is_(None),
)


@dataclass(frozen=True, slots=True)
class Gathering:
    """The messages of one batch name and partition that wait together."""

    workflow_id: str
    trigger_name: str
    batch_name: str
    partition_name: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message."""

    message_id: str
    #: What is the same however often the message is delivered.
    delivery_id: str
    #: Sealed JSON.
    content: str
    size: int
    sequence: int = 0


def add(connection: Connection, gathering: Gathering, message: Message, now: str) -> bool:
    """Add a message; False when it was delivered before."""
    # Whoever counts must see every message that was added before.
    schema.ordered(connection, f"batch:{gathering.workflow_id}")
    row = {
        "workflow_id": gathering.workflow_id,
        "trigger_name": gathering.trigger_name,
        "batch_name": gathering.batch_name,
        "partition_name": gathering.partition_name,
        "delivery_id": message.delivery_id,
        "message_id": message.message_id,
        "content": message.content,
        "size": message.size,
        "received_at": now,
    }
    return upsert.added(connection, batch_messages, row)


def measure(connection: Connection, gathering: Gathering) -> tuple[int, int]:
    """Answer how many messages wait together, and how many bytes they are."""
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(batch_messages.c.size), 0))
    count, size = connection.execute(query.where(_waiting(gathering))).one()
    return int(count), int(size)


def waiting(connection: Connection, workflow_id: str, trigger_name: str) -> list[Gathering]:
    """Answer the batches and partitions of a trigger in which messages wait."""
    columns = batch_messages.c
    query = (
        sa.select(columns.workflow_id, columns.trigger_name, columns.batch_name, columns.partition_name)
        .where(columns.workflow_id == workflow_id, columns.trigger_name == trigger_name, columns.released_at.is_(None))
        .distinct()
        .order_by(columns.batch_name, columns.partition_name)
    )
    return [Gathering(*row) for row in connection.execute(query)]


def oldest(connection: Connection, gathering: Gathering, most: int) -> list[Message]:
    """Answer the messages that wait together, the oldest first and so many at the most; nobody else takes them now."""
    schema.ordered(connection, f"batch:{gathering.workflow_id}")
    columns = batch_messages.c
    query = sa.select(columns.message_id, columns.delivery_id, columns.content, columns.size, columns.sequence)
    rows = connection.execute(query.where(_waiting(gathering)).order_by(columns.sequence).limit(most))
    return [Message(*row) for row in rows]


def forget_before(connection: Connection, released_at: str, limit: int) -> int:
    """Delete messages that were released before a moment, so many at the most; answer how many there were."""
    old = sa.select(batch_messages.c.sequence).where(batch_messages.c.released_at < released_at).limit(limit)
    return connection.execute(sa.delete(batch_messages).where(batch_messages.c.sequence.in_(old))).rowcount


def delete(connection: Connection, workflow_id: str, trigger_name: str) -> None:
    """Forget all messages of a trigger."""
    columns = batch_messages.c
    gone = sa.delete(batch_messages).where(columns.workflow_id == workflow_id, columns.trigger_name == trigger_name)
    connection.execute(gone)


def release(connection: Connection, gathering: Gathering, taken: Sequence[Message], now: str) -> None:
    """Release the oldest messages that wait together: their contents are somebody else's from now on."""
    through = batch_messages.c.sequence <= taken[-1].sequence
    released = sa.update(batch_messages).where(_waiting(gathering), through)
    connection.execute(released.values(content=None, released_at=now))


def _waiting(gathering: Gathering) -> sa.ColumnElement[bool]:
    columns = batch_messages.c
    return sa.and_(
        columns.workflow_id == gathering.workflow_id,
        columns.trigger_name == gathering.trigger_name,
        columns.batch_name == gathering.batch_name,
        columns.partition_name == gathering.partition_name,
        columns.released_at.is_(None),
    )
