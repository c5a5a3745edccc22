"""The addresses of identity, with any tenant in front where a client puts one."""

from __future__ import annotations

from functools import partial

from starlette.routing import Route

from sallyport.auth import admin_consent, authorize, device, discovery, token, userinfo
from sallyport.auth.admin_consent import AdminConsent
from sallyport.auth.authority import Authority
from sallyport.auth.authorize import Authorize
from sallyport.auth.device import Device
from sallyport.auth.interaction import Interaction

#: The token endpoint answers every method, so that a wrong one is refused in the endpoint's own words.
_ANY = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_GET, _POST, _BOTH = ["GET"], ["POST"], ["GET", "POST"]


def routes(authority: Authority) -> list[Route]:
    """Answer the routes of one tenant's identity."""
    issue = partial(token.token, authority)
    configuration = partial(discovery.openid_configuration, authority)
    keys = partial(discovery.keys, authority)
    asking, consenting, devices = Authorize(authority), AdminConsent(authority), Device(authority)
    pages = Interaction(
        authority, {authorize.JOURNEY: asking, admin_consent.JOURNEY: consenting, device.JOURNEY: devices}
    )
    asking.pages = consenting.pages = devices.pages = pages
    return [
        Route("/common/discovery/instance", discovery.instance),
        Route("/oidc/userinfo", partial(userinfo.userinfo, authority), methods=_BOTH),
        Route("/devicelogin", devices.page, methods=_GET),
        Route("/identity/device", devices.typed, methods=_POST),
        Route("/identity/signin", pages.sign_in, methods=_POST),
        Route("/identity/decide", pages.decide, methods=_POST),
        Route("/{tenant}/adminconsent", consenting.endpoint, methods=_GET),
        Route("/{tenant}/v2.0/adminconsent", consenting.endpoint, methods=_GET),
        *(
            route
            for version in ("/v2.0", "")
            for route in (
                Route(f"/{{tenant}}/oauth2{version}/token", issue, methods=_ANY),
                Route(f"/{{tenant}}/oauth2{version}/authorize", asking.endpoint, methods=_BOTH),
                Route(f"/{{tenant}}/oauth2{version}/devicecode", devices.endpoint, methods=_POST),
                Route(f"/{{tenant}}/oauth2{version}/logout", pages.sign_out, methods=_BOTH),
                Route(f"/{{tenant}}{version}/.well-known/openid-configuration", configuration),
                Route(f"/{{tenant}}/discovery{version}/keys", keys),
            )
        ),
    ]
