"""Sign-in of a device without a browser: RFC 8628. The device shows a code; a person types it elsewhere and agrees.

The rule: a code that a person types is short, so it counts for a few minutes, in one state, and guesses are counted.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sallyport import errors
from sallyport.auth import applications, browsers, forms, html, refusals, resources
from sallyport.auth.authority import Authority
from sallyport.auth.codes import hashed
from sallyport.auth.discovery import address as own_address
from sallyport.auth.interaction import Asked, Interaction, Visit, address
from sallyport.auth.refused import refused
from sallyport.auth.tenant import check_tenant
from sallyport.auth.user_grants import INTERVAL_SECONDS
from sallyport.store import audit, grants, schema
from sallyport.store.grants import Family, Grant

JOURNEY = "device"
LIFE = timedelta(minutes=15)
#: Letters and digits that nobody takes for another.
_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ23456789"
_LETTERS = 9
_PURPOSE = "device"
_UNKNOWN = "That code is not one that waits for you. Look at your device again."


class TooManyDevices(refusals.TooManyFailures):
    """Raised when devices have asked for more codes from one address than it may have at a time."""

    def __init__(self, retry_after_seconds: int) -> None:
        refusals.Refused.__init__(self, "Too many devices have asked for a code from this address. Try again later.")
        self.retry_after_seconds = retry_after_seconds


class Device:
    """The endpoint of devices, the page where a person types the code, and the journey from there."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        #: Set when the pages are put together, because they know this journey.
        self.pages: Interaction

    async def endpoint(self, request: Request) -> Response:
        """Answer a device's codes."""
        try:
            check_tenant(request)
            given = await forms.read(request)
            application = await applications.found(self._authority, given.get("client_id", ""))
            await resources.check(self._authority, application, given.get("scope", ""), own_address(request))
            if not self._authority.device_budget.taken(address(request)):
                raise TooManyDevices(self._authority.device_budget.wait_seconds(address(request)))
        except refusals.Refused as refusal:
            return refused(request, self._authority.clock, refusal)
        code, now = secrets.token_urlsafe(48), self._authority.clock.now()
        shown = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
        client_id = application.client.client_id
        detail = {"scope": given.get("scope", "")[:2048]}
        grant = Grant(
            hashed(code), "device", "waiting", client_id, None, schema.instant(now + LIFE), hashed(shown), detail
        )
        await self._authority.db.write(lambda connection: grants.insert(connection, grant))
        page = f"{own_address(request)}/devicelogin"
        return JSONResponse(
            {
                "user_code": shown,
                "device_code": code,
                "verification_uri": page,
                "expires_in": int(LIFE.total_seconds()),
                "interval": INTERVAL_SECONDS,
                "message": f"To sign in, use a web browser to open the page {page} and enter the code {shown} to "
                "authenticate.",
            },
            headers={"Cache-Control": "no-store"},
        )

    async def page(self, request: Request) -> Response:
        """Ask for the code that a device shows."""
        browser = await browsers.recognise(self._authority, request)
        ticket = browsers.ticket(self._authority, browser, _PURPOSE, {})
        return browsers.remember(request, html.device(ticket), browser)

    async def typed(self, request: Request) -> Response:
        """Take the code that somebody typed, and let the person sign in."""
        try:
            form = await forms.read(request)
            browser = await browsers.recognise(self._authority, request)
            await browsers.redeem(self._authority, request, browser, _PURPOSE, form.get("ticket", ""))
        except errors.SallyportError as error:
            return html.told("Enter code", error.message, error.status)
        # One counter for all codes: whoever guesses at one guesses at every one.
        wait = self._authority.failures.wait_seconds("device", address(request))
        code = "".join(form.get("user_code", "").upper().split()).replace("-", "")
        now = schema.instant(self._authority.clock.now())
        grant = None
        if not wait:
            grant = await self._authority.db.read(
                lambda connection: grants.waiting_device(connection, hashed(code), now)
            )
        if grant is None:
            self._authority.failures.note("device", address(request))
            ticket = browsers.ticket(self._authority, browser, _PURPOSE, {})
            return html.device(ticket, _UNKNOWN if not wait else f"There were too many attempts. Wait {wait} seconds.")
        return await self.pages.begin(request, JOURNEY, {"grant": grant.hash, "client_id": grant.client_id})

    def leads_to(self, _asked: Asked) -> str:
        """Answer that nobody is sent anywhere."""
        return ""

    async def arrive(self, visit: Visit, asked: Asked) -> Response:
        """Ask whether the device is meant."""
        application = await applications.found(self._authority, asked["client_id"])
        return html.confirm_device(visit.ticket(JOURNEY, asked), application.client.display_name, visit.user.name)

    async def decided(self, visit: Visit, asked: Asked, *, accepted: bool) -> Response:
        """Let the device in, or not."""
        now = schema.instant(self._authority.clock.now())
        family = Family(str(uuid.uuid4()), asked["client_id"], visit.user.id, now)
        event = visit.event("device.signed_in" if accepted else "device.refused", asked["client_id"], success=accepted)

        def keep(connection: Connection) -> bool:
            if not grants.answer(connection, asked["grant"], family if accepted else None, now):
                return False
            audit.append(connection, event)
            return True

        if not await self._authority.db.write(keep):
            return html.told("Enter code", _UNKNOWN, 400)
        sentence = "You have signed in on your device. You can close this page." if accepted else "Nothing was granted."
        return html.told("Enter code", sentence)
