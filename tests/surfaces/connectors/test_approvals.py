"""A mail that asks, all the way: mailbox, link, page, choice, the callback of the waiting action."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector_outside import PUBLIC, Wire, a_call, outside, sign
from sallyport.clock import ManualClock
from sallyport.connectors import Connectors
from sallyport.http_messages import ConnectionFailed, EgressDenied
from sallyport.management import approvals
from sallyport.settings import Settings
from sallyport.web import mailbox as mailboxes
from sallyport.web.egress import Egress
from sallyport.web.mailbox import Mailbox
from sallyport.web.smtp import Smtp

CALLBACK = f"{PUBLIC}/workflows/w/runs/r/actions/Send/callback/-?sp=%2Fx&sv=1.0&sig=abc"


class Waiting:
    """Stands where the engine's callback address stands: the first report counts."""

    def __init__(self) -> None:
        self.reports: list[Any] = []

    async def report(self, request: Request) -> Response:
        if request.query_params["sig"] != "abc":
            return Response(status_code=401)
        if self.reports:
            return Response(status_code=409)
        self.reports.append(await request.json())
        return Response(status_code=200)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def browser(egress: Egress, waiting: Waiting, clock: ManualClock) -> httpx.AsyncClient:
    """A browser before the house, whose own address leads back into it."""
    report = Route("/workflows/{rest:path}", waiting.report, methods=["POST"])
    app = Starlette(routes=[report, *approvals.routes(egress, sign, clock)])
    egress.mount(PUBLIC, app)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC)


async def _links(mailbox: Mailbox, clock: ManualClock, folder: Path, **more: Any) -> dict[str, str]:
    """Ask by mail, and answer the links that arrive, by their option."""
    connectors = Connectors(outside(mail=Smtp(Settings(), mailbox_port=mailbox.port), clock=clock))
    message = {"To": "a@contoso.com", "Subject": "Isolate <host>?", "Options": "Approve, Reject", "Body": "b", **more}
    body = {"NotificationUrl": CALLBACK, "Message": message}
    response = await connectors.call(a_call("office365", "POST", "/approvalmail/$subscriptions", body))
    assert response.status == 201
    html = mailboxes.read(mailboxes.listed(folder / "mailbox")[-1]).get_body(("html",))
    assert isinstance(html, EmailMessage)
    found = re.findall(r'<a href="([^"]+)"[^>]*>([^<]+)</a>', html.get_content())
    return {option: unescape(url).removeprefix(PUBLIC) for url, option in found}


async def test_opening_a_link_decides_nothing(
    browser: httpx.AsyncClient, mailbox: Mailbox, clock: ManualClock, tmp_path: Path, waiting: Waiting
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    for method in ("GET", "HEAD", "GET"):
        shown = await browser.request(method, links["Approve"])
        assert shown.status_code == 200
    assert "Isolate &lt;host&gt;?" in shown.text
    assert "<strong>Approve</strong>" in shown.text
    assert '<form method="post">' in shown.text
    assert waiting.reports == []


async def test_confirming_tells_the_waiting_action_what_was_chosen_and_by_whom(
    browser: httpx.AsyncClient, mailbox: Mailbox, clock: ManualClock, tmp_path: Path, waiting: Waiting
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    done = await browser.post(links["Approve"])
    assert (done.status_code, "Thank you" in done.text) == (200, True)
    assert waiting.reports == [{"SelectedOption": "Approve", "UserEmailAddress": "a@contoso.com"}]


async def test_a_second_choice_is_told_that_an_answer_was_given(
    browser: httpx.AsyncClient, mailbox: Mailbox, clock: ManualClock, tmp_path: Path, waiting: Waiting
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    await browser.post(links["Approve"])
    again = await browser.post(links["Reject"])
    assert (again.status_code, "Already answered" in again.text) == (409, True)
    assert [each["SelectedOption"] for each in waiting.reports] == ["Approve"]


async def test_who_confirms_twice_is_told_both_times_that_the_answer_was_recorded(
    browser: httpx.AsyncClient, mailbox: Mailbox, clock: ManualClock, tmp_path: Path, waiting: Waiting
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    # A browser shows the second answer of a double click, which may even come first.
    clicks = await asyncio.gather(*(browser.post(links["Approve"]) for _ in range(3)))
    for done in (*clicks, await browser.post(links["Approve"])):
        assert (done.status_code, "Your answer was recorded" in done.text) == (200, True)
    assert [each["SelectedOption"] for each in waiting.reports] == ["Approve"]
    assert (await browser.post(links["Reject"])).status_code == 409
    for _ in range(2):
        # An answer that was not the first is not called recorded, however often it comes.
        assert "Already answered" in (await browser.post(links["Reject"])).text


async def test_who_confirms_twice_is_blamed_on_nobody_else_by_a_process_that_did_not_hear_the_first(
    browser: httpx.AsyncClient, egress: Egress, mailbox: Mailbox, clock: ManualClock, tmp_path: Path
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    assert "recorded" in (await browser.post(links["Approve"])).text
    other = Starlette(routes=approvals.routes(egress, sign, clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other), base_url=PUBLIC) as elsewhere:
        again = await elsewhere.post(links["Approve"])
    assert (again.status_code, "by yourself or by somebody else" in again.text) == (409, True)


async def test_a_choice_that_was_not_taken_is_handed_on_again(
    mailbox: Mailbox, clock: ManualClock, tmp_path: Path
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    wire = Wire(status=500)
    app = Starlette(routes=approvals.routes(wire, sign, clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as browser:
        assert (await browser.post(links["Approve"])).status_code == 502
        wire.status = 200
        assert "recorded" in (await browser.post(links["Approve"])).text
        assert "recorded" in (await browser.post(links["Approve"])).text
    assert len(wire.requests) == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_changed_link_decides_nothing(
    browser: httpx.AsyncClient,
    mailbox: Mailbox,
    clock: ManualClock,
    tmp_path: Path,
    waiting: Waiting,
    method: str,
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    for forged in (
        links["Approve"][:99] + links["Reject"][99:],
        links["Approve"][:-1],
        "/approvals/x",
        f"/approvals/{'A' * 3000}",
    ):
        shown = await browser.request(method, forged)
        assert (shown.status_code, "not valid" in shown.text) == (404, True)
    assert waiting.reports == []


async def test_an_expired_link_decides_nothing(
    browser: httpx.AsyncClient, mailbox: Mailbox, clock: ManualClock, tmp_path: Path, waiting: Waiting
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    await clock.advance(timedelta(days=90))
    for method in ("GET", "POST"):
        shown = await browser.request(method, links["Approve"])
        assert (shown.status_code, "expired on 05 April 2026" in shown.text) == (410, True)
    assert waiting.reports == []


async def test_every_page_is_fenced_in(
    browser: httpx.AsyncClient, mailbox: Mailbox, clock: ManualClock, tmp_path: Path
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    for shown in (
        await browser.get(links["Approve"]),
        await browser.post(links["Approve"]),
        await browser.get("/approvals/x"),
    ):
        assert shown.headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
        assert shown.headers["cache-control"] == "no-store"
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert shown.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("wire", "status", "title"),
    [
        (Wire(status=401), 410, "Nobody waits"),
        (Wire(status=404), 410, "Nobody waits"),
        (Wire(status=500), 502, "could not be delivered"),
        (Wire(error=ConnectionFailed("refused", "soc.contoso.com")), 502, "could not be delivered"),
        (Wire(error=EgressDenied()), 502, "could not be delivered"),
    ],
)
async def test_a_choice_that_does_not_arrive_is_not_called_recorded(
    mailbox: Mailbox, clock: ManualClock, tmp_path: Path, wire: Wire, status: int, title: str
) -> None:
    links = await _links(mailbox, clock, tmp_path)
    app = Starlette(routes=approvals.routes(wire, sign, clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC) as browser:
        shown = await browser.post(links["Approve"])
    assert (shown.status_code, title in shown.text) == (status, True)
    assert orjson.loads(wire.requests[0].body)["SelectedOption"] == "Approve"
    assert wire.requests[0].url == CALLBACK
