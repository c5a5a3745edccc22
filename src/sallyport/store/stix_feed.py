"""The feed of STIX objects in the order in which they were added: what TAXII reads, and what was uploaded as it was.

The rule: every change of an object moves it to the end of the feed; no two objects share a place, so that "everything
added after" misses nothing and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.security import to_stix
from sallyport.store import pages, schema, upsert

KIND = "stix"
INDICATOR = "indicator"

stix_feed = sa.Table(
    "stix_feed",
    schema.metadata,
    #: When it was added, in microseconds since 1970; no two are equal.
    sa.Column("place", schema.Sequence, primary_key=True, autoincrement=False),
    sa.Column("object_id", pages.text(300), nullable=False),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("type", pages.text(250), nullable=False),
    #: Sortable text: when the object says that it was modified.
    sa.Column("version", pages.Instant, nullable=False),
    #: The number of the indicator that it means, when it means one.
    sa.Column("indicator", sa.BigInteger),
    #: The object as it was given; null when it is drawn from its indicator.
    sa.Column("document", schema.Document),
    #: Who says that it comes from them; null for what was stored before anybody was asked.
    sa.Column("source", pages.text(256)),
    #: What an indicator's pattern looks for first, such as `ipv4-addr`.
    sa.Column("pattern_type", pages.text(64)),
    sa.UniqueConstraint("object_id", "app_id"),
)
sa.Index("ix_stix_feed_app_id", stix_feed.c.app_id, stix_feed.c.place)
sa.Index("ix_stix_feed_source", stix_feed.c.source, stix_feed.c.pattern_type, stix_feed.c.place)
_OTHERS = stix_feed.c.type != sa.literal_column("'indicator'")
sa.Index("ix_stix_feed_type", stix_feed.c.type, stix_feed.c.place, sqlite_where=_OTHERS, postgresql_where=_OTHERS)

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """An object that is added or changed."""

    object_id: str
    app_id: str
    type: str
    version: str
    indicator: int | None
    document: dict[str, Any] | None
    source: str | None = None
    pattern_type: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """An object in the feed, and the document of the indicator that it means."""

    place: int
    object_id: str
    app_id: str
    type: str
    version: str
    indicator: int | None
    document: dict[str, Any] | None
    source: str | None
    pattern_type: str | None
    meant: dict[str, Any] | None

    @property
    def added_at(self) -> datetime:
        """Answer when the object was added."""
        return moment(self.place)

    @property
    def shown(self) -> dict[str, Any]:
        """Answer the object as readers see it: as it was given, or drawn from its indicator."""
        if self.document is not None:
            return self.document
        return to_stix.indicator(self.meant or {}, to_stix.time(self.version))


@dataclass(frozen=True, slots=True)
class Selection:
    """What a reader asks for; None asks for everything."""

    #: Indicators that have expired by then are not shown.
    now: str
    app_id: str | None = None
    after: int = 0
    ids: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None
    versions: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    #: The other way round: what was added last comes first, from before this place.
    before: int | None = None


def moment(place: int) -> datetime:
    """Answer the moment of a place in the feed."""
    return _BEGINNING + timedelta(microseconds=place)


def place(at: datetime) -> int:
    """Answer the place of a moment in the feed."""
    return (at - _BEGINNING) // timedelta(microseconds=1)


def add(connection: Connection, entries: Sequence[Entry], at: str) -> None:
    """Put objects at the end of the feed, in their order; those that are there already are moved."""
    if not entries:
        return
    schema.ordered(connection, KIND)
    last = int(connection.execute(sa.select(sa.func.max(stix_feed.c.place))).scalar() or 0)
    first = max(last + 1, place(schema.moment(at)))
    rows = [
        {
            "place": first + index,
            "object_id": entry.object_id,
            "app_id": entry.app_id,
            "type": entry.type,
            "version": entry.version,
            "indicator": entry.indicator,
            "document": entry.document,
            "source": entry.source,
            "pattern_type": entry.pattern_type,
        }
        for index, entry in enumerate(entries)
    ]
    connection.execute(upsert.replacing(connection, stix_feed, ["object_id", "app_id"]), rows)


def remove(connection: Connection, app_id: str, object_ids: Sequence[str]) -> None:
    """Take objects of an application out of the feed."""
    columns = stix_feed.c
    connection.execute(stix_feed.delete().where(columns.object_id.in_(object_ids), columns.app_id == app_id))


def versions(connection: Connection, app_id: str, object_ids: Sequence[str]) -> dict[str, Placed]:
    """Answer an application's objects of some ids, by id; without what they mean."""
    columns = stix_feed.c
    where = (columns.object_id.in_(object_ids), columns.app_id == app_id)
    rows = connection.execute(sa.select(stix_feed, sa.null().label("meant")).where(*where))
    return {row["object_id"]: placed(row) for row in rows.mappings()}


def placed(row: sa.RowMapping) -> Placed:
    """Answer an object in the feed from its columns, and the document of its indicator as `meant`."""
    return Placed(**{name: row[name] for name in Placed.__match_args__})
