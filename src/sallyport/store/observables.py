"""What stored alerts mention and stored indicators look for, by key: how they find each other and queries find them.

The rule: rows are written in the transaction that stores the document, and one row too many does no harm: a key only
proposes, and whoever reads looks at the document again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection

from sallyport.security import values
from sallyport.store import documents, schema, upsert

#: The numbers of alerts by the keys of what they mention. In a table in the order of the keys they lie anywhere, and
#: SQLite writes whole pages: a bucket for each so many alerts keeps together what is written together.
BUCKET_BITS = 13
alert_observables = sa.Table(
    "alert_observables",
    schema.metadata,
    sa.Column("bucket", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
#: The numbers of indicators by the keys of what stands in them.
indicator_observables = sa.Table(
    "indicator_observables",
    schema.metadata,
    sa.Column("key", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
#: The lengths of the networks that indicators name; one that no indicator names any more does no harm.
indicator_prefixes = sa.Table(
    "indicator_prefixes",
    schema.metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("length", sa.Integer, primary_key=True, autoincrement=False),
)


def add(connection: Connection, table: sa.Table, found: Iterable[tuple[int, Iterable[int]]]) -> None:
    """Store the keys of new documents, given as pairs of number and keys."""
    rows: list[tuple[int, ...]] = sorted((key, sequence) for sequence, keys in found for key in keys)
    if table is alert_observables:
        # In the order of their index but for the first bucket's end: the pages are visited one behind the other.
        bits = _bits(connection)
        rows = [(sequence >> bits, key, sequence) for key, sequence in rows]
    if connection.dialect.name == "postgresql":
        _add_lists(connection, table, rows)
    else:
        upsert.insert_many(connection, table, rows)


def _add_lists(connection: Connection, table: sa.Table, rows: Sequence[tuple[int, ...]]) -> None:
    """Insert rows as a list for each column: PostgreSQL takes a list apart faster than ten thousand parameters."""
    if rows:
        lists = ", ".join(["%s::bigint[]"] * len(table.columns))
        statement = f"INSERT INTO {table.name} SELECT * FROM unnest({lists})"  # noqa: S608 - a name of ours
        connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))


def replace(connection: Connection, table: sa.Table, sequence: int, before: set[int], after: set[int]) -> None:
    """Change the keys of a document; those that it keeps are left alone."""
    remove(connection, table, sequence, before - after)
    add(connection, table, [(sequence, after - before)])


def remove(connection: Connection, table: sa.Table, sequence: int, keys: Iterable[int]) -> None:
    """Forget keys of a document, however many they are."""
    gone = sorted(keys)
    if not gone:
        return
    listed, named = _listed(connection, gone)
    chosen = table.c.key.in_(sa.select(named).select_from(listed))
    forgotten = table.delete().where(table.c.sequence == sequence, chosen)
    if table is alert_observables:
        forgotten = forgotten.where(table.c.bucket == sequence >> _bits(connection))
    connection.execute(forgotten)


def numbers(connection: Connection, table: sa.Table, keys: Iterable[int]) -> sa.Select[tuple[int]]:
    """Answer the statement of the numbers of documents under any of a few keys."""
    return sa.select(table.c.sequence).where(table.c.key.in_(sorted(keys)), *_bucketed(connection, table, 0))


def behind(connection: Connection, keys: Iterable[int], blocks: Iterable[str], after: int, limit: int) -> list[int]:
    """Answer the numbers of alerts under some keys or with an address in some networks, behind a number, in order."""
    table = alert_observables
    conditions = [table.c.key == key for key in sorted(keys)] + [within(table, block) for block in blocks]
    if not conditions:
        return []
    buckets = _bucketed(connection, table, after)
    each = (
        sa.select(table.c.sequence).where(condition, *buckets, table.c.sequence > after) for condition in conditions
    )
    found = sa.union(*each).subquery("found")
    return list(connection.scalars(sa.select(found.c.sequence).order_by(found.c.sequence).limit(limit)))


def _bits(connection: Connection) -> int:
    """Answer how many bits of a number are not its bucket's: on PostgreSQL, which logs rows, all are in one."""
    return 63 if connection.dialect.name == "postgresql" else BUCKET_BITS


def _bucketed(connection: Connection, table: sa.Table, after: int) -> list[sa.ColumnElement[bool]]:
    """Answer the condition that a row is in one of the buckets of numbers behind a number: one look into each."""
    if table is not alert_observables:
        return []
    if connection.dialect.name == "postgresql":
        return [table.c.bucket == 0]
    # Two statements: SQLite finds either end of an index at once, but not both.
    lowest, highest = (
        connection.execute(sa.select(end(table.c.bucket))).scalar() for end in (sa.func.min, sa.func.max)
    )
    if lowest is None or highest is None:
        return [sa.false()]
    after_lowest = range(max(int(lowest), after >> BUCKET_BITS), int(highest) + 1)
    listed, _ = _listed(connection, after_lowest, "buckets")
    return [table.c.bucket.in_(sa.select(listed.c.value))]


def found(connection: Connection, table: sa.Table, keys: Iterable[int]) -> list[tuple[int, int]]:
    """Answer the documents under any number of keys, as pairs of key and number."""
    sought = sorted(keys)
    if not sought:
        return []
    listed, named = _listed(connection, sought)
    statement = sa.select(table.c.key, table.c.sequence).select_from(listed.join(table, table.c.key == named))
    return [(int(key), int(sequence)) for key, sequence in connection.execute(statement)]


def none(connection: Connection, table: sa.Table) -> bool:
    """Answer whether there is nothing to be found at all."""
    return connection.execute(sa.select(table.c.sequence).limit(1)).first() is None


def present(connection: Connection, table: sa.Table, keys: Iterable[int]) -> set[int]:
    """Answer under which of any number of keys there is a document at all."""
    sought = sorted(keys)
    if not sought:
        return set()
    listed, named = _listed(connection, sought)
    there = sa.exists().where(table.c.key == named, *_bucketed(connection, table, 0))
    return {int(key) for key in connection.scalars(sa.select(named).select_from(listed).where(there))}


def name_prefixes(connection: Connection, prefixes: Iterable[tuple[int, int]]) -> None:
    """Remember that indicators name networks of these lengths."""
    rows = [{"version": version, "length": length} for version, length in prefixes]
    if rows:
        connection.execute(upsert.ignoring(connection, indicator_prefixes), rows)


def prefixes(connection: Connection) -> list[tuple[int, int]]:
    """Answer the versions and lengths of the networks that indicators name."""
    rows = connection.execute(sa.select(indicator_prefixes.c.version, indicator_prefixes.c.length))
    return [(int(version), int(length)) for version, length in rows]


def within(table: sa.Table, block: str) -> sa.ColumnElement[bool]:
    """Answer the condition that a row's key is that of an address in a network."""
    read = values.network(block)
    assert read is not None
    return table.c.key.between(*values.key_range(read))


def _listed(connection: Connection, sought: Sequence[int], name: str = "sought") -> tuple[Any, sa.ColumnElement[int]]:
    """Answer the numbers as a relation of one parameter, however many they are, and its column."""
    if connection.dialect.name == "postgresql":
        numbers = sa.cast(sa.literal(list(sought), postgresql.ARRAY(sa.BigInteger)), postgresql.ARRAY(sa.BigInteger))
        named = sa.func.unnest(numbers).table_valued(sa.column("value", sa.BigInteger), name=name)
        relation = named.render_derived()
    else:
        text = documents.dumps(list(sought)).decode()
        relation = sa.func.json_each(sa.literal(text)).table_valued(sa.column("value", sa.BigInteger), name=name)
    return relation, relation.c.value
