"""The addresses that something is on its way to, each with how its last attempts went.

The rule: an address is put off as a whole; whatever waits for it waits in the table of deliveries, not in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

lanes = sa.Table(
    "lanes",
    schema.metadata,
    sa.Column("id", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("url", sa.String(2048), nullable=False, unique=True),
    #: Scheme, host and port: what is slow is that, whatever its paths are.
    sa.Column("endpoint", sa.String(512), nullable=False),
    #: How many attempts in a row have failed.
    sa.Column("attempts", sa.Integer, nullable=False),
    #: Until when it is put off.
    sa.Column("due_at", schema.Instant),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Lane:
    """One address."""

    id: int
    url: str
    endpoint: str
    attempts: int
    due_at: str | None


def of(connection: Connection, endpoints: Mapping[str, str]) -> dict[str, int]:
    """Answer the numbers of some addresses, given with their endpoints; new ones are added."""
    there = sa.select(lanes.c.url, lanes.c.id).where(lanes.c.url.in_(list(endpoints)))
    found = {url: int(number) for url, number in connection.execute(there)}
    missing = [
        {"url": url, "endpoint": endpoint, "attempts": 0} for url, endpoint in endpoints.items() if url not in found
    ]
    if missing:
        connection.execute(upsert.ignoring(connection, lanes), missing)
        found = {url: int(number) for url, number in connection.execute(there)}
    return found


def put_off(connection: Connection, lane_id: int, attempts: int, due_at: str) -> None:
    """Note that an attempt has failed, how many that makes, and when to try again."""
    connection.execute(lanes.update().where(lanes.c.id == lane_id).values(attempts=attempts, due_at=due_at))


def recovered(connection: Connection, lane_ids: Iterable[int]) -> None:
    """Note that some addresses answer again, or are to be tried at once."""
    connection.execute(lanes.update().where(lanes.c.id.in_(list(lane_ids))).values(attempts=0, due_at=None))
