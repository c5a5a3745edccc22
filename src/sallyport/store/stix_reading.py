"""Reads the feed of STIX objects, page by page, each with the indicator that it means.

The rule: an indicator that has expired is not shown, and no application sees another's objects unless it may see all.
"""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import stix_feed
from sallyport.store.indicators import indicators
from sallyport.store.stix_feed import INDICATOR, Placed, Selection

#: What is told of an indicator that nobody said it of.
UNKNOWN = "unknown"
_FEED = stix_feed.stix_feed
_MEANT = _FEED.outerjoin(indicators, _FEED.c.indicator == indicators.c.sequence)


def page(connection: Connection, selection: Selection, limit: int) -> list[Placed]:
    """Answer the next objects of a selection, in the order in which they were added, or the other way round."""
    statement = (
        sa.select(*_FEED.c, indicators.c.document.label("meant"))
        .select_from(_MEANT)
        .where(*_conditions(selection))
        .order_by(_FEED.c.place if selection.before is None else _FEED.c.place.desc())
        .limit(limit)
    )
    return [stix_feed.placed(row) for row in connection.execute(statement).mappings()]


def is_there(connection: Connection, selection: Selection) -> bool:
    """Answer whether a selection holds anything at all."""
    statement = sa.select(_FEED.c.place).select_from(_MEANT).where(*_conditions(selection)).limit(1)
    return connection.execute(statement).first() is not None


def numbers(connection: Connection, app_id: str | None) -> dict[str, dict[str, int]]:
    """Answer how many indicators are stored, of one application or of all: by `source`, `pattern_type`, `threat_type`.

    Those that have expired count until they are forgotten.
    """
    told = (_FEED.c.source, _FEED.c.pattern_type)
    statement = sa.select(*told, sa.func.count()).where(_FEED.c.type == INDICATOR).group_by(*told)
    threats = sa.select(indicators.c.threat_type, sa.func.count()).group_by(indicators.c.threat_type)
    if app_id is not None:
        statement, threats = statement.where(_FEED.c.app_id == app_id), threats.where(indicators.c.app_id == app_id)
    found: dict[str, Counter[str]] = {name: Counter() for name in ("source", "pattern_type", "threat_type")}
    for source, pattern_type, number in connection.execute(statement):
        found["source"][source or UNKNOWN] += number
        found["pattern_type"][pattern_type or UNKNOWN] += number
    for threat_type, number in connection.execute(threats):
        found["threat_type"][threat_type or UNKNOWN] += number
    return {name: dict(counted) for name, counted in found.items()}


def _conditions(selection: Selection) -> list[sa.ColumnElement[bool]]:
    columns = _FEED.c
    found: list[sa.ColumnElement[bool]] = [
        columns.place > selection.after,
        sa.or_(columns.indicator.is_(None), indicators.c.expires_at > selection.now),
    ]
    if selection.app_id is not None:
        found.append(columns.app_id == selection.app_id)
    if selection.ids is not None:
        found.append(columns.object_id.in_(selection.ids))
    if selection.before is not None:
        found.append(columns.place < selection.before)
    if selection.sources is not None:
        found.append(columns.source.in_(selection.sources))
    if selection.versions is not None:
        found.append(columns.version.in_(selection.versions))
    if selection.types is not None:
        found.append(columns.type.in_(selection.types))
        if INDICATOR not in selection.types:
            # Said once more in the words of the partial index, which is then used.
            found.append(columns.type != sa.literal_column("'indicator'"))
    return found
