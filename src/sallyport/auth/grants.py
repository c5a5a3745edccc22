"""The ways to get a token, one function for each grant of the standard; `GRANTS` is the whole list."""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.auth import refusals, tokens, user_grants
from sallyport.auth.exchange import Exchange, Granted, GrantFunction, grant
from sallyport.auth.tokens import Subject

_DEFAULT = "/.default"
#: Resource names that mean the management surface; every other resource is Graph, whatever a client calls it.
_MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")


@grant("client_credentials")
async def client_credentials(exchange: Exchange) -> Granted:
    """Grant an application a token in its own name: RFC 6749, section 4.4."""
    audience = _audience(exchange.parameters)
    application = await exchange.proved()
    client = application.client
    return Granted(Subject(client.client_id, client.display_name, application.roles), audience)


def table(*grants: GrantFunction) -> Mapping[str, GrantFunction]:
    """Answer grants by their type; raises `ValueError` when one comes twice."""
    by_type = {each.grant_type: each for each in grants}
    if len(by_type) != len(grants):
        raise ValueError("A grant type is answered twice.")
    return by_type


GRANTS: Mapping[str, GrantFunction] = table(
    client_credentials, user_grants.authorization_code, user_grants.refresh_token, user_grants.device_code
)


def _audience(parameters: Mapping[str, str]) -> str:
    """Answer which of our resources is meant by `scope` (v2.0) or `resource` (v1.0)."""
    scope = parameters.get("scope", "").strip()
    resource = parameters.get("resource", "").strip()
    if scope:
        first = scope.split()[0]
        if not first.endswith(_DEFAULT):
            raise refusals.ScopeInvalid(scope[:200])
        resource = first.removesuffix(_DEFAULT)
    elif not resource:
        raise refusals.ParameterMissing("scope")
    # Deviation: any resource but the management API's means Graph; clients name the host that they know us by.
    return tokens.MANAGEMENT if resource.rstrip("/").lower() in _MANAGEMENT else tokens.GRAPH
