"""The addresses of identity, with any tenant in front; only `/common/discovery/instance` names none."""

from __future__ import annotations

from functools import partial

from starlette.routing import Route

from sallyport.auth import discovery, token
from sallyport.auth.authority import Authority

#: The token endpoint answers every method, so that a wrong one is refused in the endpoint's own words.
_ANY = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(authority: Authority) -> list[Route]:
    """Answer the routes of one tenant's identity."""
    issue = partial(token.token, authority)
    configuration = partial(discovery.openid_configuration, authority)
    keys = partial(discovery.keys, authority)
    return [
        Route("/common/discovery/instance", discovery.instance),
        Route("/{tenant}/oauth2/v2.0/token", issue, methods=_ANY),
        Route("/{tenant}/oauth2/token", issue, methods=_ANY),
        Route("/{tenant}/v2.0/.well-known/openid-configuration", configuration),
        Route("/{tenant}/.well-known/openid-configuration", configuration),
        Route("/{tenant}/discovery/v2.0/keys", keys),
        Route("/{tenant}/discovery/keys", keys),
    ]
