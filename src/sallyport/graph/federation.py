"""A list that several sources answer together: asked at once, merged in one order, and honest about who is missing.

The rule: a source that fails, or takes longer than ten seconds, is left out and named in a `Warning`, and the answer is
206. One that has nothing (404) is never named; what is wrong with the question is the caller's fault, not a source's.
https://learn.microsoft.com/graph/api/resources/security-error-codes
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson
import structlog

from sallyport import errors
from sallyport.clock import Clock
from sallyport.odata import matches, typed
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.query import Query

#: How long a source may take.
DEADLINE_SECONDS = 10.0
#: Tells the tokens of several sources from those of one: no base64 begins with it.
_TOGETHER = "~"

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """What one source answers: documents in the query's order, as they are shown."""

    items: Sequence[Mapping[str, Any]]
    #: Leads to this source's next page; None after the last.
    skiptoken: str | None = None
    #: How many there are in all, where the query asks.
    count: int | None = None


class Source(Protocol):
    """Where resources of one kind come from."""

    @property
    def vendor(self) -> str:
        """Who makes the source, such as `Microsoft`."""
        ...

    @property
    def provider(self) -> str:
        """What it is called, such as `MCAS`."""
        ...

    async def find(self, query: Query) -> Found:
        """Answer a page of what a query selects; its `skiptoken` is one that this source gave out."""
        ...


class SourceLate(errors.SallyportError):
    """Raised when a source does not answer in time."""

    code = "GatewayTimeout"
    status = 504

    def __init__(self, source: Source) -> None:
        super().__init__(f"'{source.vendor}/{source.provider}' did not answer within {DEADLINE_SECONDS:.0f} seconds.")


@dataclass(frozen=True, slots=True)
class Together:
    """What all sources that answered have found."""

    found: Found
    #: One item for each source that failed, as the header has it.
    warnings: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """Answer the value of the `Warning` header."""
        return ", ".join(self.warnings)


@dataclass(frozen=True, slots=True)
class _Reply:
    source: Source
    #: What was found, or why nothing was.
    outcome: Found | errors.SallyportError
    milliseconds: int

    def warning(self, error: errors.SallyportError) -> str:
        vendor, provider = (_header_text(each) for each in (self.source.vendor, self.source.provider))
        return f'199 - "{vendor}/{provider}/{error.status}/{self.milliseconds}"'


async def find(sources: Sequence[Source], query: Query, clock: Clock) -> Together:
    """Ask every source for a page, and answer what they found together.

    Each source gives as many as the query's `$top`; raises what a source raises about the question, and when all
    failed, what the first one did.
    """
    if len(sources) == 1:
        # Nobody could answer in its place.
        return Together(await sources[0].find(query))
    asked = _asked(sources, query)
    replies = await asyncio.gather(*(_reply(source, own, clock) for source, own in asked))
    failed = [(reply, reply.outcome) for reply in replies if isinstance(reply.outcome, errors.SallyportError)]
    founds = [(reply.source, reply.outcome) for reply in replies if isinstance(reply.outcome, Found)]
    if failed and not founds:
        raise failed[0][1]
    return Together(_merged(founds, query), tuple(reply.warning(error) for reply, error in failed))


async def _reply(source: Source, query: Query, clock: Clock) -> _Reply:
    began = clock.monotonic()
    outcome: Found | errors.SallyportError
    try:
        outcome = await _in_time(source, query, clock)
    except errors.NotFound:
        outcome = Found(())
    except (errors.BadRequest, InvalidQuery):
        raise
    except errors.SallyportError as error:
        outcome = error
    except Exception as error:  # noqa: BLE001 - whatever happened to one source must not take the others along
        _log.warning("source.failed", vendor=source.vendor, provider=source.provider, exc_info=error)
        outcome = errors.SallyportError("A source failed.")
    return _Reply(source, outcome, round((clock.monotonic() - began) * 1000))


async def _in_time(source: Source, query: Query, clock: Clock) -> Found:
    finding = asyncio.ensure_future(source.find(query))
    patience = asyncio.ensure_future(clock.sleep(DEADLINE_SECONDS))
    try:
        await asyncio.wait((finding, patience), return_when=asyncio.FIRST_COMPLETED)
        if finding.done():
            return finding.result()
        raise SourceLate(source)
    finally:
        finding.cancel()
        patience.cancel()


def _asked(sources: Sequence[Source], query: Query) -> list[tuple[Source, Query]]:
    """Answer whom to ask what: on a later page only those that have more, each from its own place on."""
    if query.skiptoken is None:
        return [(source, query) for source in sources]
    places = _places(query.skiptoken)
    named = {_name(source): source for source in sources}
    if not places or not places.keys() <= named.keys():
        raise _not_ours(query.skiptoken)
    return [(named[name], replace(query, skiptoken=place)) for name, place in places.items()]


def _merged(founds: Iterable[tuple[Source, Found]], query: Query) -> Found:
    answered = list(founds)
    items = [item for _, found in answered for item in found.items]
    for term in reversed(query.orderby):
        # Sorting is stable, so that equal ones keep the order of the sources.
        items.sort(key=functools.partial(_sort_key, term.property), reverse=term.descending)
    counts = [found.count for _, found in answered if found.count is not None]
    more = {_name(source): found.skiptoken for source, found in answered if found.skiptoken is not None}
    return Found(items, _token(more) if more else None, sum(counts) if counts else None)


def _sort_key(property_: typed.Property, item: Mapping[str, Any]) -> tuple[bool, Any]:
    """Answer what an item is put in order by; null comes before everything."""
    value = matches.value_of(property_, item)
    return value is not None, value


def _name(source: Source) -> str:
    return f"{source.vendor}/{source.provider}"


def _token(places: Mapping[str, str]) -> str:
    return _TOGETHER + base64.urlsafe_b64encode(orjson.dumps(places)).decode().rstrip("=")


def _places(token: str) -> dict[str, str]:
    try:
        if not token.startswith(_TOGETHER):
            raise ValueError("of one source")
        text = token.removeprefix(_TOGETHER)
        places = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error) as error:
        raise _not_ours(token) from error
    if not isinstance(places, dict) or not all(isinstance(each, str) for each in places.values()):
        raise _not_ours(token)
    return places


def _not_ours(token: str) -> InvalidQuery:
    return InvalidQuery(token, 1, "this is not a token that was given out", "skiptoken")


def _header_text(text: str) -> str:
    """Answer a name as it can stand in a quoted string of a header."""
    return "".join(each for each in text if " " <= each <= "~" and each not in '"\\/,')
