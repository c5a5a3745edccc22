"""A table of resources on each database, as the store lays it out: some columns, and the whole document beside them.

Every question is asked twice, once with columns and once from the document alone; the answers must be equal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from sallyport.odata import promoted, to_sql, typed
from sallyport.odata.fields import Entity
from sallyport.odata.orderby import OrderTerm
from sallyport.odata.ordering import Ordering

Json = dict[str, Any]

#: Columns of a table, by the path that each holds.
COLUMNS: Mapping[str, Mapping[str, type[Any]]] = {
    "microsoft.graph.alert": {
        "severity": Integer,
        "status": Integer,
        "category": Text,
        "title": Text,
        "assignedTo": Text,
        "confidence": Float,
        "vendorInformation/provider": Text,
        "vendorInformation/vendor": Text,
        "createdDateTime": String,
        "eventDateTime": String,
        "lastModifiedDateTime": String,
    },
    "microsoft.graph.tiIndicator": {
        "externalId": Text,
        "threatType": Text,
        "networkIPv4": Text,
        "isActive": Boolean,
        "severity": Integer,
        "expirationDateTime": String,
    },
    "microsoft.graph.security.alert": {"status": Integer, "severity": Integer, "serviceSource": Integer},
    "microsoft.graph.security.incident": {"status": Integer, "severity": Integer, "displayName": Text},
}


class Resources:
    """One table of one entity on one database."""

    def __init__(self, engine: Engine, entity: Entity) -> None:
        self.engine = engine
        self.entity = entity
        self._promoted = COLUMNS[self.entity.name]
        self._table = Table(
            self.entity.name.rpartition(".")[2] + "_" + str(len(self.entity.name)),
            MetaData(),
            Column("id", Text, primary_key=True),
            *(Column(path, kind) for path, kind in self._promoted.items()),
            Column("document", JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        )
        self._table.drop(self.engine, checkfirst=True)
        self._table.create(self.engine)

    def fill(self, resources: Iterable[Json]) -> None:
        """Replace what the table holds."""
        readers = {path: promoted.reader(path, self.entity) for path in self._promoted}
        rows = [
            {"id": each["id"], "document": each, **{path: read(each) for path, read in readers.items()}}
            for each in resources
        ]
        with self.engine.begin() as connection:
            connection.execute(self._table.delete())
            if rows:
                connection.execute(insert(self._table), rows)

    def selected(self, condition: typed.Filter | None) -> set[str]:
        """Answer the ids of what a filter selects, after asking both ways."""
        answers = [self._ids(condition, columns) for columns in (self.columns(), {})]
        assert answers[0] == answers[1], "columns and document disagree"
        return answers[0]

    def columns(self) -> dict[str, Any]:
        """Answer the columns by path."""
        return {"id": self._table.c.id, **{path: self._table.c[path] for path in self._promoted}}

    def pages(self, terms: tuple[OrderTerm, ...], size: int) -> list[list[str]]:
        """Answer the ids of all pages, following tokens."""
        order = Ordering(terms, self.columns(), self._table.c.document, self._dialect)
        token: str | None = None
        pages: list[list[str]] = []
        with self.engine.connect() as connection:
            while True:
                chosen = select(self._table.c.id, *order.keys()).where(order.after(token))
                rows = connection.execute(chosen.order_by(*order.clauses()).limit(size)).all()
                if not rows:
                    return pages
                pages.append([row[0] for row in rows])
                token = order.token(rows[-1][1:])

    @property
    def _dialect(self) -> to_sql.Dialect:
        return "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"

    def _ids(self, condition: typed.Filter | None, columns: Mapping[str, Any]) -> set[str]:
        where = to_sql.to_sql(condition, self.entity, columns, self._table.c.document, self._dialect)
        with self.engine.connect() as connection:
            return set(connection.scalars(select(self._table.c.id).where(where)))


def engine(url: str) -> Engine:
    """Answer an engine that stores documents as the store does: texts beyond ASCII as themselves."""
    return create_engine(url, json_serializer=lambda value: json.dumps(value, ensure_ascii=False))
