"""Threat intelligence indicators: the whole document, what queries ask for most beside it, and whose each one is.

The rule: an indicator belongs to the application that made it; only the owner changes it, and an expired one is never
answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import instants, typed
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.kinds import Kind
from sallyport.odata.query import Query
from sallyport.security import stix, to_stix, values
from sallyport.security.observables import (
    DEFENDER,
    INDICATOR_PROPERTIES,
    is_active,
    keys_of_indicator,
    prefixes_of_indicator,
)
from sallyport.store import observables, outbox, pages, pending_searches, schema, stix_feed
from sallyport.store.stix_feed import Entry

KIND = "tiIndicator"
#: What a promoted property may hold at the most, so that either database can index it.
LONGEST = 600

Document = dict[str, Any]

indicators = sa.Table(
    "indicators",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", pages.text(36), nullable=False, unique=True),
    sa.Column("app_id", sa.String(256), nullable=False),
    #: What makes two submissions of one application the same indicator.
    sa.Column("identity", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("external_id", pages.text(LONGEST)),
    sa.Column("target_product", pages.text(LONGEST)),
    sa.Column("threat_type", pages.text(LONGEST)),
    sa.Column("domain_name", pages.text(LONGEST)),
    sa.Column("network_ipv4", pages.text(LONGEST)),
    sa.Column("file_hash_value", pages.text(LONGEST)),
    sa.Column("ingested_at", pages.Instant, nullable=False),
    sa.Column("expires_at", pages.Instant, nullable=False, index=True),
    sa.Column("document", schema.Document, nullable=False),
    sa.UniqueConstraint("app_id", "identity"),
    sqlite_autoincrement=True,
)
sa.Index("ix_indicators_ingested_at", indicators.c.ingested_at, indicators.c.id)
sa.Index("ix_indicators_app_id", indicators.c.app_id, indicators.c.ingested_at, indicators.c.id)
sa.Index("ix_indicators_external_id", indicators.c.external_id)
sa.Index("ix_indicators_threat_type", indicators.c.threat_type, indicators.c.ingested_at, indicators.c.id)

#: Where a property of the resource has a column of its own.
COLUMNS: Mapping[str, sa.Column[Any]] = {
    "id": indicators.c.id,
    "externalId": indicators.c.external_id,
    "targetProduct": indicators.c.target_product,
    "threatType": indicators.c.threat_type,
    "domainName": indicators.c.domain_name,
    "networkIPv4": indicators.c.network_ipv4,
    "fileHashValue": indicators.c.file_hash_value,
    "ingestedDateTime": indicators.c.ingested_at,
    "expirationDateTime": indicators.c.expires_at,
    # Whose an indicator is, is none of its properties.
    "@appId": indicators.c.app_id,
}
_EXPIRES = typed.Property(typed.RESOURCE, (typed.Member("expirationDateTime"),), Kind.DATETIME)
_APP = typed.Property(typed.RESOURCE, (typed.Member("@appId"),), Kind.STRING)

#: What is found by its key: the property's folded path, and how a value becomes a key.
OBSERVED: Mapping[str, Callable[[str], int]] = {
    name.lower(): partial(values.property_key, name) for name in INDICATOR_PROPERTIES
}

SOURCE = pages.Source(indicators, INDICATOR, COLUMNS, observables.indicator_observables, OBSERVED)


@dataclass(frozen=True, slots=True)
class View:
    """What a caller may see: indicators alive at a moment, of one application or (None) of all."""

    now: str
    app_id: str | None


@dataclass(frozen=True, slots=True)
class Indicator:
    """A stored indicator; the document holds what was given, in the schema's casing."""

    sequence: int
    id: str
    app_id: str
    version: int
    document: Document


@dataclass(frozen=True, slots=True)
class New:
    """An indicator that is about to be stored, and what makes it itself."""

    identity: str
    document: Document
    #: The STIX object that it was uploaded as, and its version.
    stix: Document | None = None
    version: str | None = None
    #: Who says that it comes from them; None leaves that as it is.
    source: str | None = None


_RECORD = (indicators.c.sequence, indicators.c.id, indicators.c.app_id, indicators.c.version, indicators.c.document)


def identified(connection: Connection, app_id: str, identity: str) -> Indicator | None:
    """Answer the application's indicator of an identity, expired or not, or None."""
    where = (indicators.c.app_id == app_id, indicators.c.identity == identity)
    return _one(connection, *where)


def identified_many(connection: Connection, app_id: str, identities: Sequence[str]) -> dict[str, Indicator]:
    """Answer the application's indicators of some identities, expired or not, by identity."""
    columns = indicators.c
    statement = sa.select(columns.identity, *_RECORD).where(columns.app_id == app_id, columns.identity.in_(identities))
    return {row[0]: Indicator(*row[1:]) for row in connection.execute(statement)}


def insert(connection: Connection, app_id: str, new: Sequence[New], at: str) -> list[Indicator]:
    """Store new indicators of an application, their events, and what they look for."""
    if not new:
        return []
    # A number drawn here is one behind which nothing comes later: whoever follows the numbers misses nothing.
    schema.ordered(connection, KIND)
    numbers = schema.draw(connection, indicators, len(new))
    rows = [
        {**_row(each.document), "sequence": number, "app_id": app_id, "identity": each.identity, "version": 1}
        for number, each in zip(numbers, new, strict=True)
    ]
    connection.execute(indicators.insert(), rows)
    looked_for = [(number, keys_of_indicator(each.document)) for number, each in zip(numbers, new, strict=True)]
    observables.add(connection, observables.indicator_observables, looked_for)
    observables.name_prefixes(connection, {one for each in new for one in prefixes_of_indicator(each.document)})
    wanted = [number for number, each in zip(numbers, new, strict=True) if is_active(each.document)]
    pending_searches.begin(connection, wanted)
    entries = [_entry(app_id, number, each, at) for number, each in zip(numbers, new, strict=True)]
    stix_feed.add(connection, entries, at)
    outbox.append(connection, KIND, [(each.document["id"], "created") for each in new], at)
    return [
        Indicator(number, each.document["id"], app_id, 1, each.document)
        for number, each in zip(numbers, new, strict=True)
    ]


def get(connection: Connection, view: View, indicator_id: str) -> Indicator | None:
    """Answer an indicator that the caller may see, or None."""
    return _one(connection, indicators.c.id == indicator_id, *_seen(view))


def numbered(connection: Connection, sequence: int) -> Indicator | None:
    """Answer the indicator of a number, expired or not, or None."""
    return _one(connection, indicators.c.sequence == sequence)


def of_external_id(connection: Connection, view: View, external_id: str) -> list[Indicator]:
    """Answer the indicators that carry a provider's own key; one key may serve several target products."""
    statement = sa.select(*_RECORD).where(indicators.c.external_id == external_id, *_seen(view))
    return [Indicator(*row) for row in connection.execute(statement.order_by(indicators.c.sequence))]


def update(connection: Connection, indicator: Indicator, new: New, at: str) -> Indicator:
    """Give a stored indicator a new document, and tell; `indicator` is as it was read in this transaction.

    One that comes to life again, or looks for something else, is looked for in the stored alerts anew.
    """
    document = new.document
    row = {**_row(document), "identity": new.identity, "version": indicator.version + 1}
    connection.execute(indicators.update().where(indicators.c.sequence == indicator.sequence).values(**row))
    before, after = keys_of_indicator(indicator.document), keys_of_indicator(document)
    observables.replace(connection, observables.indicator_observables, indicator.sequence, before, after)
    observables.name_prefixes(connection, prefixes_of_indicator(document))
    if is_active(document) and (before != after or not _looked_for(indicator.document, at)):
        pending_searches.begin(connection, [indicator.sequence])
    shown_as = to_stix.object_id(indicator.document)
    if new.source is None:
        shown = stix_feed.versions(connection, indicator.app_id, [shown_as]).get(shown_as)
        new = replace(new, source=None if shown is None else shown.source)
    if shown_as != to_stix.object_id(document):
        stix_feed.remove(connection, indicator.app_id, [shown_as])
    stix_feed.add(connection, [_entry(indicator.app_id, indicator.sequence, new, at)], at)
    outbox.append(connection, KIND, [(indicator.id, "updated")], at)
    return Indicator(indicator.sequence, indicator.id, indicator.app_id, indicator.version + 1, document)


def delete(connection: Connection, indicator: Indicator, at: str) -> None:
    """Delete an indicator, and tell; the hits that it had are kept."""
    _forget(connection, [indicator])
    outbox.append(connection, KIND, [(indicator.id, "deleted")], at)


def forget_expired(connection: Connection, before: str, limit: int) -> int:
    """Delete indicators that expired before a moment, so many at the most; answers how many there were."""
    # One that is submitted again meanwhile would be brought to life by whoever has found it, and then deleted here.
    schema.ordered(connection, KIND)
    statement = sa.select(*_RECORD).where(indicators.c.expires_at < before).limit(limit)
    gone = [Indicator(*row) for row in connection.execute(statement)]
    _forget(connection, gone)
    return len(gone)


def page(connection: Connection, query: Query, view: View) -> pages.Page[Indicator]:
    """Answer one page of the indicators that a query selects."""
    return pages.read(connection, SOURCE, query, _RECORD, Indicator, _visible(view))


def defenders(connection: Connection, at: str, most: int) -> int:
    """Answer how many indicators for Microsoft Defender are alive, counted as far as `most`."""
    keys, key = observables.indicator_observables.c, values.property_key("targetProduct", DEFENDER)
    alive = (
        sa.select(keys.sequence)
        .join(indicators, indicators.c.sequence == keys.sequence)
        .where(keys.key == key, indicators.c.expires_at > at)
        .limit(most)
    )
    return int(connection.execute(sa.select(sa.func.count()).select_from(alive.subquery())).scalar_one())


def count(connection: Connection, query: Query, view: View) -> int:
    """Answer how many indicators a query selects, whatever its page."""
    return pages.count(connection, SOURCE, query, _visible(view))


def _one(connection: Connection, *where: sa.ColumnElement[bool]) -> Indicator | None:
    row = connection.execute(sa.select(*_RECORD).where(*where)).one_or_none()
    return None if row is None else Indicator(*row)


def _forget(connection: Connection, gone: Sequence[Indicator]) -> None:
    for each in gone:
        keys = keys_of_indicator(each.document)
        observables.remove(connection, observables.indicator_observables, each.sequence, keys)
        stix_feed.remove(connection, each.app_id, [to_stix.object_id(each.document)])
    numbers = [each.sequence for each in gone]
    pending_searches.end(connection, numbers)
    connection.execute(indicators.delete().where(indicators.c.sequence.in_(numbers)))


def _entry(app_id: str, number: int, new: New, at: str) -> Entry:
    object_id, version = to_stix.object_id(new.document), new.version or to_stix.version(at)
    looks_for = stix.pattern_type(new.stix) if new.stix else to_stix.pattern_type(new.document)
    source = new.source or to_stix.SOURCE
    return Entry(object_id, app_id, stix_feed.INDICATOR, version, number, new.stix, source, looks_for)


def _looked_for(document: Document, at: str) -> bool:
    expires = instants.sortable(document["expirationDateTime"]) or at
    return is_active(document) and expires > at


def _visible(view: View) -> list[typed.Value]:
    """Answer what `_seen` says, for a query that chooses its index."""
    alive = typed.Compare("gt", _EXPIRES, typed.Constant(Kind.DATETIME, view.now))
    if view.app_id is None:
        return [alive]
    return [alive, typed.Compare("eq", _APP, typed.Constant(Kind.STRING, view.app_id))]


def _seen(view: View) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [indicators.c.expires_at > view.now]
    if view.app_id is not None:
        conditions.append(indicators.c.app_id == view.app_id)
    return conditions


def _row(document: Document) -> dict[str, Any]:
    return {**SOURCE.promoted(document), "document": document}
