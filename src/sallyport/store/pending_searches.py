"""Indicators that still have to be looked for in the alerts stored before them, each with the place it has come to.

The rule: a search is begun in the transaction that stores the indicator and ended in the one that stores its last hits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

pending_searches = sa.Table(
    "pending_searches",
    schema.metadata,
    #: The indicator's number.
    sa.Column("indicator", sa.BigInteger, primary_key=True, autoincrement=False),
    #: The number of the last alert that was looked at.
    sa.Column("after", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


@dataclass(frozen=True, slots=True)
class Search:
    """One indicator's way through the stored alerts."""

    indicator: int
    after: int


def begin(connection: Connection, indicators: Sequence[int]) -> None:
    """Look for indicators in all stored alerts, from the first one on."""
    rows = [{"indicator": number, "after": 0} for number in indicators]
    if rows:
        connection.execute(upsert.replacing(connection, pending_searches, ["indicator"]), rows)


def oldest(connection: Connection, limit: int) -> list[Search]:
    """Answer the searches of the oldest indicators, so many at the most."""
    statement = sa.select(pending_searches).order_by(pending_searches.c.indicator).limit(limit)
    return [Search(*row) for row in connection.execute(statement)]


def go_on(connection: Connection, search: Search, after: int) -> None:
    """Remember the place that a search has come to."""
    where = pending_searches.c.indicator == search.indicator
    connection.execute(pending_searches.update().where(where).values(after=after))


def end(connection: Connection, indicators: Sequence[int]) -> None:
    """Forget searches that are done, or whose indicators are gone."""
    if indicators:
        connection.execute(pending_searches.delete().where(pending_searches.c.indicator.in_(indicators)))


def count(connection: Connection) -> int:
    """Answer how many indicators still have to be looked for."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(pending_searches)).scalar_one())
