"""Which of several processes on one database does what: each work is leased to one of them, until it stops beating.

The rule: there is no time here. Whoever holds a lease raises its beat now and then; who sees one that has not moved for
long enough, by its own clock, takes it, if it still is as it was seen. So the clocks of machines need not agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

leases = sa.Table(
    "leases",
    schema.metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    #: Which process holds it; None when nobody does.
    sa.Column("owner", sa.String(80)),
    sa.Column("beat", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who does one work, as it was seen."""

    name: str
    owner: str | None
    beat: int


def everything(connection: Connection) -> list[Lease]:
    """Answer every lease."""
    return [Lease(*row) for row in connection.execute(sa.select(leases).order_by(leases.c.name))]


def beat(
    connection: Connection, owner: str, taken: Iterable[Lease], given: Iterable[str], gone: Iterable[Lease]
) -> set[str]:
    """Raise the beat of what a process holds, take what still is as it was seen, give back, and forget the dead.

    Answers the names of what it holds then.
    """
    # One at a time: two that take each other for dead would wait for each other.
    schema.ordered(connection, "leases")
    mine = leases.c.owner == owner
    connection.execute(leases.update().where(mine, leases.c.name.in_(list(given))).values(owner=None))
    for each in gone:
        connection.execute(leases.delete().where(*_as_seen(each)))
    connection.execute(leases.update().where(mine).values(beat=leases.c.beat + 1))
    for each in taken:
        if each.owner is None and not each.beat:
            row = {"name": each.name, "owner": None, "beat": 0}
            connection.execute(upsert.ignoring(connection, leases), row)
        connection.execute(leases.update().where(*_as_seen(each)).values(owner=owner, beat=each.beat + 1))
    return set(connection.scalars(sa.select(leases.c.name).where(mine)))


def release(connection: Connection, owner: str, member: str) -> None:
    """Give back everything that a process holds; it has ended."""
    schema.ordered(connection, "leases")
    connection.execute(leases.delete().where(leases.c.name == member))
    connection.execute(leases.update().where(leases.c.owner == owner).values(owner=None))


def _as_seen(lease: Lease) -> list[sa.ColumnElement[bool]]:
    owner = leases.c.owner.is_(None) if lease.owner is None else leases.c.owner == lease.owner
    return [leases.c.name == lease.name, owner, leases.c.beat == lease.beat]
