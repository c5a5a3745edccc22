"""Looks alerts up among the active indicators while they are being stored: one question for a whole batch.

The rule: whoever stores an alert asks here first, in the same transaction, stores the alert that comes back, and then
its hits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import instants
from sallyport.security import matching
from sallyport.security.matching import Hit
from sallyport.store import matches, observables
from sallyport.store.indicators import indicators

Document = dict[str, Any]

#: How many indicators one statement reads.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Matched:
    """An alert as it will be stored, and what is new about it."""

    document: Document
    hits: Sequence[Hit] = ()


def looked_up(
    connection: Connection, keys: Mapping[str, set[int]], document: Callable[[str], Document], at: str, *, new: bool
) -> dict[str, Matched]:
    """Answer those of some alerts that indicators hit, with the new hits in them, by id.

    `keys` are what each alert is found under, `document` answers it; one that is not new keeps the hits that it has.
    """
    if observables.none(connection, observables.indicator_observables):
        return {}
    prefixes = matching.Prefixes(observables.prefixes(connection))
    sought = {alert_id: prefixes.proposing(found, partial(document, alert_id)) for alert_id, found in keys.items()}
    proposed = _proposed(connection, sought, at)
    known = set() if new else matches.known(connection, list(proposed))
    now = instants.wire(at) or at
    hit: dict[str, Matched] = {}
    for alert_id, candidates in proposed.items():
        unknown = [each for each in candidates if (alert_id, each["id"]) not in known]
        found = matched(document(alert_id), unknown, now)
        if found.hits:
            hit[alert_id] = found
    return hit


def matched(document: Document, indicators_given: Sequence[Document], now: str) -> Matched:
    """Answer an alert with the hits of some indicators, `now` a time as the service writes it."""
    mentioned = matching.Mentioned(document)
    hits = [hit for each in indicators_given if (hit := mentioned.hit(each, now)) is not None]
    return Matched(matching.with_hits(document, hits), hits) if hits else Matched(document)


def _proposed(connection: Connection, sought: Mapping[str, set[int]], at: str) -> dict[str, list[Document]]:
    """Answer the indicators alive that share a key with an alert, by the alert's id."""
    table = observables.indicator_observables
    pairs = observables.found(connection, table, set().union(*sought.values()))
    active = _active(connection, sorted({sequence for _, sequence in pairs}), at)
    under: dict[int, list[int]] = {}
    for key, sequence in pairs:
        if sequence in active:
            under.setdefault(key, []).append(sequence)
    if not under:
        return {}
    proposed: dict[str, list[Document]] = {}
    for alert_id, keys in sought.items():
        shared = {sequence for key in keys & under.keys() for sequence in under[key]}
        if shared:
            proposed[alert_id] = [active[sequence] for sequence in sorted(shared)]
    return proposed


def _active(connection: Connection, sequences: Sequence[int], at: str) -> dict[int, Document]:
    columns = indicators.c
    found: dict[int, Document] = {}
    for start in range(0, len(sequences), _AT_ONCE):
        portion = sequences[start : start + _AT_ONCE]
        statement = sa.select(columns.sequence, columns.document).where(
            columns.sequence.in_(portion), columns.expires_at > at
        )
        found.update((row.sequence, row.document) for row in connection.execute(statement))
    return found
