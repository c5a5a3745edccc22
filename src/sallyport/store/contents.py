"""Large contents, stored once under their hash, however many actions hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

contents = sa.Table(
    "contents",
    schema.metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("stored_at", schema.Instant, nullable=False),
)

#: Never back: of two who store the same, the earlier may come last, and the later still needs it.
_AGAIN = (
    " ON CONFLICT (digest) DO UPDATE SET stored_at = excluded.stored_at WHERE contents.stored_at < excluded.stored_at"
)
#: How many hashes one query asks for; SQLite allows many more, but a longer list is no faster.
_ASKED = 500


def digest(body: bytes) -> str:
    """Answer the name of a content: its SHA-256, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def put(connection: Connection, bodies: Mapping[str, bytes], stored_at: str) -> None:
    """Store contents by their hash; of those that are there already, only the moment of storing changes."""
    # The moment says how long somebody may still need the content.
    rows = [(name, body, stored_at) for name, body in bodies.items()]
    upsert.insert_many(connection, contents, rows, conflict=_AGAIN)


def get(connection: Connection, digests: Collection[str]) -> dict[str, bytes]:
    """Answer the contents with these hashes, as far as they exist."""
    found: dict[str, bytes] = {}
    wanted = list(digests)
    for start in range(0, len(wanted), _ASKED):
        query = sa.select(contents.c.digest, contents.c.body).where(
            contents.c.digest.in_(wanted[start : start + _ASKED])
        )
        found.update((name, bytes(body)) for name, body in connection.execute(query))
    return found
