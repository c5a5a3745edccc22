"""Looks for new indicators in the alerts that were stored before them, a portion in each transaction.

The rule: a portion takes the same lock as whoever stores alerts, so that an alert and an indicator that arrive at the
same time meet in the one transaction or in the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import instants
from sallyport.security import observables as meant
from sallyport.security.values import Kind
from sallyport.store import alerts, matches, matching, observables, pending_searches, schema
from sallyport.store.indicators import indicators

#: How many searches share a transaction, and how many alerts it looks at.
_SEARCHES = 200
_ALERTS = 500


def work(connection: Connection, at: str, since: str) -> int:
    """Do one portion of what is pending; answers how many searches it moved, 0 when nothing is pending.

    Only alerts created at `since` or later are looked at.
    """
    schema.ordered(connection, alerts.KIND)
    pending = pending_searches.oldest(connection, _SEARCHES)
    documents = _active(connection, [each.indicator for each in pending], at)
    left = _ALERTS
    moved = 0
    for search in pending:
        if left == 0:
            break
        moved += 1
        document = documents.get(search.indicator)
        found = [] if document is None else _candidates(connection, document, search.after, left)
        if document is not None and found:
            _look(connection, found, document, at, since)
        if len(found) < left:
            pending_searches.end(connection, [search.indicator])
        else:
            pending_searches.go_on(connection, search, found[-1])
        left -= len(found)
    return moved


def _candidates(connection: Connection, indicator: alerts.Document, after: int, limit: int) -> list[int]:
    """Answer the numbers of alerts that share a key with an indicator, behind a number and in their order."""
    table = observables.alert_observables
    sought = meant.of_indicator(indicator)
    keys = {each.key for each in sought if each.kind is not Kind.NETWORK}
    blocks = [observables.within(table, each.value) for each in sought if each.kind is Kind.NETWORK]
    statement = (
        sa.select(table.c.sequence)
        .where(sa.or_(table.c.key.in_(keys), *blocks), table.c.sequence > after)
        .distinct()
        .order_by(table.c.sequence)
        .limit(limit)
    )
    return list(connection.scalars(statement)) if sought else []


def _look(connection: Connection, found: Sequence[int], indicator: alerts.Document, at: str, since: str) -> None:
    stored = alerts.numbered(connection, found, since)
    known = matches.known(connection, [each.id for each in stored])
    now = instants.wire(at) or at
    for alert in stored:
        if (alert.id, indicator["id"]) in known:
            continue
        matched = matching.matched(alert.document, [indicator], now)
        if matched.hits:
            document = {**matched.document, "lastModifiedDateTime": now}
            alerts.update(connection, alert, document, at)
            matches.add(connection, [(alert.id, matched.hits)], at)


def _active(connection: Connection, numbers: Sequence[int], at: str) -> dict[int, alerts.Document]:
    columns = indicators.c
    statement = sa.select(columns.sequence, columns.document).where(
        columns.sequence.in_(numbers), columns.expires_at > at
    )
    rows = connection.execute(statement)
    return {row.sequence: row.document for row in rows if meant.is_active(row.document)}
