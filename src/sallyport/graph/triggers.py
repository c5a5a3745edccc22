"""What the connector's triggers poll: `/trigger/v1.0/security/alerts` (all) and `/trigger/beta/security/alerts` (high).

What polls have in common stands here too; `matches` answers the third.

The rule: `triggerState` is a number of the store's own, drawn in the order of commits; a poll answers every alert above
it, each exactly once, however late its own times say it is. The contract is that of a polling trigger: 200 with what is
new, 202 when there is nothing, and `Location` with the state of the next poll.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import quote, urlencode

from sqlalchemy.engine import Connection
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import alerts as shown_alerts
from sallyport.graph import prefer
from sallyport.graph.call import Call
from sallyport.graph.errors import JSON
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.query import Query, parse_query
from sallyport.store import alerts, documents

#: Deviation: the filter behind "On new high severity alerts" is internal to Azure's connector; its effect is this.
HIGH = "severity eq 'high'"
_STATE = "triggerstate"
_ROWS = 500
_HIGHEST_STATE = 2**63 - 1
#: Asks a poll that found nothing to leave at least this long before the next.
_PAUSE_SECONDS = 1


class InvalidTriggerState(errors.BadRequest):
    """Raised when `triggerState` is not one that a poll was given."""

    def __init__(self, text: str) -> None:
        super().__init__(f"The trigger state '{text[:80]}' was not given out by this service.")
        self.text = text


class Bound(NamedTuple):
    """How much one poll may bring."""

    size_bytes: int
    items: int

    def is_passed(self, items: int, size_bytes: int) -> bool:
        """Answer whether so many items of so many bytes are too much."""
        return items > self.items or size_bytes > self.size_bytes


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll found."""

    items: list[bytes]
    state: int
    #: Whether there is more than one answer may hold.
    more: bool = False


async def new_alerts(call: Call) -> Response:
    """Answer the alerts that were stored since the state that the caller brings; without one, a state to begin with."""
    query = _query(call)
    place = state(call)
    if place is None:
        highest = await call.deps.database.read(alerts.highest)
        return nothing(call, highest)
    most = bound(call)
    poll = await call.deps.database.read(lambda connection: since(connection, query, place, most))
    return answered(call, poll)


def bound(call: Call) -> Bound:
    """Answer how much one poll may bring: as many bytes as the server sends, as many items as the client takes."""
    return Bound(call.deps.limits.poll_bytes, prefer.page_size(call.preferences) or sys.maxsize)


def since(connection: Connection, query: Query, place: int, most: Bound) -> Poll:
    """Answer the selected alerts above a state, in the order of their numbers, drawn as JSON, up to a bound.

    At least one alert is answered however large it is, so that no poll stands still.
    """
    highest = alerts.highest(connection)
    items: list[bytes] = []
    size = 0
    for alert in _between(connection, query, place, highest):
        item = documents.dumps(shown_alerts.drawn(alert))
        if items and most.is_passed(len(items) + 1, size + len(item)):
            return Poll(items, place, more=True)
        items.append(item)
        size += len(item)
        place = alert.sequence
    return Poll(items, max(place, highest))


def answered(call: Call, poll: Poll) -> Response:
    """Answer what a poll found, or that there is nothing, and where the next one begins."""
    if not poll.items:
        return nothing(call, poll.state)
    headers = {"location": _location(call, poll.state)}
    if poll.more:
        headers["retry-after"] = "0"
    return Response(b'{"value":[' + b",".join(poll.items) + b"]}", 200, headers, media_type=JSON)


def nothing(call: Call, place: int) -> Response:
    """Answer that there is nothing, and where the next poll begins."""
    return Response(status_code=202, headers={"location": _location(call, place), "retry-after": str(_PAUSE_SECONDS)})


def is_state(option: str) -> bool:
    """Answer whether a query option is the state that a poll brings."""
    return option.lower() == _STATE


def state(call: Call) -> int | None:
    """Answer the state that a poll brings, or None when it is the first one."""
    text = next((text.strip() for name, text in call.options if is_state(name)), "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _HIGHEST_STATE:
        raise InvalidTriggerState(text)
    return int(text)


def _between(connection: Connection, query: Query, after: int, through: int) -> Iterator[alerts.Alert]:
    while True:
        found = alerts.between(connection, query, after, through, _ROWS)
        yield from found
        if len(found) < _ROWS:
            return
        after = found[-1].sequence


def _query(call: Call) -> Query:
    given = [(name, text) for name, text in call.options if not is_state(name)]
    if call.version == "beta":
        own = next((text for name, text in given if _is_filter(name) and text.strip()), "")
        rest = [(name, text) for name, text in given if not _is_filter(name)]
        parse_query(
            [("$filter", own)], ALERT
        )  # whoever wrote it gets its own columns back, not those of the combination
        given = [*rest, ("$filter", f"{HIGH} and ({own})" if own else HIGH)]
    return parse_query(given, ALERT)


def _is_filter(name: str) -> bool:
    return name.strip().lower().removeprefix("$") == "filter"


def _location(call: Call, place: int) -> str:
    kept = [(name, text) for name, text in call.options if not is_state(name)]
    path = quote(call.request.scope["path"], safe="/:@!$&'()*+,;=~-._")
    options = urlencode([("triggerState", str(place)), *kept], safe="$'(),:/")
    return f"{path}?{options}"
