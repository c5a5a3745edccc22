"""From when on the earlier tokens of an application or of a user no longer count.

The rule: a row outlives what it is about, so that the tokens of somebody who was removed stay refused until they would
have expired anyway.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

endings = sa.Table(
    "endings",
    schema.metadata,
    #: The id of an application or of a user.
    sa.Column("subject", sa.String(36), primary_key=True),
    sa.Column("ended_at", schema.Instant, nullable=False, index=True),
)


def put(connection: Connection, subject: str, now: str) -> None:
    """End every token that an application or a user holds by now."""
    connection.execute(upsert.replacing(connection, endings, ["subject"]).values(subject=subject, ended_at=now))


def after(connection: Connection, since: str) -> dict[str, str]:
    """Answer whose tokens were ended after an instant, with when."""
    statement = sa.select(endings.c.subject, endings.c.ended_at).where(endings.c.ended_at > since)
    return {row.subject: row.ended_at for row in connection.execute(statement)}


def forget(connection: Connection, before: str) -> None:
    """Delete what ended tokens that have long expired."""
    connection.execute(endings.delete().where(endings.c.ended_at <= before))
