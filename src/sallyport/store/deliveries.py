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
from sallyport.store.lanes import Lane, lanes
from sallyport.store.lanes import of as lanes_of

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
    sa.Column("lane_id", sa.ForeignKey("lanes.id"), nullable=False),
    sa.Column("notice_id", sa.ForeignKey("notices.id"), index=True),
    #: By subscription, the places in the notice's list of events; or `body`, a whole one to be sent as it is.
    sa.Column("wanted", schema.Document),
    sa.Column("body", schema.Document),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("due_at", schema.Instant, nullable=False),
    sa.Column("dead_at", schema.Instant),
    sa.Column("reason", sa.String(200)),
    sqlite_autoincrement=True,
)
sa.Index("ix_deliveries_lane_id", deliveries.c.lane_id, deliveries.c.dead_at, deliveries.c.id)
sa.Index("ix_deliveries_dead_at", deliveries.c.dead_at, deliveries.c.id)
_LIVE = deliveries.c.dead_at.is_(None)


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
    """What one address is to hear about, from one notice."""

    id: int
    notice_id: int | None
    #: By subscription, places in the notice's events.
    wanted: dict[str, list[int]]
    #: What is to be sent as it is, in place of events.
    body: dict[str, Any] | None
    created_at: str

    @property
    def count(self) -> int:
        """How many notifications it holds."""
        return sum(len(places) for places in self.wanted.values()) or 1


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that nobody took."""

    delivery: Delivery
    url: str
    dead_at: str
    reason: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that is new: to which address, and who wants what of the notice's events."""

    endpoint: str
    url: str
    wanted: dict[str, list[int]] | None = None
    body: dict[str, Any] | None = None
    #: When it is due, if later than at once.
    due_at: str | None = None
    #: Why it is not delivered at all, but kept as a dead letter.
    dropped: str | None = None


def post(connection: Connection, events: Sequence[Event], parcels: Sequence[Parcel], at: str) -> None:
    """Store what is to be delivered of some events, which are kept together as one notice."""
    if not parcels:
        return
    notice_id = None
    if events:
        rows = [[each.sequence, each.resource_id, each.change_type, each.etag] for each in events]
        done = connection.execute(notices.insert().values(events=rows))
        assert done.inserted_primary_key is not None
        notice_id = int(done.inserted_primary_key[0])
    numbers = lanes_of(connection, {each.url: each.endpoint for each in parcels})
    connection.execute(deliveries.insert(), [_row(each, numbers[each.url], notice_id, at) for each in parcels])


def ready(connection: Connection, now: str) -> list[Lane]:
    """Answer the addresses that may be tried and that something is due for."""
    something = sa.exists().where(deliveries.c.lane_id == lanes.c.id, _LIVE, deliveries.c.due_at <= now)
    statement = sa.select(lanes).where(sa.or_(lanes.c.due_at.is_(None), lanes.c.due_at <= now), something)
    return [Lane(*row) for row in connection.execute(statement)]


def head(connection: Connection, lane_id: int, now: str, limit: int) -> list[Delivery]:
    """Answer what is due first to an address, oldest first."""
    statement = _SELECTED.where(deliveries.c.lane_id == lane_id, _LIVE, deliveries.c.due_at <= now)
    return [_delivery(row) for row in connection.execute(statement.order_by(deliveries.c.id).limit(limit))]


def events_of(connection: Connection, notice_ids: Iterable[int]) -> dict[int, tuple[Event, ...]]:
    """Answer the events of some notices, by number."""
    statement = sa.select(notices.c.id, notices.c.events).where(notices.c.id.in_(list(notice_ids)))
    return {row.id: tuple(Event(*each) for each in row.events) for row in connection.execute(statement)}


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Delete what was delivered, and each notice that nobody is to hear about any more."""
    if not ids:
        return
    chosen = sa.select(deliveries.c.notice_id).where(deliveries.c.id.in_(ids), deliveries.c.notice_id.is_not(None))
    named = set(connection.execute(chosen).scalars())
    connection.execute(deliveries.delete().where(deliveries.c.id.in_(ids)))
    if named:
        still = sa.select(deliveries.c.notice_id).where(deliveries.c.notice_id.in_(named))
        connection.execute(notices.delete().where(notices.c.id.in_(named), notices.c.id.not_in(still)))


def bury(connection: Connection, lane_id: int, before: str, at: str, reason: str) -> int:
    """Keep what waits for an address since before a moment as dead letters; answers how many there were."""
    old = deliveries.update().where(deliveries.c.lane_id == lane_id, _LIVE, deliveries.c.created_at <= before)
    return connection.execute(old.values(dead_at=at, reason=reason[:200])).rowcount


def dead(connection: Connection, after: int, limit: int) -> list[Letter]:
    """Answer dead letters behind a number, oldest first."""
    statement = (
        _SELECTED.add_columns(lanes.c.url, deliveries.c.dead_at, deliveries.c.reason)
        .join(lanes, lanes.c.id == deliveries.c.lane_id)
        .where(deliveries.c.dead_at.is_not(None), deliveries.c.id > after)
        .order_by(deliveries.c.id)
        .limit(limit)
    )
    return [Letter(_delivery(row), row.url, row.dead_at, row.reason or "") for row in connection.execute(statement)]


def revive(connection: Connection, delivery_id: int | None, at: str) -> int:
    """Let one dead letter, or (None) all, be delivered again from now on; answers how many there were."""
    letters: sa.ColumnElement[bool] = deliveries.c.dead_at.is_not(None)
    if delivery_id is not None:
        letters = sa.and_(letters, deliveries.c.id == delivery_id)
    lane_ids = sa.select(deliveries.c.lane_id).where(letters)
    connection.execute(lanes.update().where(lanes.c.id.in_(lane_ids)).values(attempts=0, due_at=None))
    values = {"dead_at": None, "reason": None, "created_at": at, "due_at": at}
    return connection.execute(deliveries.update().where(letters).values(**values)).rowcount


def forget_dead(connection: Connection, before: str, limit: int) -> int:
    """Delete dead letters that died before a moment, a portion at a time; answers how many."""
    statement = sa.select(deliveries.c.id).where(deliveries.c.dead_at < before).limit(limit)
    ids = list(connection.execute(statement).scalars())
    forget(connection, ids)
    return len(ids)


def forget_lanes(connection: Connection) -> int:
    """Delete the addresses that nothing is on its way to; answers how many."""
    nothing = sa.not_(sa.exists().where(deliveries.c.lane_id == lanes.c.id))
    return connection.execute(lanes.delete().where(nothing)).rowcount


def counts(connection: Connection) -> tuple[int, int]:
    """Answer how many deliveries wait, and how many are dead."""
    is_dead = deliveries.c.dead_at.is_not(None)
    found = {bool(dead): int(number) for dead, number in connection.execute(_COUNTED.group_by(is_dead))}
    return found.get(False, 0), found.get(True, 0)


_SELECTED = sa.select(
    deliveries.c.id, deliveries.c.notice_id, deliveries.c.wanted, deliveries.c.body, deliveries.c.created_at
)
_COUNTED = sa.select(deliveries.c.dead_at.is_not(None), sa.func.count())


def _row(parcel: Parcel, lane_id: int, notice_id: int | None, at: str) -> dict[str, Any]:
    wanted = None if parcel.wanted is None else {key: _spans(places) for key, places in parcel.wanted.items()}
    return {
        "lane_id": lane_id,
        "notice_id": notice_id if parcel.body is None else None,
        "wanted": wanted,
        "body": parcel.body,
        "created_at": at,
        "due_at": parcel.due_at or at,
        "dead_at": at if parcel.dropped else None,
        "reason": parcel.dropped,
    }


def _delivery(row: Any) -> Delivery:
    wanted = {key: _places(spans) for key, spans in (row.wanted or {}).items()}
    return Delivery(row.id, row.notice_id, wanted, row.body, row.created_at)


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
