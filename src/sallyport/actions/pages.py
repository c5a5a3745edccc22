"""Pagination: the pages after the first, gathered into one body when `paginationPolicy` asks for them.

The rule: whole pages are taken until there are at least as many items as were asked for, and never more than one
message may hold, nor from a service that leads from page to page without an end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sallyport.actions import inputs as read
from sallyport.actions import responses
from sallyport.actions.requests import Request, Send
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.engine.sizes import ResultTooLarge
from sallyport.errors import SallyportError

#: How many pages in a row may bring nothing, as services that filter page by page answer them.
MOST_EMPTY = 100
_LINKS = ("nextLink", "@odata.nextLink", "odata.nextLink")
_ITEMS = "value"
_POLICY = "paginationPolicy/minimumItemCount"


class EndlessPages(SallyportError):
    """Raised when a service leads from page to page without giving anything."""

    code = "PaginationLimitExceeded"
    status = 502

    def __init__(self, most: int) -> None:
        super().__init__(f"{most} pages in a row held nothing, and the last one leads to another.")
        self.most = most


async def follow(ctx: ActionContext, request: Request, first: Succeeded, send: Send) -> Outcome:
    """Answer the first page, or all of them in its place when a policy asks for more; a page that fails fails the call.

    Raises ConnectionFailed, and ResultTooLarge or EndlessPages when there is too much of it.
    """
    wanted = _wanted(ctx)
    body = read.member(first.outputs, "body")
    if not wanted or not isinstance(body, dict) or not isinstance(body.get(_ITEMS), list):
        return first
    items, link, seen = list(body[_ITEMS]), _link(body), set[str]()
    size = empty = 0
    while link and link not in seen and len(items) < wanted:
        if empty == MOST_EMPTY:
            raise EndlessPages(MOST_EMPTY)
        seen.add(link)
        response = await send(replace(request, address=link, queries={}, body=None))
        size += len(response.body)
        if size > ctx.limits.message_bytes:
            raise ResultTooLarge("pages of the answer", ctx.limits.message_bytes)
        outcome = responses.outcome_of(ctx, response)
        if not isinstance(outcome, Succeeded):
            return outcome
        page = read.member(outcome.outputs, "body")
        more = page.get(_ITEMS) if isinstance(page, dict) else None
        items += more if isinstance(more, list) else []
        empty = 0 if more else empty + 1
        link = _link(page)
    merged = {name: value for name, value in body.items() if name not in _LINKS}
    return Succeeded({**first.outputs, "body": {**merged, _ITEMS: items}}, first.code)


def _wanted(ctx: ActionContext) -> int:
    if "runtimeConfiguration" not in ctx.action.raw:
        return 0
    configuration = ctx.evaluate(ctx.template("runtimeConfiguration"))
    return 0 if read.member(configuration, _POLICY) is None else read.integer(configuration, _POLICY)


def _link(page: Any) -> str:
    found = next((page[name] for name in _LINKS if page.get(name)), "") if isinstance(page, dict) else ""
    return found if isinstance(found, str) else ""
