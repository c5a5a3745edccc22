"""The way of a person through the pages: who are you, what do you decide, and back to whoever asked.

The rule: what an application asked for travels in a ticket from page to page, so that nothing of it can be changed on
the way; what a person decides counts once, and only in the browser that was asked.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response

from sallyport import errors
from sallyport.auth import browsers, forms, html, passwords, refusals
from sallyport.auth.authority import Authority
from sallyport.auth.browsers import Browser
from sallyport.store import audit, schema, users
from sallyport.store.audit import AuditEvent
from sallyport.store.users import User

#: What an application asked for, as it travels in tickets.
Asked = Mapping[str, Any]

_SIGN_IN, _DECIDE = "sign-in", "decide"
_WRONG = "The name or the password is not right."


@dataclass(frozen=True, slots=True)
class Visit:
    """A person who is signed in, in a browser, with one request."""

    authority: Authority
    request: Request
    browser: Browser
    user: User

    def ticket(self, journey: str, asked: Asked) -> str:
        """Answer the ticket of a form that this person decides by."""
        detail = {"journey": journey, "asked": dict(asked), "user": self.user.id}
        return browsers.ticket(self.authority, self.browser, _DECIDE, detail)

    def event(self, activity: str, target: str, *, success: bool, **detail: str) -> AuditEvent:
        """Answer a line of the audit trail about what this person did."""
        at = schema.instant(self.authority.clock.now())
        outcome = "success" if success else "failure"
        return AuditEvent(at, self.user.name, activity, target, outcome, address(self.request), detail)  # type: ignore[arg-type]


class Journey(Protocol):
    """One thing that a person can be on the way to."""

    def leads_to(self, asked: Asked) -> str:
        """Answer the origin to which its forms may redirect; empty for nowhere else."""
        ...

    async def arrive(self, visit: Visit, asked: Asked) -> Response:
        """Go on now that it is known who somebody is: ask for a decision, or answer."""
        ...

    async def decided(self, visit: Visit, asked: Asked, *, accepted: bool) -> Response:
        """Answer after a decision."""
        ...


class Interaction:
    """The pages that all journeys share."""

    def __init__(self, authority: Authority, journeys: Mapping[str, Journey]) -> None:
        self._authority = authority
        self._journeys = journeys

    async def begin(
        self, request: Request, journey: str, asked: Asked, *, fresh: bool = False, name: str = ""
    ) -> Response:
        """Begin a journey: at its first page for who is signed in, else (and with `fresh`) at the sign-in."""
        browser = await browsers.recognise(self._authority, request)
        visit = self._visit(request, browser)
        if visit is not None and not fresh:
            return browsers.remember(request, await _answered(self._journeys[journey].arrive(visit, asked)), browser)
        return browsers.remember(request, self._sign_in(browser, journey, asked, name), browser)

    async def visit(self, request: Request) -> Visit | None:
        """Answer the visit of whoever is signed in already; None for nobody."""
        return self._visit(request, await browsers.recognise(self._authority, request))

    async def sign_in(self, request: Request) -> Response:
        """Take a name and a password, and go on when they are right."""
        try:
            form = await forms.read(request)
            browser = await browsers.recognise(self._authority, request)
            held = await browsers.redeem(self._authority, request, browser, _SIGN_IN, form.get("ticket", ""))
        except errors.SallyportError as error:
            return html.told("Sign in", error.message, error.status)
        name = form.get("name", "").strip()[:256]
        try:
            user = await self._known(request, name, form.get("password", ""))
        except refusals.TooManyFailures as refusal:
            wait = refusal.retry_after_seconds
            return self._again(browser, held, name, f"There were too many attempts. Wait {wait} seconds.")
        if user is None:
            return self._again(browser, held, name, _WRONG)
        visit = Visit(self._authority, request, Browser(browser.id, user), user)
        response = await _answered(self._journeys[held["journey"]].arrive(visit, held["asked"]))
        await browsers.begin_session(self._authority, request, response, user)
        return response

    async def decide(self, request: Request) -> Response:
        """Take a decision."""
        try:
            form = await forms.read(request)
            browser = await browsers.recognise(self._authority, request)
            held = await browsers.redeem(self._authority, request, browser, _DECIDE, form.get("ticket", ""))
            if browser.user is None or browser.user.id != held["user"]:
                raise browsers.TicketRefused
        except errors.SallyportError as error:
            return html.told("This did not work", error.message, error.status)
        visit = Visit(self._authority, request, browser, browser.user)
        accepted = form.get("decision") == "accept"
        return await _answered(self._journeys[held["journey"]].decided(visit, held["asked"], accepted=accepted))

    async def sign_out(self, request: Request) -> Response:
        """Sign out whoever is signed in with this browser."""
        response = html.told("Signed out", "You are signed out.")
        await browsers.end_session(self._authority, request, response)
        return response

    def _visit(self, request: Request, browser: Browser) -> Visit | None:
        return None if browser.user is None else Visit(self._authority, request, browser, browser.user)

    def _sign_in(self, browser: Browser, journey: str, asked: Asked, name: str, wrong: str = "") -> Response:
        ticket = browsers.ticket(self._authority, browser, _SIGN_IN, {"journey": journey, "asked": dict(asked)})
        return html.sign_in(ticket, name, wrong, self._journeys[journey].leads_to(asked))

    def _again(self, browser: Browser, held: Mapping[str, Any], name: str, wrong: str) -> Response:
        response = self._sign_in(browser, held["journey"], held["asked"], name, wrong)
        response.status_code = 401
        return response

    async def _known(self, request: Request, name: str, password: str) -> User | None:
        """Answer the user whose password was given, and leave a line in the audit trail; raises `TooManyFailures`."""
        authority = self._authority
        user = await authority.db.read(lambda connection: users.named(connection, name))
        stored = user.password_hash if user is not None else None
        key = f"user:{name.lower()}"
        async with authority.failures.turn(key, address(request)):
            right = await passwords.verify(password, stored)
        known = user if right and user is not None and user.enabled else None
        if known is None:
            authority.failures.note(key, address(request))
        else:
            authority.failures.forgive(key, address(request))
        at = schema.instant(authority.clock.now())
        outcome = "failure" if known is None else "success"
        event = AuditEvent(at, name, "user.sign_in", "", outcome, address(request))  # type: ignore[arg-type]
        await authority.db.write(lambda connection: audit.append(connection, event))
        return known


async def _answered(going_on: Awaitable[Response]) -> Response:
    """Answer what a journey answers; a person whom it refuses sees a page."""
    try:
        return await going_on
    except refusals.Refused as error:
        return html.told("This did not work", f"AADSTS{error.number}: {error.message}", error.status)


def address(request: Request) -> str:
    """Answer the address that a request came from."""
    return request.client.host if request.client else ""
