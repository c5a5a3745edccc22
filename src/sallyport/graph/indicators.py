"""Threat intelligence indicators: `/security/tiIndicators`, one at a time and by the four bulk actions.

The rule: with `ThreatIndicators.ReadWrite.OwnedBy` an application sees and changes only what it made itself;
`ThreatIndicators.Read.All` sees everything, and changes nothing.
"""

from __future__ import annotations

import functools
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.engine import Connection
from starlette.responses import PlainTextResponse, Response

from sallyport import errors
from sallyport.graph import bulk, envelope, indicator_rules, preconditions, prefer, shapes
from sallyport.graph.call import Call, empty
from sallyport.graph.indicator_rules import Submission
from sallyport.graph.indicator_storing import Submitting
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.query import Query, parse_query
from sallyport.store import indicators, pages

CONTEXT = "Security/tiIndicators"
READ_ALL = "ThreatIndicators.Read.All"
ORDER = "ingestedDateTime desc"
_TYPE = "#microsoft.graph.tiIndicator"

_log = structlog.stdlib.get_logger(__name__)


class IndicatorNotFound(errors.NotFound):
    """Raised when there is no indicator of an id, or it is not the caller's to see."""

    def __init__(self, key: str) -> None:
        super().__init__(f"Indicator '{key}' was not found.")
        self.key = key


async def listed(call: Call) -> Response:
    """Answer the indicators that the query options select and the caller may see, page by page."""
    query, view = parse_query(call.options, INDICATOR, default_orderby=ORDER), visible(call)
    page, count = await call.deps.database.query(lambda connection: _page(connection, query, view))
    items = (drawn(each) for each in page.items)
    return envelope.collection(call, CONTEXT, items, query, count=count, skiptoken=page.skiptoken)


async def counted(call: Call) -> Response:
    """Answer how many indicators a filter selects, as text."""
    query, view = parse_query(call.options, INDICATOR), visible(call)
    number = await call.deps.database.query(lambda connection: indicators.count(connection, query, view))
    return PlainTextResponse(str(number))


async def get(call: Call) -> Response:
    """Answer one indicator, with its entity tag."""
    query, view = parse_query(call.options, INDICATOR), visible(call)
    found = await call.deps.database.read(lambda connection: existing(connection, view, call.names["id"]))
    return envelope.selected(call, CONTEXT, drawn(found), query, {"etag": tag(found)})


async def create(call: Call) -> Response:
    """Store one indicator; one that the application submitted before is updated under its id."""
    submission = indicator_rules.submitted(await call.json(), strict=call.deps.strict_indicators)
    new_id = str(uuid.uuid4())

    def store(connection: Connection) -> indicators.Indicator:
        submitting = Submitting(connection, call, [submission.identity], call.at())
        submitting.put(submission, new_id)
        submitting.finish()
        return submitting.stored(submission.identity)

    stored = await call.change(store)
    call.deps.recorder.count("indicators_stored_total", "graph")
    call.deps.indicators_stored()
    _warn(stored.id, submission)
    return envelope.entity(call, CONTEXT, drawn(stored), 201, {"etag": tag(stored)})


async def update(call: Call) -> Response:
    """Change what may be changed; answer nothing, or the indicator when the client prefers that."""
    change = indicator_rules.changes(await call.json())
    match = call.request.headers.get("if-match")
    stored = await call.change(lambda connection: _update(connection, call, call.names["id"], change, match))
    call.deps.indicators_stored()
    if prefer.REPRESENTATION not in call.preferences:
        return empty({"etag": tag(stored)})
    applied = {"etag": tag(stored), "preference-applied": prefer.REPRESENTATION}
    return envelope.entity(call, CONTEXT, drawn(stored), 200, applied)


async def delete(call: Call) -> Response:
    """Delete one of the caller's indicators."""
    at, view, match = call.at(), _owned(call), call.request.headers.get("if-match")
    await call.change(lambda connection: _delete(connection, view, call.names["id"], at, match))
    return empty()


async def submit(call: Call) -> Response:
    """Store up to 100 indicators, each on its own: 200 when all were stored, 206 when some were not."""
    items = [
        (item, _read(item, strict=call.deps.strict_indicators), str(uuid.uuid4()))
        for item in bulk.items(await call.json())
    ]

    def store(connection: Connection) -> list[bulk.Result]:
        identities = {read.identity for _, read, _ in items if isinstance(read, Submission)}
        submitting = Submitting(connection, call, identities, call.at())
        results = [
            bulk.attempt(item, functools.partial(_submit_item, submitting, read, new_id))
            for item, read, new_id in items
        ]
        submitting.finish()
        return results

    results = await call.change(store)
    call.deps.recorder.count("indicators_stored_total", "graph", amount=sum(not each.failed for each in results))
    call.deps.indicators_stored()
    for result, (_, read, _) in zip(results, items, strict=True):
        if isinstance(read, Submission) and not result.failed:
            _warn(result.value["id"], read)
    return bulk.answered(call, CONTEXT, results)


async def update_many(call: Call) -> Response:
    """Change up to 100 indicators, each on its own."""
    items = bulk.items(await call.json())

    def update_item(connection: Connection, item: Any) -> dict[str, Any]:
        change = indicator_rules.changes(item)
        return _typed(_update(connection, call, bulk.id_of(item), change))

    results = await call.change(
        lambda connection: [bulk.attempt(item, lambda one: update_item(connection, one)) for item in items]
    )
    call.deps.indicators_stored()
    return bulk.answered(call, CONTEXT, results)


async def delete_many(call: Call) -> Response:
    """Delete up to 100 of the caller's indicators by id."""
    ids = bulk.items(await call.json(), alone=str)
    at, view = call.at(), _owned(call)
    results = await call.change(
        lambda connection: [bulk.removal(each, lambda key: _delete(connection, view, key, at)) for each in ids]
    )
    return bulk.answered(call, bulk.RESULTS, results)


async def delete_by_external_id(call: Call) -> Response:
    """Delete the caller's indicators by the keys of its own that it gave them; up to 100 keys."""
    keys = bulk.items(await call.json(), alone=str)
    at, view = call.at(), _owned(call)
    results = await call.change(
        lambda connection: [
            bulk.removal(each, lambda key: _delete_external(connection, view, key, at)) for each in keys
        ]
    )
    return bulk.answered(call, bulk.RESULTS, results)


def drawn(indicator: indicators.Indicator) -> dict[str, Any]:
    """Answer an indicator as the service shows it."""
    return shapes.shown(indicator.document, INDICATOR)


def tag(indicator: indicators.Indicator) -> str:
    """Answer an indicator's entity tag."""
    return shapes.etag(indicator.id, indicator.version)


def _typed(indicator: indicators.Indicator) -> dict[str, Any]:
    return {"@odata.type": _TYPE, **drawn(indicator)}


def visible(call: Call) -> indicators.View:
    """Answer what a caller may see."""
    return indicators.View(call.at(), None if call.principal.allows(READ_ALL) else call.principal.app_id)


def _owned(call: Call) -> indicators.View:
    return indicators.View(call.at(), call.principal.app_id)


def _page(
    connection: Connection, query: Query, view: indicators.View
) -> tuple[pages.Page[indicators.Indicator], int | None]:
    counting = query.count and query.skiptoken is None
    count = indicators.count(connection, query, view) if counting else None
    return indicators.page(connection, query, view), count


def existing(connection: Connection, view: indicators.View, indicator_id: str) -> indicators.Indicator:
    """Answer an indicator that a caller may see, or raise IndicatorNotFound."""
    found = indicators.get(connection, view, indicator_id)
    if found is None:
        raise IndicatorNotFound(indicator_id)
    return found


def _read(item: Any, *, strict: bool) -> Submission | errors.SallyportError:
    """Answer an item of a bulk submission, read, or what is wrong with it."""
    try:
        return indicator_rules.submitted(item, strict=strict)
    except errors.SallyportError as error:
        return error


def _submit_item(
    submitting: Submitting, read: Submission | errors.SallyportError, new_id: str, _item: Any
) -> dict[str, Any]:
    if isinstance(read, errors.SallyportError):
        raise read
    return {"@odata.type": _TYPE, **shapes.shown(submitting.put(read, new_id), INDICATOR)}


def _update(
    connection: Connection, call: Call, indicator_id: str, change: Mapping[str, Any], match: str | None = None
) -> indicators.Indicator:
    at, view = call.at(), _owned(call)
    found = existing(connection, view, indicator_id)
    preconditions.demand(match, tag(found))
    document = indicator_rules.changed(found.document, change)
    identity = indicator_rules.identity(document)
    taken = indicators.identified(connection, found.app_id, identity)
    if taken is not None and taken.id != found.id:
        if indicators.get(connection, view, taken.id) is not None:
            raise errors.Conflict(f"Another indicator has the external id '{document.get('externalId')}' already.")
        # It has expired, and nobody can see or delete it any more.
        indicators.delete(connection, taken, at)
    return indicators.update(connection, found, indicators.New(identity, document), at)


def _delete(
    connection: Connection, view: indicators.View, indicator_id: str, at: str, match: str | None = None
) -> None:
    found = existing(connection, view, indicator_id)
    preconditions.demand(match, tag(found))
    indicators.delete(connection, found, at)


def _delete_external(connection: Connection, view: indicators.View, external_id: str, at: str) -> None:
    found: Sequence[indicators.Indicator] = indicators.of_external_id(connection, view, external_id)
    if not found:
        raise IndicatorNotFound(external_id)
    for each in found:
        indicators.delete(connection, each, at)


def _warn(indicator_id: str, submission: Submission) -> None:
    if submission.missing:
        _log.warning("indicator.incomplete", indicator_id=indicator_id, missing=submission.missing)
    if submission.doubts:
        _log.warning("indicator.doubtful", indicator_id=indicator_id, doubts=submission.doubts)
