"""How many requests each process has let pass, by application and kind: what processes on one database tell each other.

The rule: each process writes its own rows alone, with numbers that grow until they begin anew; what another one has let
pass since is the difference.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

#: An application's id, and the scope that its requests count in.
Key = tuple[str, str]

throttle_counts = sa.Table(
    "throttle_counts",
    schema.metadata,
    sa.Column("process", sa.String(36), primary_key=True),
    sa.Column("app_id", sa.String(256), primary_key=True),
    sa.Column("scope", sa.String(32), primary_key=True),
    sa.Column("passed", sa.BigInteger, nullable=False),
    sa.Column("at", schema.Instant, nullable=False, index=True),
)


def put(connection: Connection, process: str, passed: Mapping[Key, int], at: str) -> None:
    """Tell how many requests a process has let pass since it began."""
    rows = [
        {"process": process, "app_id": app_id, "scope": scope, "passed": number, "at": at}
        for (app_id, scope), number in sorted(passed.items())
    ]
    if rows:
        statement = upsert.replacing(connection, throttle_counts, ["process", "app_id", "scope"])
        connection.execute(statement, rows)


def others(connection: Connection, process: str, since: str) -> dict[tuple[str, Key], int]:
    """Answer what other processes have told at a moment or later, by process and key."""
    columns = throttle_counts.c
    statement = sa.select(columns.process, columns.app_id, columns.scope, columns.passed)
    rows = connection.execute(statement.where(columns.process != process, columns.at >= since))
    return {(row.process, (row.app_id, row.scope)): row.passed for row in rows}


def forget(connection: Connection, before: str) -> None:
    """Delete what was told before a moment."""
    connection.execute(throttle_counts.delete().where(throttle_counts.c.at < before))
