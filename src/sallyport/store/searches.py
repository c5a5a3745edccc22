"""Looks for new indicators in the alerts that were stored before them, a portion at a time.

The rule: what a portion has read is looked at again, under the lock of whoever stores alerts, before it is settled: an
indicator that changed meanwhile stays pending. An alert that arrives meanwhile finds the indicator by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import instants
from sallyport.security import observables as meant
from sallyport.security.values import Kind
from sallyport.store import alerts, matches, matching, observables, pending_searches, schema
from sallyport.store.indicators import indicators
from sallyport.store.pending_searches import Search

#: How many searches are looked at together, and how many alerts one transaction changes at the most.
_SEARCHES = 1_000
_ALERTS = 500


@dataclass(frozen=True, slots=True)
class _Step:
    """How far one search goes in a portion."""

    search: Search
    #: The indicator's version as it was read; None when it is gone, or not looked for any more.
    version: int | None
    #: The numbers of alerts that may mention it, in their order.
    found: list[int]
    #: Whether there are no more of them.
    ends: bool


@dataclass(frozen=True, slots=True)
class Portion:
    """What can be settled next; an empty one says that nothing is pending."""

    steps: list[_Step]


@dataclass(frozen=True, slots=True)
class _Sought:
    """An indicator that is looked for."""

    version: int
    document: alerts.Document


def look(connection: Connection, at: str) -> Portion:
    """Answer the next portion of what is pending; it only reads."""
    pending = pending_searches.oldest(connection, _SEARCHES)
    sought = _sought(connection, [each.indicator for each in pending], at)
    keys = {each.key for one in sought.values() for each in meant.of_indicator(one.document)}
    present = observables.present(connection, observables.alert_observables, keys)
    left, steps = _ALERTS, []
    for search in pending:
        if left == 0:
            break
        one = sought.get(search.indicator)
        may_be = one is not None and _may_be_found(one.document, present)
        found = _candidates(connection, one.document, search.after, left) if one is not None and may_be else []
        steps.append(_Step(search, None if one is None else one.version, found, len(found) < left))
        left -= len(found)
    return Portion(steps)


def settle(connection: Connection, portion: Portion, at: str, since: str) -> None:
    """Store the hits of a portion, of alerts created at `since` or later, and remember how far each search has come."""
    schema.ordered(connection, alerts.KIND)
    sought = _sought(connection, [each.search.indicator for each in portion.steps], at)
    over: list[int] = []
    for step in portion.steps:
        number, one = step.search.indicator, sought.get(step.search.indicator)
        if (None if one is None else one.version) != step.version:
            continue
        if one is not None and step.found:
            _look(connection, step.found, one.document, at, since)
        if step.ends:
            over.append(number)
        else:
            pending_searches.go_on(connection, step.search, step.found[-1])
    pending_searches.end(connection, over)


def _may_be_found(indicator: alerts.Document, present: Collection[int]) -> bool:
    """Answer whether any alert is under a key of an indicator; of a network only looking can tell."""
    return any(each.kind is Kind.NETWORK or each.key in present for each in meant.of_indicator(indicator))


def _candidates(connection: Connection, indicator: alerts.Document, after: int, limit: int) -> list[int]:
    """Answer the numbers of alerts that share a key with an indicator, behind a number and in their order."""
    sought = meant.of_indicator(indicator)
    keys = {each.key for each in sought if each.kind is not Kind.NETWORK}
    blocks = [each.value for each in sought if each.kind is Kind.NETWORK]
    return observables.behind(connection, keys, blocks, after, limit)


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


def _sought(connection: Connection, numbers: Sequence[int], at: str) -> dict[int, _Sought]:
    columns = indicators.c
    statement = sa.select(columns.sequence, columns.version, columns.document).where(
        columns.sequence.in_(numbers), columns.expires_at > at
    )
    rows = connection.execute(statement)
    return {row.sequence: _Sought(row.version, row.document) for row in rows if meant.is_active(row.document)}
