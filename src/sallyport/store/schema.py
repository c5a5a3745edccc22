"""What every table shares: the metadata, the column types, and the order in which changes become visible.

The rule: a reader that asks for "everything after number N" may trust the numbers only where their writer called
`ordered` first.
"""

from __future__ import annotations

import zlib
from collections import abc
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from sallyport.store import documents

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: A moment as fixed-width text, `YYYY-MM-DDTHH:MM:SS.fffffffZ`: it sorts as it reads, and keeps 100 ns.
Instant = sa.String(28)

#: A JSON document kept whole: text on SQLite, JSONB on PostgreSQL.
Document = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")

#: A number that the database draws, ascending in the order of commits where the writer called `ordered`.
Sequence = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: Sequences that one transaction may draw from in any order, because what different callers write is gathered into one:
#: they share a lock, so that no two transactions wait for each other. Most of them end at the outbox anyway.
_RESOURCES = frozenset({"alert", "consent", "incident", "lanes", "leases", "match", "outbox", "stix", "tiIndicator"})


def instant(moment: datetime) -> str:
    """Answer a moment as the text that `Instant` columns hold."""
    universal = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    # Cut off behind the microseconds: what follows is the offset.
    return universal.isoformat(timespec="microseconds")[:26] + "0Z"


def moment(instant_text: str) -> datetime:
    """Answer the moment that an `Instant` column holds, cut to microseconds."""
    return datetime.fromisoformat(instant_text)


def ordered(connection: Connection, sequence: str) -> None:
    """Make numbers drawn from now on in this transaction visible in the order in which they were drawn.

    SQLite has one writer, so they always are; on PostgreSQL a transaction-level advisory lock keeps a later number from
    being committed before an earlier one. Whoever changes one of the resources asks here before it changes a row.
    """
    if connection.dialect.name == "postgresql":
        name = "resources" if sequence in _RESOURCES else sequence
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(name.encode()))))


def listed(connection: Connection, texts: abc.Sequence[str]) -> sa.Select[tuple[str]]:
    """Answer texts, however many they are, as a statement that takes them as one parameter."""
    if connection.dialect.name == "postgresql":
        array = postgresql.ARRAY(sa.Text)
        named = sa.func.unnest(sa.cast(sa.literal(list(texts), array), array)).table_valued(sa.column("value", sa.Text))
        return sa.select(named.render_derived().c.value)
    given = sa.literal(documents.text(list(texts)))
    return sa.select(sa.func.json_each(given).table_valued(sa.column("value", sa.Text)).c.value)


def draw(connection: Connection, table: sa.Table, count: int) -> list[int]:
    """Answer the next numbers of a table, for rows that name their own; nobody else will be given them.

    The writer has called `ordered`, or is SQLite's only one.
    """
    if connection.dialect.name == "postgresql":
        owned = sa.func.nextval(sa.func.pg_get_serial_sequence(table.name, "sequence"))
        return list(connection.scalars(sa.select(owned).select_from(sa.func.generate_series(1, count).alias())))
    last = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar()
    first = int(last or 0) + 1
    return list(range(first, first + count))
