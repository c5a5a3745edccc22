"""What alerts mention and indicators look for, and the hits between them.

What is stored already gets its keys here; indicators that are stored are then looked for in it as if they were new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.engine import Connection

from sallyport.security import observables
from sallyport.store.schema import Document, Sequence
from sallyport.store.schema import metadata as current

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

metadata = sa.MetaData(naming_convention=current.naming_convention)
_AT_ONCE = 1_000


def _text(length: int) -> sa.types.TypeEngine[str]:
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def upgrade() -> None:
    """Create the tables and fill them."""
    connection = op.get_bind()
    metadata.create_all(connection)
    op.create_index("ix_indicators_app_id", "indicators", ["app_id", "ingested_at", "id"])
    for _, documents in _stored(connection, "alerts"):
        _keep(connection, alert_observables, documents, observables.keys_of_alert)
    for numbers, documents in _stored(connection, "indicators"):
        _keep(connection, indicator_observables, documents, observables.keys_of_indicator)
        named = {prefix for _, document in documents for prefix in observables.prefixes_of_indicator(document)}
        known = {(row.version, row.length) for row in connection.execute(sa.select(indicator_prefixes))}
        _insert(connection, indicator_prefixes, ({"version": one, "length": two} for one, two in named - known))
        _insert(connection, pending_searches, ({"indicator": number, "after": 0} for number in numbers))


def _stored(connection: Connection, name: str) -> Iterable[tuple[list[int], list[tuple[int, dict[str, Any]]]]]:
    table = sa.table(name, sa.column("sequence", sa.BigInteger), sa.column("document", Document))
    after = 0
    while True:
        statement = sa.select(table.c.sequence, table.c.document).where(table.c.sequence > after)
        rows = [
            (row.sequence, row.document)
            for row in connection.execute(statement.order_by(table.c.sequence).limit(_AT_ONCE))
        ]
        if not rows:
            return
        yield [number for number, _ in rows], rows
        after = rows[-1][0]


def _keep(
    connection: Connection,
    table: sa.Table,
    documents: Iterable[tuple[int, dict[str, Any]]],
    keys: Callable[[dict[str, Any]], set[int]],
) -> None:
    _insert(connection, table, ({"key": key, "sequence": number} for number, each in documents for key in keys(each)))


def _insert(connection: Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    if given := list(rows):
        connection.execute(table.insert(), given)


alert_observables = sa.Table(
    "alert_observables",
    metadata,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

indicator_observables = sa.Table(
    "indicator_observables",
    metadata,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

indicator_prefixes = sa.Table(
    "indicator_prefixes",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("length", sa.Integer, primary_key=True, autoincrement=False),
)

pending_searches = sa.Table(
    "pending_searches",
    metadata,
    sa.Column("indicator", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("after", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

sa.Table(
    "matches",
    metadata,
    sa.Column("sequence", Sequence, primary_key=True, autoincrement=True),
    sa.Column("alert_id", _text(256), nullable=False),
    sa.Column("indicator_id", _text(36), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("path", sa.String(80), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("property", sa.String(80), nullable=False),
    sa.Column("action", sa.String(32)),
    sa.Column("target_product", sa.String(600)),
    sa.Column("passive_only", sa.Boolean, nullable=False),
    sa.Column("matched_at", sa.String(28), nullable=False),
    sa.Column("document", Document, nullable=False),
    sa.UniqueConstraint("alert_id", "indicator_id"),
    sa.Index("ix_matches_indicator_id", "indicator_id", "sequence"),
    sqlite_autoincrement=True,
)
