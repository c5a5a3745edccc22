"""What is on its way to one address beside the notices: letters of their own, and what could not be delivered.

The rule: what is new stands in the notices, once for everybody. A row stands here for what is said to one address
alone, for what is delivered again, and, for three days, for what nobody took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import lanes, notices, schema
from sallyport.store.notices import Wanted

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
sa.Index("ix_deliveries_due_at", deliveries.c.due_at, sqlite_where=_LIVE, postgresql_where=_LIVE)


#: What whoever gives addresses something, and whoever forgets those that nothing is for, wait for each other behind.
_LANES = "lanes"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one address is to hear about by itself."""

    id: int
    notice_id: int | None
    #: By subscription, places in the notice's events.
    wanted: Wanted
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
    """What one address is told of some new events, or by a body of its own."""

    endpoint: str
    url: str
    wanted: dict[str, list[int]] | None = None
    body: dict[str, Any] | None = None
    #: When it is due, if later than at once; known for bodies only.
    due_at: str | None = None
    #: Why it is not delivered at all, but kept as a dead letter.
    dropped: str | None = None


def tell(connection: Connection, events: Sequence[notices.Event], parcels: Sequence[Parcel], at: str) -> None:
    """Store some events as one notice for the addresses that want them, and what goes to one of them alone."""
    if not parcels:
        return
    schema.ordered(connection, _LANES)
    numbers = lanes.of(connection, {each.url: each.endpoint for each in parcels})
    notice_id = None
    if events:
        wanted = {numbers[each.url]: each.wanted for each in parcels if each.wanted and each.dropped is None}
        notice_id = notices.add(connection, events, wanted, at)
    apart = [each for each in parcels if each.body is not None or each.dropped is not None]
    if apart:
        connection.execute(deliveries.insert(), [_row(each, numbers[each.url], notice_id, at) for each in apart])


def due(connection: Connection, now: str) -> set[int]:
    """Answer the numbers of the addresses that something of their own is due for."""
    statement = sa.select(deliveries.c.lane_id).where(_LIVE, deliveries.c.due_at <= now).distinct()
    return set(connection.scalars(statement))


def head(connection: Connection, lane_id: int, now: str, limit: int) -> list[Delivery]:
    """Answer what is due first to an address, oldest first."""
    statement = _SELECTED.where(deliveries.c.lane_id == lane_id, _LIVE, deliveries.c.due_at <= now)
    return [_delivery(row) for row in connection.execute(statement.order_by(deliveries.c.id).limit(limit))]


def forget(connection: Connection, ids: Sequence[int]) -> None:
    """Delete some of it, delivered or given up for good, and the notices that nobody needs any more."""
    if not ids:
        return
    chosen = deliveries.c.id.in_(ids)
    numbers = set(connection.scalars(sa.select(deliveries.c.notice_id).where(chosen))) - {None}
    connection.execute(deliveries.delete().where(chosen))
    if numbers:
        _forget_notices(connection, numbers)


def bury(connection: Connection, lane_id: int, before: str, at: str, reason: str) -> int:
    """Keep what waits for an address since before a moment as dead letters; answers how many there were."""
    old = deliveries.update().where(deliveries.c.lane_id == lane_id, _LIVE, deliveries.c.created_at <= before)
    return connection.execute(old.values(dead_at=at, reason=reason[:200])).rowcount


def bury_notices(
    connection: Connection, lane_id: int, through: int, wanted: Mapping[int, tuple[str, Wanted]], at: str, reason: str
) -> int:
    """Move an address past some notices, and keep what it wanted of them, by number, as dead letters.

    `wanted` names for each notice when it was made and what was wanted. Answers how many letters there are.
    """
    if not lanes.move(connection, lane_id, through) or not wanted:
        return 0
    more = {"lane_id": lane_id, "body": None, "due_at": at, "dead_at": at, "reason": reason[:200]}
    rows = [
        {**more, "notice_id": number, "wanted": _spans(chosen), "created_at": created_at}
        for number, (created_at, chosen) in wanted.items()
    ]
    connection.execute(deliveries.insert(), rows)
    return len(rows)


def dead(connection: Connection, after: int, limit: int) -> list[Letter]:
    """Answer dead letters behind a number, oldest first."""
    statement = (
        _SELECTED.add_columns(lanes.lanes.c.url, deliveries.c.dead_at, deliveries.c.reason)
        .join(lanes.lanes, lanes.lanes.c.id == deliveries.c.lane_id)
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
    named = set(connection.scalars(sa.select(deliveries.c.lane_id).where(letters).distinct()))
    lanes.recovered(connection, named)
    values = {"dead_at": None, "reason": None, "created_at": at, "due_at": at}
    return connection.execute(deliveries.update().where(letters).values(**values)).rowcount


def forget_dead(connection: Connection, before: str, limit: int) -> int:
    """Delete dead letters that died before a moment, a portion at a time; answers how many."""
    old = sa.select(deliveries.c.id).where(deliveries.c.dead_at < before).limit(limit)
    # One that somebody lets be delivered again meanwhile is dead no more.
    ids = list(connection.scalars(old.with_for_update()))
    forget(connection, ids)
    return len(ids)


def forget_told(connection: Connection, after: int, limit: int) -> int | None:
    """Delete a portion of the notices behind a number that every address and every letter is done with.

    Answers the number of the last that was looked at, None when there is none left to look at.
    """
    table = notices.notices
    low = lanes.slowest(connection)
    looked = sa.select(table.c.id).where(table.c.id > after).order_by(table.c.id).limit(limit)
    ids = list(connection.scalars(looked if low is None else looked.where(table.c.id <= low)))
    if not ids:
        return None
    between = table.c.id.between(ids[0], ids[-1])
    connection.execute(table.delete().where(between, sa.not_(_named(table.c.id))))
    return int(ids[-1])


def forget_lanes(connection: Connection) -> int:
    """Delete the addresses that nothing is on its way to; answers how many."""
    # Whoever tells meanwhile may have read the number of an address that is deleted here.
    schema.ordered(connection, _LANES)
    newest = notices.highest(connection)
    nothing = sa.not_(sa.exists().where(deliveries.c.lane_id == lanes.lanes.c.id))
    done = lanes.lanes.delete().where(lanes.lanes.c.position >= newest, lanes.lanes.c.attempts == 0, nothing)
    return connection.execute(done).rowcount


def _forget_notices(connection: Connection, numbers: set[int]) -> None:
    table = notices.notices
    low = lanes.slowest(connection)
    gone = table.delete().where(table.c.id.in_(numbers), sa.not_(_named(table.c.id)))
    connection.execute(gone if low is None else gone.where(table.c.id <= low))


def _named(notice_id: sa.Column[int]) -> sa.ColumnElement[bool]:
    return sa.exists().where(deliveries.c.notice_id == notice_id)


_SELECTED = sa.select(
    deliveries.c.id, deliveries.c.notice_id, deliveries.c.wanted, deliveries.c.body, deliveries.c.created_at
)


def _row(parcel: Parcel, lane_id: int, notice_id: int | None, at: str) -> dict[str, Any]:
    return {
        "lane_id": lane_id,
        "notice_id": notice_id if parcel.body is None else None,
        "wanted": None if parcel.wanted is None else _spans(parcel.wanted),
        "body": parcel.body,
        "created_at": at,
        "due_at": parcel.due_at or at,
        "dead_at": at if parcel.dropped else None,
        "reason": parcel.dropped,
    }


def _delivery(row: Any) -> Delivery:
    wanted = {key: notices.places(found) for key, found in (row.wanted or {}).items()}
    return Delivery(row.id, row.notice_id, wanted, row.body, row.created_at)


def _spans(wanted: Wanted) -> dict[str, list[list[int]]]:
    return {key: notices.spans(places) for key, places in wanted.items()}
