"""Hits: which alert mentions what which indicator looks for; one for each pair, numbered in the order of commits.

The rule: a hit is kept as it was found, whatever becomes of the indicator; it goes with its alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.security.matching import Hit
from sallyport.store import pages, schema, upsert

KIND = "match"

matches = sa.Table(
    "matches",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("alert_id", pages.text(256), nullable=False),
    sa.Column("indicator_id", pages.text(36), nullable=False),
    #: What was found, and where: a property of the alert, its value, the property of the indicator.
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("path", sa.String(80), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("property", sa.String(80), nullable=False),
    #: As the indicator said at that time.
    sa.Column("action", sa.String(32)),
    sa.Column("target_product", sa.String(600)),
    sa.Column("passive_only", sa.Boolean, nullable=False),
    sa.Column("matched_at", schema.Instant, nullable=False),
    #: What the alert repeats of the indicator.
    sa.Column("document", schema.Document, nullable=False),
    sa.UniqueConstraint("alert_id", "indicator_id"),
    sqlite_autoincrement=True,
)
sa.Index("ix_matches_indicator_id", matches.c.indicator_id, matches.c.sequence)


@dataclass(frozen=True, slots=True)
class Match:
    """A stored hit."""

    sequence: int
    alert_id: str
    indicator_id: str
    kind: str
    path: str
    value: str
    property: str
    action: str | None
    target_product: str | None
    passive_only: bool
    matched_at: str
    document: dict[str, Any]


def add(connection: Connection, found: Iterable[tuple[str, Sequence[Hit]]], at: str) -> None:
    """Store new hits, given as pairs of an alert's id and what was found in it."""
    rows = [_row(alert_id, hit, at) for alert_id, hits in found for hit in hits]
    if rows:
        schema.ordered(connection, KIND)
        connection.execute(upsert.ignoring(connection, matches), rows)


def known(connection: Connection, alert_ids: Sequence[str]) -> set[tuple[str, str]]:
    """Answer which indicators hit these alerts already, as pairs of the alert's and the indicator's id."""
    if not alert_ids:
        return set()
    statement = sa.select(matches.c.alert_id, matches.c.indicator_id).where(matches.c.alert_id.in_(alert_ids))
    return {(row.alert_id, row.indicator_id) for row in connection.execute(statement)}


def of_alert(connection: Connection, alert_id: str, after: int, limit: int) -> list[Match]:
    """Answer hits of an alert behind a number, the oldest first."""
    return _read(connection, limit, matches.c.alert_id == alert_id, matches.c.sequence > after)


def of_indicator(connection: Connection, indicator_id: str, after: int, limit: int) -> list[Match]:
    """Answer hits of an indicator behind a number, the oldest first."""
    return _read(connection, limit, matches.c.indicator_id == indicator_id, matches.c.sequence > after)


def between(connection: Connection, after: int, through: int, limit: int) -> list[Match]:
    """Answer the hits with a number above `after` and up to `through`, in that order."""
    return _read(connection, limit, matches.c.sequence > after, matches.c.sequence <= through)


def highest(connection: Connection) -> int:
    """Answer the number of the newest hit, 0 when there is none."""
    return int(connection.execute(sa.select(sa.func.max(matches.c.sequence))).scalar() or 0)


def forget(connection: Connection, alert_id: str) -> None:
    """Delete the hits of an alert."""
    connection.execute(matches.delete().where(matches.c.alert_id == alert_id))


def _read(connection: Connection, limit: int, *where: sa.ColumnElement[bool]) -> list[Match]:
    statement = sa.select(matches).where(*where).order_by(matches.c.sequence).limit(limit)
    return [Match(*row) for row in connection.execute(statement)]


def _row(alert_id: str, hit: Hit, at: str) -> dict[str, Any]:
    return {
        "alert_id": alert_id,
        "indicator_id": hit.indicator_id,
        "kind": hit.kind.value,
        "path": hit.path,
        "value": hit.value,
        "property": hit.property,
        "action": hit.action,
        "target_product": hit.target_product,
        "passive_only": hit.passive_only,
        "matched_at": at,
        "document": hit.shown,
    }
