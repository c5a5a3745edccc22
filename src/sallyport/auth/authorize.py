"""The authorization endpoint: RFC 6749, section 4.1, with PKCE (RFC 7636), as clients of Microsoft Entra ID use it.

The rule: nobody is sent to an address that is not registered to the letter; whatever is wrong before that is known is a
page, and everything after it goes back to the application.
Deviation: only authorization codes are given; the implicit grant is not answered.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from sallyport import errors
from sallyport.auth import applications, consents, forms, html, redirects, refusals, resources, scopes
from sallyport.auth.applications import Application
from sallyport.auth.authority import Authority
from sallyport.auth.codes import hashed
from sallyport.auth.discovery import address as own_address
from sallyport.auth.interaction import Asked, Interaction, Visit
from sallyport.auth.roles import ADMINISTRATOR
from sallyport.auth.tenant import check_tenant
from sallyport.store import audit, grants, schema
from sallyport.store.grants import Family, Grant

JOURNEY = "authorize"
#: How long a code may be redeemed.
_CODE = timedelta(minutes=10)
_KEPT = ("client_id", "redirect_uri", "response_mode", "scope", "state", "nonce", "code_challenge", "resource")
_MODES = ("query", "fragment", "form_post")
_LONGEST = 4_096


class RedirectRefused(refusals.Refused):
    """Raised when an application wants its answer sent to an address that is not registered for it."""

    number = 50011

    def __init__(self, address: str, client_id: str) -> None:
        super().__init__(
            f"The redirect URI '{address[:200]}' specified in the request does not match the redirect URIs configured "
            f"for the application '{client_id}'."
        )
        self.address = address


class Authorize:
    """The endpoint, and the journey that it begins."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        #: Set when the pages are put together, because they know this journey.
        self.pages: Interaction

    async def endpoint(self, request: Request) -> Response:
        """Begin to authorize an application."""
        try:
            check_tenant(request)
            given = (
                await forms.read(request) if request.method == "POST" else forms.parse(request.scope["query_string"])
            )
            application = await applications.found(self._authority, given.get("client_id", ""))
            check_redirect(application, given.get("redirect_uri", ""))
        except errors.SallyportError as error:
            return html.told("Sorry, but we are having trouble signing you in", _aadsts(error), error.status)
        asked = {name: given[name] for name in _KEPT if given.get(name)}
        fault = _fault(application, given) or await self._unknown(request, application, asked)
        if fault is not None:
            return answered(asked, fault)
        if given.get("prompt") == "none":
            return await self._silently(request, asked, application, given.get("login_hint", ""))
        fresh = "login" in given.get("prompt", "") or "select_account" in given.get("prompt", "")
        return await self.pages.begin(request, JOURNEY, asked, fresh=fresh, name=given.get("login_hint", "")[:256])

    async def _silently(self, request: Request, asked: Asked, application: Application, hint: str) -> Response:
        """Answer without showing a page, or say what one is needed for: OpenID Connect Core 1.0, section 3.1.2.1."""
        visit = await self.pages.visit(request)
        if visit is None or (hint and hint.lower() != visit.user.name.lower()):
            text = "A silent sign-in request was sent but no user is signed in."
            return answered(asked, _error("login_required", 50058, text))
        if _consentable(asked, application):
            text = "Somebody has to consent to what the application asks for. Send an interactive request."
            return answered(asked, _error("consent_required", 65001, text))
        return await self._grant(visit, asked, application)

    async def _unknown(
        self, request: Request, application: Application, asked: dict[str, str]
    ) -> dict[str, str] | None:
        """Answer what is wrong with the permissions that are asked for; the v1.0 endpoint names a resource instead."""
        if asked.get("resource") and not scopes.names_something(asked.get("scope", "")):
            asked["scope"] = f"{asked.get('scope', '')} {asked['resource'].rstrip('/')}{scopes.DEFAULT}".strip()
        try:
            await resources.check(self._authority, application, asked.get("scope", ""), own_address(request))
        except refusals.Refused as refusal:
            return _error(refusal.code, refusal.number, refusal.message)
        return None

    def leads_to(self, asked: Asked) -> str:
        """Answer where the answer goes."""
        return redirects.origin(asked["redirect_uri"])

    async def arrive(self, visit: Visit, asked: Asked) -> Response:
        """Answer with a code, or ask for consent first."""
        application = await applications.found(self._authority, asked["client_id"])
        wanted = _consentable(asked, application)
        if not wanted:
            return await self._grant(visit, asked, application)
        if ADMINISTRATOR not in visit.user.roles:
            text = "The application asks for permissions that only an administrator can grant."
            return answered(asked, _error("consent_required", 90094, text))
        ticket = visit.ticket(JOURNEY, {**asked, "wanted": list(wanted)})
        return html.consent(ticket, facts(application, visit), described(wanted), self.leads_to(asked))

    async def decided(self, visit: Visit, asked: Asked, *, accepted: bool) -> Response:
        """Keep what was granted, and answer with a code; or tell the application that it was refused."""
        application = await applications.found(self._authority, asked["client_id"])
        # What the page showed, whatever was granted or taken back since.
        wanted = tuple(asked["wanted"])
        if ADMINISTRATOR not in visit.user.roles:
            accepted = False
        target = application.client.client_id
        activity = "consent.granted" if accepted else "consent.refused"
        event = visit.event(activity, target, success=accepted, scopes=" ".join(wanted))
        now = schema.instant(self._authority.clock.now())

        def keep(connection: Connection) -> None:
            if accepted:
                consents.add(connection, target, None, wanted, now, visit.user.name)
            audit.append(connection, event)

        await self._authority.db.write(keep)
        if not accepted:
            text = "User declined to consent to access the app."
            return answered(asked, _error("access_denied", 65004, text))
        return await self._grant(visit, asked, await applications.found(self._authority, asked["client_id"]))

    async def _grant(self, visit: Visit, asked: Asked, application: Application) -> Response:
        code, now = secrets.token_urlsafe(48), self._authority.clock.now()
        at, until = schema.instant(now), schema.instant(now + _CODE)
        family = Family(str(uuid.uuid4()), application.client.client_id, visit.user.id, at)
        detail = {name: asked[name] for name in ("redirect_uri", "scope", "nonce", "code_challenge") if name in asked}
        grant = Grant(hashed(code), "code", "granted", family.client_id, family.id, until, None, detail)
        event = visit.event("code.issued", family.client_id, success=True)

        def store(connection: Connection) -> None:
            grants.begin(connection, family)
            grants.insert(connection, grant)
            audit.append(connection, event)

        await self._authority.db.write(store)
        return answered(asked, {"code": code, "session_state": family.id})


def answered(asked: Mapping[str, str], fields: Mapping[str, str]) -> Response:
    """Answer an application in the way that it asked for."""
    back, mode = asked["redirect_uri"], asked.get("response_mode", "query")
    told = {**fields, **({"state": asked["state"]} if "state" in asked else {})}
    if mode == "form_post":
        return html.post_to(back, told)
    return redirects.answered(back, told, in_fragment=mode == "fragment")


def check_redirect(application: Application, address: str) -> None:
    """Raise RedirectRefused unless an address is registered for an application."""
    if not redirects.fits(address, application.sign_ins.redirect_uris):
        raise RedirectRefused(address, application.client.client_id)


def facts(application: Application, visit: Visit) -> dict[str, str]:
    """Answer what a consent page says of an application."""
    client = application.client
    return {
        "Application": client.display_name,
        "Application id": client.client_id,
        "Tenant": visit.authority.tenant_id,
        "You are": visit.user.name,
    }


def described(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Answer permissions with what they mean."""
    return [(name, scopes.SUMMARIES.get(name, "")) for name in names]


def _consentable(asked: Asked, application: Application) -> tuple[str, ...]:
    return scopes.consentable(asked.get("scope", ""), application.scopes, application.sign_ins.scopes)


def _fault(application: Application, given: Mapping[str, str]) -> dict[str, str] | None:
    if given.get("response_type", "code") != "code":
        return _error("unsupported_response_type", 70005, "Only response_type 'code' is supported.")
    if given.get("response_mode", "query") not in _MODES:
        return _error("invalid_request", 90014, "The response_mode is not supported.")
    if any(len(given.get(name, "")) > _LONGEST for name in _KEPT):
        return _error("invalid_request", 90014, "A parameter is too long.")
    challenge, method = given.get("code_challenge", ""), given.get("code_challenge_method", "plain")
    if challenge and method != "S256":
        return _error("invalid_request", 501491, "The code_challenge_method must be 'S256'.")
    if application.sign_ins.public and not challenge:
        return _error("invalid_request", 9002325, "Proof Key for Code Exchange is required for this application.")
    return None


def _error(code: str, number: int, sentence: str) -> dict[str, str]:
    return {"error": code, "error_description": f"AADSTS{number}: {sentence}"}


def _aadsts(error: errors.SallyportError) -> str:
    return f"AADSTS{error.number}: {error.message}" if isinstance(error, refusals.Refused) else error.message
