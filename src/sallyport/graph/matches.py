"""Hits of indicators in alerts: of one alert, of one indicator, and all as a trigger polls them.

The rule: hits are found for every application's indicators; which of them a caller may ask for follows from the alert
or the indicator that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import alerts as shown_alerts
from sallyport.graph import envelope, indicators, shapes, triggers
from sallyport.graph.call import Call
from sallyport.odata import instants
from sallyport.odata.entity_alert import STRUCTURES
from sallyport.odata.entity_match import MATCH
from sallyport.odata.matches import matches as selected
from sallyport.odata.query import Query, parse_query
from sallyport.store import alerts, documents, matches

CONTEXT = "Collection(microsoft.graph.indicatorMatch)"
#: How many hits of the store are read at once.
_ROWS = 100


class InvalidPlace(errors.BadRequest):
    """Raised when `$skiptoken` is not one that a page was given."""

    def __init__(self, text: str) -> None:
        super().__init__(f"The token '{text[:80]}' was not given out by this service.")
        self.text = text


async def of_alert(call: Call) -> Response:
    """Answer the hits in one alert, the oldest first, page by page."""
    alert_id = call.names["id"]

    def read(connection: Connection, after: int, limit: int) -> list[matches.Match]:
        if alerts.get(connection, alert_id) is None:
            raise shown_alerts.AlertNotFound(alert_id)
        return matches.of_alert(connection, alert_id, after, limit)

    return await _page(call, read)


async def of_indicator(call: Call) -> Response:
    """Answer where one of the indicators that the caller may see was found, the oldest hit first, page by page."""
    indicator_id, view = call.names["id"], indicators.visible(call)

    def read(connection: Connection, after: int, limit: int) -> list[matches.Match]:
        indicators.existing(connection, view, indicator_id)
        return matches.of_indicator(connection, indicator_id, after, limit)

    return await _page(call, read)


async def polled(call: Call) -> Response:
    """Answer the hits since the state that the caller brings, each once; without one, a state to begin with."""
    query = parse_query([(name, text) for name, text in call.options if not triggers.is_state(name)], MATCH)
    state = triggers.state(call)
    if state is None:
        return triggers.nothing(call, await call.deps.database.read(matches.highest))
    most = triggers.bound(call)
    poll = await call.deps.database.read(lambda connection: _since(connection, query, state, most))
    return triggers.answered(call, poll)


def drawn(match: matches.Match) -> dict[str, Any]:
    """Answer a hit as the service shows it."""
    return {
        "id": str(match.sequence),
        "alertId": match.alert_id,
        "indicatorId": match.indicator_id,
        "kind": match.kind,
        "alertProperty": match.path,
        "value": match.value,
        "indicatorProperty": match.property,
        "action": match.action,
        "targetProduct": match.target_product,
        "passiveOnly": match.passive_only,
        "matchedDateTime": instants.wire(match.matched_at),
        "indicator": shapes.shown(match.document, STRUCTURES["matchedIndicator"]),
    }


async def _page(call: Call, read: Callable[[Connection, int, int], list[matches.Match]]) -> Response:
    query = parse_query(call.options, MATCH)
    after = _place(query)
    found = await call.deps.database.query(lambda connection: read(connection, after, query.top + 1))
    shown = found[: query.top]
    token = str(shown[-1].sequence) if len(found) > query.top and shown else None
    items = (each for each in map(drawn, shown) if selected(query.filter, each, MATCH))
    return envelope.collection(call, CONTEXT, items, query, skiptoken=token)


def _place(query: Query) -> int:
    text = query.skiptoken or "0"
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidPlace(text)
    return int(text)


def _since(connection: Connection, query: Query, state: int, most: triggers.Bound) -> triggers.Poll:
    highest = matches.highest(connection)
    items: list[bytes] = []
    size = 0
    for match, whole in _whole(connection, state, highest):
        if selected(query.filter, whole, MATCH):
            item = documents.dumps(whole)
            if items and most.is_passed(len(items) + 1, size + len(item)):
                return triggers.Poll(items, state, more=True)
            items.append(item)
            size += len(item)
        state = match.sequence
    return triggers.Poll(items, max(state, highest))


def _whole(connection: Connection, after: int, through: int) -> Iterator[tuple[matches.Match, dict[str, Any]]]:
    """Answer hits with their alerts, as a trigger's caller gets them; an alert that is gone took its hits along."""
    while found := matches.between(connection, after, through, _ROWS):
        for match in found:
            alert = alerts.get(connection, match.alert_id)
            if alert is not None:
                yield match, {**drawn(match), "alert": shown_alerts.drawn(alert)}
        after = found[-1].sequence
