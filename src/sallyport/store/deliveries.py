"""What is on its way to subscribers: events once, and for each address which of them it is to hear about.

The rule: the events of a round, everything that follows from them, and the place in the outbox are one transaction;
what is delivered is deleted, and what cannot be delivered is kept as a dead letter for a while.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

cursors = sa.Table(
    "cursors",
    schema.metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    #: The number of the last event of the outbox that was dealt with.
    sa.Column("sequence", sa.BigInteger, nullable=False),
)
notices = sa.Table(
    "notices",
    schema.metadata,
    sa.Column("id", schema.Sequence, primary_key=True, autoincrement=True),
    #: A list of `[sequence, resource id, change type, entity tag]`.
    sa.Column("events", schema.Document, nullable=False),
    sqlite_autoincrement=True,
)
deliveries = sa.Table(
    "deliveries",
    schema.metadata,
    sa.Column("id", schema.Sequence, primary_key=True, autoincrement=True),
    #: Scheme, host and port: what is slow or dead is that, whatever its paths are.
    sa.Column("endpoint", sa.String(512), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("notice_id", sa.ForeignKey("notices.id"), index=True),
    #: By subscription, the places in the notice's list of events; or `body`, a whole one to be sent as it is.
    sa.Column("wanted", schema.Document),
    sa.Column("body", schema.Document),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("due_at", schema.Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("dead_at", schema.Instant),
    sa.Column("reason", sa.String(200)),
    sqlite_autoincrement=True,
)
sa.Index("ix_deliveries_endpoint", deliveries.c.endpoint, deliveries.c.dead_at, deliveries.c.id)
sa.Index("ix_deliveries_dead_at", deliveries.c.dead_at)


@dataclass(frozen=True, slots=True)
class Event:
    """One change that somebody is to hear about."""

    sequence: int
    resource_id: str
    change_type: str
    #: The resource's entity tag at that time; None when it is gone.
    etag: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one address is to hear about, from one round."""

    id: int
    endpoint: str
    url: str
    events: tuple[Event, ...]
    #: By subscription, places in `events`.
    wanted: dict[str, list[int]]
    #: What is to be sent as it is, in place of events.
    body: dict[str, Any] | None
    created_at: str
    due_at: str
    attempts: int
    dead_at: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that is new: to which address, and who wants what of the round's events."""

    endpoint: str
    url: str
    wanted: dict[str, list[int]] | None = None
    body: dict[str, Any] | None = None
    #: When it is due, if later than at once.
    due_at: str | None = None
    #: Why it is not delivered at all, but kept as a dead letter.
    dropped: str | None = None


def place(connection: Connection, name: str) -> int:
    """Answer how far the outbox was dealt with; 0 before anything was."""
    return int(connection.execute(sa.select(cursors.c.sequence).where(cursors.c.name == name)).scalar() or 0)


def advance(connection: Connection, name: str, before: int, after: int) -> bool:
    """Move a place in the outbox; False when somebody else has moved it meanwhile, and nothing must follow."""
    moved = cursors.update().where(cursors.c.name == name, cursors.c.sequence == before).values(sequence=after)
    if connection.execute(moved).rowcount:
        return True
    if connection.execute(sa.select(cursors.c.sequence).where(cursors.c.name == name)).scalar() is not None:
        return False
    connection.execute(cursors.insert().values(name=name, sequence=after))
    return True


def post(connection: Connection, events: Sequence[Event], parcels: Sequence[Parcel], at: str) -> None:
    """Store what is to be delivered of some events."""
    if not parcels:
        return
    notice_id = None
    if events:
        rows = [[each.sequence, each.resource_id, each.change_type, each.etag] for each in events]
        done = connection.execute(notices.insert().values(events=rows))
        assert done.inserted_primary_key is not None
        notice_id = int(done.inserted_primary_key[0])
    connection.execute(
        deliveries.insert(),
        [
            {
                "endpoint": each.endpoint,
                "url": each.url,
                "notice_id": notice_id if each.body is None else None,
                "wanted": None if each.wanted is None else {key: _spans(at) for key, at in each.wanted.items()},
                "body": each.body,
                "created_at": at,
                "due_at": each.due_at or at,
                "attempts": 0,
                "dead_at": at if each.dropped else None,
                "reason": each.dropped,
            }
            for each in parcels
        ],
    )


def waiting(connection: Connection) -> list[tuple[str, str]]:
    """Answer the endpoints that something waits for, each with the moment at which its first delivery is due."""
    first = (
        sa.select(sa.func.min(deliveries.c.id).label("id"))
        .where(deliveries.c.dead_at.is_(None))
        .group_by(deliveries.c.endpoint)
        .subquery()
    )
    statement = sa.select(deliveries.c.endpoint, deliveries.c.due_at).join(first, first.c.id == deliveries.c.id)
    return [(endpoint, due_at) for endpoint, due_at in connection.execute(statement)]


def head(connection: Connection, endpoint: str, limit: int) -> list[Delivery]:
    """Answer the first deliveries of an endpoint that go to one and the same address, oldest first."""
    statement = (
        _SELECTED.where(deliveries.c.endpoint == endpoint, deliveries.c.dead_at.is_(None))
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    found = _read(connection, statement)
    return [each for each in found if each.url == found[0].url]


def delivered(connection: Connection, ids: Sequence[int]) -> None:
    """Forget what was delivered."""
    _forget(connection, ids)


def repeat(connection: Connection, ids: Sequence[int], due_at: str) -> None:
    """Put deliveries off after an attempt that failed."""
    connection.execute(
        deliveries.update().where(deliveries.c.id.in_(ids)).values(due_at=due_at, attempts=deliveries.c.attempts + 1)
    )


def bury(connection: Connection, ids: Sequence[int], at: str, reason: str) -> None:
    """Keep deliveries that nobody took as dead letters."""
    connection.execute(deliveries.update().where(deliveries.c.id.in_(ids)).values(dead_at=at, reason=reason[:200]))


def dead(connection: Connection, after: int, limit: int) -> list[Delivery]:
    """Answer dead letters behind a number, oldest first."""
    statement = _SELECTED.where(deliveries.c.dead_at.is_not(None), deliveries.c.id > after)
    return _read(connection, statement.order_by(deliveries.c.id).limit(limit))


def revive(connection: Connection, delivery_id: int | None, at: str) -> int:
    """Let one dead letter, or (None) all, be delivered again from now on; answers how many there were."""
    statement = deliveries.update().where(deliveries.c.dead_at.is_not(None))
    if delivery_id is not None:
        statement = statement.where(deliveries.c.id == delivery_id)
    values = {"dead_at": None, "reason": None, "attempts": 0, "created_at": at, "due_at": at}
    return connection.execute(statement.values(**values)).rowcount


def forget_dead(connection: Connection, before: str, limit: int) -> int:
    """Forget dead letters that died before a moment, a portion at a time; answers how many."""
    statement = sa.select(deliveries.c.id).where(deliveries.c.dead_at < before).limit(limit)
    ids = list(connection.execute(statement).scalars())
    _forget(connection, ids)
    return len(ids)


def counts(connection: Connection) -> tuple[int, int]:
    """Answer how many deliveries wait, and how many are dead."""
    statement = sa.select(deliveries.c.dead_at.is_not(None), sa.func.count()).group_by(
        deliveries.c.dead_at.is_not(None)
    )
    found = {bool(is_dead): int(number) for is_dead, number in connection.execute(statement)}
    return found.get(False, 0), found.get(True, 0)


_SELECTED = sa.select(
    deliveries.c.id,
    deliveries.c.endpoint,
    deliveries.c.url,
    notices.c.events,
    deliveries.c.wanted,
    deliveries.c.body,
    deliveries.c.created_at,
    deliveries.c.due_at,
    deliveries.c.attempts,
    deliveries.c.dead_at,
    deliveries.c.reason,
).select_from(deliveries.outerjoin(notices, notices.c.id == deliveries.c.notice_id))


def _read(connection: Connection, statement: sa.Select[Any]) -> list[Delivery]:
    found = []
    for row in connection.execute(statement):
        events = tuple(Event(*each) for each in row.events or ())
        wanted = {key: _places(spans) for key, spans in (row.wanted or {}).items()}
        found.append(Delivery(row.id, row.endpoint, row.url, events, wanted, row.body, *row[6:]))
    return found


def _forget(connection: Connection, ids: Sequence[int]) -> None:
    if not ids:
        return
    chosen = sa.select(deliveries.c.notice_id).where(deliveries.c.id.in_(ids), deliveries.c.notice_id.is_not(None))
    named = set(connection.execute(chosen).scalars())
    connection.execute(deliveries.delete().where(deliveries.c.id.in_(ids)))
    if named:
        still = sa.select(deliveries.c.notice_id).where(deliveries.c.notice_id.in_(named))
        connection.execute(notices.delete().where(notices.c.id.in_(named), notices.c.id.not_in(still)))


def _spans(places: Iterable[int]) -> list[list[int]]:
    """Answer ascending places as spans, first and last included: mostly everybody wants nearly everything."""
    spans: list[list[int]] = []
    for each in places:
        if spans and spans[-1][1] == each - 1:
            spans[-1][1] = each
        else:
            spans.append([each, each])
    return spans


def _places(spans: Iterable[Sequence[int]]) -> list[int]:
    return [each for first, last in spans for each in range(first, last + 1)]
