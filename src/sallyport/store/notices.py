"""What there is to tell: changes that were held against subscriptions, and who wants which of them, once for everybody.

The rule: a notice's number is higher than that of every notice committed before it, because only the transaction that
moves the place in the outbox adds one. Each address keeps the number of the last one that it has dealt with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

notices = sa.Table(
    "notices",
    schema.metadata,
    sa.Column("id", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("created_at", schema.Instant, nullable=False),
    #: A list of `[sequence, resource id, change type, entity tag]`.
    sa.Column("events", schema.Document, nullable=False),
    #: A list of `[places, by address]`: spans of places in the list of events, and the subscriptions that want just
    #: these, by the number of their address. Mostly everybody wants nearly everything.
    sa.Column("wanted", schema.Document, nullable=False),
    sqlite_autoincrement=True,
)

#: By subscription, places in a notice's list of events.
Wanted = Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Event:
    """One change that somebody is to hear about."""

    sequence: int
    resource_id: str
    change_type: str
    #: The resource's entity tag at that time; None when it is gone.
    etag: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """Some changes, and who wants which of them."""

    id: int
    created_at: str
    events: Sequence[Event]
    #: By the number of the address.
    wanted: Mapping[int, Wanted]


def add(connection: Connection, events: Sequence[Event], wanted: Mapping[int, Wanted], at: str) -> int:
    """Store a notice, and answer its number."""
    rows = [[each.sequence, each.resource_id, each.change_type, each.etag] for each in events]
    done = connection.execute(notices.insert().values(created_at=at, events=rows, wanted=_folded(wanted)))
    assert done.inserted_primary_key is not None
    return int(done.inserted_primary_key[0])


def after(connection: Connection, number: int, limit: int) -> list[Notice]:
    """Answer the next notices behind a number, oldest first."""
    statement = sa.select(notices).where(notices.c.id > number).order_by(notices.c.id).limit(limit)
    return [_notice(row) for row in connection.execute(statement)]


def events_of(connection: Connection, numbers: Iterable[int]) -> dict[int, tuple[Event, ...]]:
    """Answer the events of some notices, by number."""
    statement = sa.select(notices.c.id, notices.c.events).where(notices.c.id.in_(list(numbers)))
    return {row.id: _events(row.events) for row in connection.execute(statement)}


def highest(connection: Connection) -> int:
    """Answer the number of the newest notice, 0 when there is none."""
    return int(connection.scalar(sa.select(sa.func.max(notices.c.id))) or 0)


def spans(places: Iterable[int]) -> list[list[int]]:
    """Answer ascending places as spans, first and last included."""
    found: list[list[int]] = []
    for each in places:
        if found and found[-1][1] == each - 1:
            found[-1][1] = each
        else:
            found.append([each, each])
    return found


def places(found: Iterable[Sequence[int]]) -> tuple[int, ...]:
    """Answer the places in some spans."""
    return tuple(each for first, last in found for each in range(first, last + 1))


def _events(rows: Sequence[Any]) -> tuple[Event, ...]:
    return tuple(Event(*each) for each in rows)


def _folded(wanted: Mapping[int, Wanted]) -> list[Any]:
    """Answer who wants what, with each choice of places only once."""
    found: dict[tuple[int, ...], dict[int, list[str]]] = {}
    for lane_id, chosen in wanted.items():
        for subscription_id, at in chosen.items():
            found.setdefault(tuple(at), {}).setdefault(lane_id, []).append(subscription_id)
    return [[spans(at), {str(lane_id): ids for lane_id, ids in lanes.items()}] for at, lanes in found.items()]


def _notice(row: Any) -> Notice:
    wanted: dict[int, dict[str, Sequence[int]]] = {}
    for found, lanes in row.wanted:
        at = places(found)
        for lane_id, ids in lanes.items():
            wanted.setdefault(int(lane_id), {}).update(dict.fromkeys(ids, at))
    return Notice(row.id, row.created_at, _events(row.events), wanted)
