"""The links in mails that ask: a page to confirm, and the choice handed on to the workflow that waits.

The rule: opening a link changes nothing, because mail scanners open links too; only the form behind it decides. The
workflow takes the first answer, and everybody later is told so; but whoever confirms the same twice, as by a double
click, whose second answer alone a browser shows, is told what became of the first.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sallyport import errors
from sallyport.clock import Clock
from sallyport.connectors.office365 import approval, pages
from sallyport.connectors.office365.approval import Choice
from sallyport.http_messages import ConnectionFailed, EgressDenied, InboundResponse, OutboundRequest

_TIMEOUT_SECONDS = 30.0
#: What a callback address says when it takes no answer any more: no such run, no permission, gone.
_GONE = frozenset({401, 403, 404, 410})
#: How many links are remembered whose choice was handed on.
_REMEMBERED = 1_000
_log = structlog.stdlib.get_logger(__name__)


class HttpPort(Protocol):
    """The guarded way out."""

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """Send a request and answer the response, whatever its status."""
        ...


class Approvals:
    """The handlers of the links."""

    def __init__(self, http: HttpPort, sign: Callable[[bytes], str], clock: Clock) -> None:
        self._http = http
        self._sign = sign
        self._clock = clock
        #: Choices that are being handed on, or were, by their links.
        self._handed_on: OrderedDict[str, asyncio.Task[int]] = OrderedDict()

    async def confirm(self, request: Request) -> Response:
        """Show what is about to be chosen."""
        try:
            choice = self._choice(request)
        except errors.SallyportError as error:
            return _refused(error)
        return _page(pages.confirmation(choice))

    async def choose(self, request: Request) -> Response:
        """Hand the choice on, and show what became of it."""
        try:
            choice = self._choice(request)
        except errors.SallyportError as error:
            return _refused(error)
        try:
            status = await self._once(request.path_params["token"], choice)
        except (ConnectionFailed, EgressDenied) as error:
            _log.warning("approval.not_delivered", approval=choice.id, reason=error.code)
            return _page(pages.not_delivered(choice), 502)
        return _result(choice, status)

    async def _once(self, token: str, choice: Choice) -> int:
        """Hand a choice on unless that was done, and answer the status; one that was not taken may come again."""
        task = self._handed_on.get(token)
        if task is None:
            task = self._handed_on[token] = asyncio.create_task(self._hand_on(choice))
            task.add_done_callback(lambda done: self._remember(token, done))
        # Whoever clicks again leaves the first answer unread: it goes on all the same.
        return await asyncio.shield(task)

    async def _hand_on(self, choice: Choice) -> int:
        status = (await self._http.send(_report(choice))).status
        _log.info("approval.chosen", approval=choice.id, status=status)
        return status

    def _remember(self, token: str, done: asyncio.Task[int]) -> None:
        if done.cancelled() or done.exception() is not None or not _is_taken(done.result()):
            self._handed_on.pop(token, None)
        elif len(self._handed_on) > _REMEMBERED:
            self._handed_on.popitem(last=False)

    def _choice(self, request: Request) -> Choice:
        return approval.read(request.path_params["token"], self._sign, self._clock.now())


def routes(http: HttpPort, sign: Callable[[bytes], str], clock: Clock) -> list[Route]:
    """Answer the routes of the links; `sign` is the one that the connectors sign with."""
    approvals = Approvals(http, sign, clock)
    return [
        Route("/approvals/{token}", approvals.confirm, methods=["GET"]),
        Route("/approvals/{token}", approvals.choose, methods=["POST"]),
    ]


def drawn(error: errors.SallyportError) -> Response:
    """Answer an error that kept a request from these pages as one of them."""
    return _page(pages.refused("This did not work", error.message), error.status)


def _report(choice: Choice) -> OutboundRequest:
    said = {"SelectedOption": choice.option, "UserEmailAddress": choice.recipient}
    return OutboundRequest(
        "POST",
        choice.url,
        {"Content-Type": "application/json"},
        orjson.dumps(said),
        timeout_seconds=_TIMEOUT_SECONDS,
        follow_redirects=False,
    )


def _is_taken(status: int) -> bool:
    return 200 <= status < 300


def _result(choice: Choice, status: int) -> Response:
    if _is_taken(status):
        return _page(pages.accepted(choice))
    if status == errors.Conflict.status:
        return _page(pages.answered_before(choice), status)
    if status in _GONE:
        return _page(pages.nobody_waits(choice), 410)
    return _page(pages.not_delivered(choice), 502)


def _refused(error: errors.SallyportError) -> Response:
    return _page(pages.refused("This link is not valid", error.message), error.status)


def _page(html: str, status: int = 200) -> Response:
    headers = {
        "Content-Security-Policy": pages.CONTENT_SECURITY_POLICY,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return Response(html, status, headers, media_type="text/html")
