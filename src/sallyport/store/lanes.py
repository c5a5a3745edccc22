"""The addresses that notifications go to, each with how far it has come and how its last attempts went.

The rule: whatever waits for an address is what lies behind its place in the notices: a refused attempt writes one row,
and waiting writes none, however much waits.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert
from sallyport.store.notices import notices

#: Into how many shares the addresses are divided among the processes of one installation.
SHARES = 64

lanes = sa.Table(
    "lanes",
    schema.metadata,
    sa.Column("id", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("url", sa.String(2048), nullable=False, unique=True),
    #: Scheme, host and port: what is slow is that, whatever its paths are.
    sa.Column("endpoint", sa.String(512), nullable=False),
    #: Which share it belongs to: all addresses of an endpoint to the same.
    sa.Column("share", sa.Integer, nullable=False),
    #: The number of the last notice that was dealt with.
    sa.Column("position", sa.BigInteger, nullable=False),
    #: How many attempts in a row have failed.
    sa.Column("attempts", sa.Integer, nullable=False),
    #: Until when it is put off.
    sa.Column("due_at", schema.Instant),
    #: Until when its endpoint is spared what is new.
    sa.Column("spared_until", schema.Instant, index=True),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Lane:
    """One address."""

    id: int
    url: str
    endpoint: str
    share: int
    position: int
    attempts: int
    due_at: str | None


def share_of(endpoint: str) -> int:
    """Answer which share an endpoint belongs to, the same on every machine."""
    return zlib.crc32(endpoint.encode()) % SHARES


def of(connection: Connection, endpoints: Mapping[str, str]) -> dict[str, int]:
    """Answer the numbers of some addresses, given with their endpoints; new ones begin behind the newest notice."""
    there = sa.select(lanes.c.url, lanes.c.id).where(lanes.c.url.in_(list(endpoints)))
    found = {url: int(number) for url, number in connection.execute(there)}
    missing = [url for url in endpoints if url not in found]
    if missing:
        newest = connection.scalar(sa.select(sa.func.max(notices.c.id))) or 0
        rows = [_new(url, endpoints[url], newest) for url in missing]
        connection.execute(upsert.ignoring(connection, lanes), rows)
        found = {url: int(number) for url, number in connection.execute(there)}
    return found


def of_shares(connection: Connection, shares: Iterable[int]) -> list[Lane]:
    """Answer the addresses of some shares."""
    return [Lane(*row) for row in connection.execute(_SELECTED.where(lanes.c.share.in_(list(shares))))]


def of_ids(connection: Connection, ids: Iterable[int]) -> list[Lane]:
    """Answer some addresses, by number."""
    return [Lane(*row) for row in connection.execute(_SELECTED.where(lanes.c.id.in_(list(ids))))]


def moved(connection: Connection, places: Sequence[tuple[int, int]]) -> None:
    """Note how far some addresses have come, as pairs of address and place; nobody ever goes back."""
    if places:
        connection.execute(_MOVED, [{"lane": lane_id, "place": place} for lane_id, place in places])


def move(connection: Connection, lane_id: int, place: int) -> bool:
    """Note how far an address has come; False when somebody was as far already, and nothing must follow."""
    return connection.execute(_MOVED, {"lane": lane_id, "place": place}).rowcount > 0


def put_off(connection: Connection, lane_id: int, attempts: int, due_at: str) -> None:
    """Note that an attempt has failed, how many that makes, and when to try again."""
    connection.execute(lanes.update().where(lanes.c.id == lane_id).values(attempts=attempts, due_at=due_at))


def recovered(connection: Connection, lane_ids: Iterable[int]) -> None:
    """Note that some addresses answer again, or are to be tried at once."""
    connection.execute(lanes.update().where(lanes.c.id.in_(list(lane_ids))).values(attempts=0, due_at=None))


def spare(connection: Connection, endpoint: str, until: str) -> None:
    """Note until when an endpoint is not told of what is new."""
    own = sa.and_(lanes.c.share == share_of(endpoint), lanes.c.endpoint == endpoint)
    connection.execute(lanes.update().where(own).values(spared_until=until))


def spared(connection: Connection, now: str) -> dict[str, str]:
    """Answer the endpoints that are not told of what is new, each with until when."""
    statement = sa.select(lanes.c.endpoint, lanes.c.spared_until).where(lanes.c.spared_until > now).distinct()
    return {row.endpoint: row.spared_until for row in connection.execute(statement)}


def slowest(connection: Connection) -> int | None:
    """Answer the place of the address that has come least far; None when there is no address."""
    found = connection.scalar(sa.select(sa.func.min(lanes.c.position)))
    return None if found is None else int(found)


_SELECTED = sa.select(*(lanes.c[each] for each in Lane.__slots__))
_MOVED = (
    lanes.update()
    .where(lanes.c.id == sa.bindparam("lane"), lanes.c.position < sa.bindparam("place"))
    .values(position=sa.bindparam("place"))
)


def _new(url: str, endpoint: str, position: int) -> dict[str, object]:
    share = share_of(endpoint)
    return {"url": url, "endpoint": endpoint, "share": share, "position": position, "attempts": 0}
