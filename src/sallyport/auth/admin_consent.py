"""Admin consent, v1.0 and v2.0: an administrator grants an application what it asks for, for the whole tenant.

The rule: whoever consents signs in anew for it, and what is granted is what the page showed. What was granted in users'
names before stays granted; only `/.default`, or no scope at all, asks for permissions of the application's own.
https://learn.microsoft.com/entra/identity-platform/v2-admin-consent
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from sallyport import errors
from sallyport.auth import applications, authorize, consents, forms, html, redirects, refusals, resources, scopes
from sallyport.auth.applications import Application
from sallyport.auth.authority import Authority
from sallyport.auth.discovery import address as own_address
from sallyport.auth.interaction import Asked, Interaction, Visit
from sallyport.auth.roles import ADMINISTRATOR
from sallyport.auth.tenant import check_tenant
from sallyport.store import audit, schema

JOURNEY = "adminconsent"
_KEPT = ("client_id", "redirect_uri", "scope", "state")


class ConsumersRefused(refusals.Refused):
    """Raised when consent is asked for in a tenant that has no administrator."""

    number = 90002

    def __init__(self) -> None:
        super().__init__("Personal accounts have no administrator: name the tenant, or 'organizations'.")


class AdminConsent:
    """The endpoint, and the journey that it begins."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        #: Set when the pages are put together, because they know this journey.
        self.pages: Interaction

    async def endpoint(self, request: Request) -> Response:
        """Ask an administrator, who signs in for it, whether an application may have what it asks for."""
        try:
            check_tenant(request)
            if request.path_params["tenant"].lower() == "consumers":
                raise ConsumersRefused
            given = forms.parse(request.scope["query_string"])
            application = await applications.found(self._authority, given.get("client_id", ""))
            if given.get("redirect_uri"):
                authorize.check_redirect(application, given["redirect_uri"])
        except refusals.Refused as error:
            return html.told("Permissions requested", f"AADSTS{error.number}: {error.message}", error.status)
        except errors.SallyportError as error:
            return html.told("Permissions requested", error.message, error.status)
        asked = {name: given[name][:4096] for name in _KEPT if given.get(name)}
        asked["client_id"] = application.client.client_id
        try:
            await resources.check(self._authority, application, asked.get("scope", ""), own_address(request))
        except refusals.Refused as error:
            text = f"AADSTS{error.number}: {error.message}"
            return self._answered(asked, _refused(error.code, text), text, error.status)
        return await self.pages.begin(request, JOURNEY, asked, fresh=True)

    def leads_to(self, asked: Asked) -> str:
        """Answer where the answer goes."""
        return redirects.origin(asked["redirect_uri"]) if "redirect_uri" in asked else ""

    async def arrive(self, visit: Visit, asked: Asked) -> Response:
        """Show what the application asks for."""
        application = await applications.found(self._authority, asked["client_id"])
        roles, delegated = _wanted(application, asked)
        shown = {**asked, "roles": roles, "scopes": delegated}
        if ADMINISTRATOR not in visit.user.roles:
            text = f"Only a {ADMINISTRATOR} can grant permissions for the whole tenant."
            await self._note(visit, shown, accepted=False)
            return self._answered(asked, _refused("consent_required", f"AADSTS90094: {text}"), text, 403)
        ticket = visit.ticket(JOURNEY, shown)
        listed = authorize.described(tuple(dict.fromkeys((*(roles or ()), *delegated))))
        return html.consent(ticket, authorize.facts(application, visit), listed, self.leads_to(asked))

    async def decided(self, visit: Visit, asked: Asked, *, accepted: bool) -> Response:
        """Grant, or not, and tell the application."""
        application = await applications.found(self._authority, asked["client_id"])
        accepted = accepted and ADMINISTRATOR in visit.user.roles
        await self._note(visit, asked, accepted=accepted)
        if not accepted:
            text = "AADSTS65004: User declined to consent to access the app."
            return self._answered(asked, _refused("consent_required", text), "Nothing was granted.")
        told = {"admin_consent": "True", "scope": asked["scope"]} if "scope" in asked else {"admin_consent": "True"}
        name = application.client.display_name
        return self._answered(asked, told, f"{name} may now do what it asked for. You can close this page.")

    async def _note(self, visit: Visit, shown: Asked, *, accepted: bool) -> None:
        """Write down what was decided about what the page showed."""
        target, roles, delegated = shown["client_id"], shown["roles"], shown["scopes"]
        what = {"permissions": " ".join(roles or ()), "scopes": " ".join(delegated)}
        event = visit.event("consent.granted" if accepted else "consent.refused", target, success=accepted, **what)
        now = schema.instant(self._authority.clock.now())

        def keep(connection: Connection) -> None:
            if accepted:
                consents.add(connection, target, roles, delegated, now, visit.user.name)
            audit.append(connection, event)

        await self._authority.db.write(keep)

    def _answered(self, asked: Asked, fields: Mapping[str, str], sentence: str, status: int = 200) -> Response:
        if "redirect_uri" not in asked:
            return html.told("Permissions requested", sentence, status)
        told = {"tenant": self._authority.tenant_id, **fields}
        if "state" in asked:
            told["state"] = asked["state"]
        return redirects.answered(asked["redirect_uri"], told)


def _wanted(application: Application, asked: Asked) -> tuple[list[str] | None, list[str]]:
    """Answer the application and delegated permissions that are asked for.

    Those that `scope` names, which are delegated ones, and None for the others; all of the registration for `/.default`
    and where nothing is said.
    """
    said = asked.get("scope", "").split()
    if said and not any(scopes.is_everything(part) for part in said):
        return None, list(scopes.requested(asked["scope"]))
    return list(application.client.permissions), list(application.sign_ins.scopes)


def _refused(code: str, sentence: str) -> dict[str, str]:
    """Answer a refusal; Microsoft says `admin_consent=True` even then."""
    return {"admin_consent": "True", "error": code, "error_description": sentence}
