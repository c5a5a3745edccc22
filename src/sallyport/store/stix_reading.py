"""Reads the feed of STIX objects, page by page, each with the indicator that it means.

The rule: an indicator that has expired is not shown, and no application sees another's objects unless it may see all.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import stix_feed
from sallyport.store.indicators import indicators
from sallyport.store.stix_feed import INDICATOR, Placed, Selection

_FEED = stix_feed.stix_feed
_MEANT = _FEED.outerjoin(indicators, _FEED.c.indicator == indicators.c.sequence)


def page(connection: Connection, selection: Selection, limit: int) -> list[Placed]:
    """Answer the next objects of a selection, in the order in which they were added."""
    statement = (
        sa.select(*_FEED.c, indicators.c.document.label("meant"))
        .select_from(_MEANT)
        .where(*_conditions(selection))
        .order_by(_FEED.c.place)
        .limit(limit)
    )
    return [stix_feed.placed(row) for row in connection.execute(statement).mappings()]


def is_there(connection: Connection, selection: Selection) -> bool:
    """Answer whether a selection holds anything at all."""
    statement = sa.select(_FEED.c.place).select_from(_MEANT).where(*_conditions(selection)).limit(1)
    return connection.execute(statement).first() is not None


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
    if selection.versions is not None:
        found.append(columns.version.in_(selection.versions))
    if selection.types is not None:
        found.append(columns.type.in_(selection.types))
        if INDICATOR not in selection.types:
            # Said once more in the words of the partial index, which is then used.
            found.append(columns.type != sa.literal_column("'indicator'"))
    return found
