"""One call of the outside: made, and when it was only accepted, looked after until its result is there.

The rule: the same for a plain HTTP call and a connector's; only how a request is sent differs, which `Send` says.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sallyport.actions import chunks, pages, responses
from sallyport.actions.requests import Request, Send
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded, Suspended
from sallyport.http_messages import ConnectionFailed

#: How long to wait before looking for the result of a call that was answered with 202 and does not say.
POLL_SECONDS = 20.0
#: The shortest wait, whatever is said: `Retry-After: 0` is common, and each look would be followed by another at once.
SHORTEST_POLL_SECONDS = 1.0
_ACCEPTED = 202


async def exchange(ctx: ActionContext, request: Request, send: Send) -> Outcome:
    """Make a call, or look for the result of one that was accepted earlier, and answer what came of it.

    A look that fails is repeated as the retry policy says, without making the call again.
    """
    try:
        return await _exchange(ctx, request, send)
    except ConnectionFailed as error:
        return responses.unreachable(error)


async def _exchange(ctx: ActionContext, request: Request, send: Send) -> Outcome:
    location = ctx.resumed.state if ctx.resumed is not None else None
    if isinstance(location, str):
        request = following(request, location)
    response = await chunks.transfer(ctx, request, send)
    # An answer that is still not there may move, or stay where it was looked for.
    location = response.headers.get("location", "") or location
    if response.status == _ACCEPTED and location and not ctx.option("DisableAsyncPattern"):
        wait = responses.retry_after(ctx, response)
        seconds = POLL_SECONDS if wait is None else max(wait, SHORTEST_POLL_SECONDS)
        return Suspended(until=ctx.now() + timedelta(seconds=seconds), state=location)
    outcome = responses.outcome_of(ctx, response)
    if isinstance(outcome, Succeeded) and request.method == "GET":
        return await pages.follow(ctx, request, outcome, send)
    return outcome


def following(request: Request, address: str) -> Request:
    """Answer the request that goes where a response pointed: a GET without the first one's queries and body."""
    kept = {name: value for name, value in request.headers.items() if not name.casefold().startswith("content-")}
    return replace(request, method="GET", address=address, queries={}, headers=kept, body=None)
