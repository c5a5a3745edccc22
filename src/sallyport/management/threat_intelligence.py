"""Reads back, and deletes, what was uploaded as threat intelligence, as Microsoft Sentinel's management API does.

The rule: any subscription, group and workspace means this installation; an application sees and deletes what it brought
itself, and with `ThreatIndicators.Read.All` sees all.
Deviation: one request looks at 10,000 objects at the most; where more of them have to be looked at, the page ends
earlier, maybe with nothing in it, and its `nextLink` goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.engine import Connection
from starlette.responses import Response
from starlette.routing import Route

from sallyport import principal
from sallyport.errors import NotFound
from sallyport.management import indicator_criteria, indicator_shapes
from sallyport.management.call import Call, Deps, answer, route
from sallyport.management.indicator_criteria import Criteria
from sallyport.odata import instants
from sallyport.store import indicators, outbox, schema, stix_feed, stix_reading
from sallyport.store.stix_feed import INDICATOR, Placed, Selection
from sallyport.web import bodies

READ_ALL = "ThreatIndicators.Read.All"
READ = (READ_ALL, "ThreatIndicators.ReadWrite.OwnedBy")
WRITE = ("ThreatIndicators.ReadWrite.OwnedBy",)

INSIGHTS = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.OperationalInsights"
    "/workspaces/{workspace}/providers/Microsoft.SecurityInsights"
)
MAIN = f"{INSIGHTS}/threatIntelligence/main"

_API_VERSION = "2024-03-01"
_AT_ONCE, _MOST = 1_000, 10_000
_FIRST, _LAST = 0, 2**63 - 1


class IndicatorNotFound(NotFound):
    """Raised when there is no STIX object of a name, or it is not the caller's to see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The threat intelligence object '{name[:100]}' was not found.")
        self.name = name


async def listed(call: Call) -> Response:
    """Answer the indicators, those that were added last first."""
    token = call.request.query_params.get("$skipToken")
    if token:
        return await _page(call, indicator_criteria.continued(token))
    size = call.number("$top", indicator_criteria.DEFAULT_PAGE, 10**6) or indicator_criteria.DEFAULT_PAGE
    return await _page(call, indicator_criteria.of_filter({"pageSize": size, "includeDisabled": True}))


async def query_indicators(call: Call) -> Response:
    """Answer the indicators that filtering criteria select."""
    return await _page(call, indicator_criteria.of_filter(await bodies.read_json(call.request)))


async def query(call: Call) -> Response:
    """Answer the STIX objects of any type that a condition selects."""
    return await _page(call, indicator_criteria.of_condition(await bodies.read_json(call.request)))


async def following(call: Call) -> Response:
    """Answer the next page of a query, as clients that follow its link ask for it."""
    return await _page(call, indicator_criteria.continued(call.request.query_params.get("$skipToken", "")))


async def get(call: Call) -> Response:
    """Answer one indicator."""
    found = await call.engine.database.read(lambda connection: _named(connection, call, _owner(call)))
    drawn = indicator_shapes.indicator if found.type == INDICATOR else indicator_shapes.stix_object
    return answer(drawn(_resources(call), found.shown, _source(found), _added(found), found.place))


async def delete(call: Call) -> Response:
    """Delete an object that the caller brought; one that is not there is gone already."""
    at, app_id = _now(call), principal.of(call.request.scope).app_id

    def write(connection: Connection) -> bool:
        schema.ordered(connection, outbox.SEQUENCE)
        try:
            found = _named(connection, call, app_id)
        except IndicatorNotFound:
            return False
        meant = indicators.numbered(connection, found.indicator) if found.indicator is not None else None
        if meant is not None:
            indicators.delete(connection, meant, at)
        stix_feed.remove(connection, app_id, [found.object_id])
        return True

    return Response(status_code=200 if await call.engine.database.write(write) else 204)


async def metrics(call: Call) -> Response:
    """Answer how many indicators are stored, by source, pattern type and threat type."""
    owner = _owner(call)
    numbers = await call.engine.database.query(lambda connection: stix_reading.numbers(connection, owner))
    now = instants.wire(_now(call)) or ""
    return answer(indicator_shapes.metrics(numbers, now))


def routes(deps: Deps) -> list[Route]:
    """Answer the routes of threat intelligence."""
    return [
        route(deps, "GET", f"{MAIN}/indicators", READ, listed),
        route(deps, "GET", f"{MAIN}/indicators/{{name}}", READ, get),
        route(deps, "DELETE", f"{MAIN}/indicators/{{name}}", WRITE, delete),
        route(deps, "GET", f"{MAIN}/metrics", READ, metrics),
        route(deps, "POST", f"{MAIN}/queryIndicators", READ, query_indicators),
        route(deps, "GET", f"{MAIN}/queryIndicators", READ, following),
        route(deps, "POST", f"{MAIN}/query", READ, query),
        route(deps, "GET", f"{MAIN}/query", READ, following),
        route(deps, "GET", f"{INSIGHTS}/threatIntelligence/{{name}}", READ, get),
        route(deps, "DELETE", f"{INSIGHTS}/threatIntelligence/{{name}}", WRITE, delete),
    ]


async def _page(call: Call, criteria: Criteria) -> Response:
    selection = _selection(call, criteria)
    found, place = await call.engine.database.query(lambda connection: _found(connection, selection, criteria))
    plain = "condition" in criteria.asked
    drawn = indicator_shapes.stix_object if plain else indicator_shapes.indicator
    resources = _resources(call)
    body: dict[str, Any] = {
        "value": [drawn(resources, each.shown, _source(each), _added(each), each.place) for each in found]
    }
    if place is not None:
        version = call.request.query_params.get("api-version", _API_VERSION)
        # Some clients cut the token out of the address: its name stays as it is, behind something else.
        following_query = urlencode({"api-version": version, "$skipToken": criteria.token(place)}, safe="$")
        body["nextLink"] = f"{call.origin()}{call.request.url.path}?{following_query}"
    return answer(body)


def _found(connection: Connection, selection: Selection, criteria: Criteria) -> tuple[list[Placed], int | None]:
    """Answer a page of what is asked for, and the place behind which the next one begins."""
    found: list[Placed] = []
    for seen, each in enumerate(_following(connection, selection), start=1):
        if criteria.matches(each.shown, _source(each)):
            if len(found) == criteria.page_size:
                return found, found[-1].place
            found.append(each)
        if seen == _MOST:
            return found, each.place
    return found, None


def _following(connection: Connection, selection: Selection) -> Iterator[Placed]:
    while True:
        rows = stix_reading.page(connection, selection, _AT_ONCE)
        yield from rows
        if len(rows) < _AT_ONCE:
            return
        place = rows[-1].place
        forward = selection.before is None
        selection = replace(selection, after=place) if forward else replace(selection, before=place)


def _selection(call: Call, criteria: Criteria) -> Selection:
    asked, place = criteria.asked, criteria.place
    selected = Selection(now=_now(call), app_id=_owner(call), types=None if "condition" in asked else (INDICATOR,))
    if criteria.ascending:
        selected = replace(selected, after=_FIRST if place is None else place)
    else:
        selected = replace(selected, before=_LAST if place is None else place)
    sources = tuple(asked["sources"]) if asked.get("sources") else None
    return replace(selected, ids=tuple(asked["ids"]) if "ids" in asked else None, sources=sources)


def _named(connection: Connection, call: Call, app_id: str | None) -> Placed:
    name = call.name("name")
    # Sentinel's own names are the identifiers alone.
    ids = (name, f"{INDICATOR}--{name}")
    selection = Selection(now=_now(call), app_id=app_id, ids=ids, before=_LAST)
    found = stix_reading.page(connection, selection, 1)
    if not found:
        raise IndicatorNotFound(name)
    return found[0]


def _owner(call: Call) -> str | None:
    caller = principal.of(call.request.scope)
    return None if caller.allows(READ_ALL) else caller.app_id


def _resources(call: Call) -> str:
    names = {name: call.name(name) for name in ("subscription", "group", "workspace")}
    return INSIGHTS.format(**names)


def _source(placed: Placed) -> str:
    return placed.source or stix_reading.UNKNOWN


def _added(placed: Placed) -> str:
    return placed.added_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _now(call: Call) -> str:
    return schema.instant(call.engine.clock.now())
