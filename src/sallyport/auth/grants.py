"""The ways to get a token, one function for each grant of the standard; `GRANTS` is the whole list."""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.auth import on_behalf_of, refusals, resources, scopes, tokens, user_grants
from sallyport.auth.exchange import Exchange, Granted, GrantFunction, grant
from sallyport.auth.tokens import Subject

_DEFAULT = "/.default"


@grant("client_credentials")
async def client_credentials(exchange: Exchange) -> Granted:
    """Grant an application a token in its own name: RFC 6749, section 4.4."""
    resource = _resource(exchange.parameters)
    application = await exchange.proved()
    client = application.client
    audience, held = _audience(resource), application.roles
    if scopes.application_id(resource):
        # Deviation: applications offer permissions to users only; one that acts in its own name holds none there.
        audience, held = await resources.of_application(exchange.authority, resource), ()
    return Granted(Subject(client.client_id, client.display_name, held), audience)


def table(*grants: GrantFunction) -> Mapping[str, GrantFunction]:
    """Answer grants by their type; raises `ValueError` when one comes twice."""
    by_type = {each.grant_type: each for each in grants}
    if len(by_type) != len(grants):
        raise ValueError("A grant type is answered twice.")
    return by_type


GRANTS: Mapping[str, GrantFunction] = table(
    client_credentials,
    user_grants.authorization_code,
    user_grants.refresh_token,
    user_grants.device_code,
    on_behalf_of.on_behalf_of,
)


def _resource(parameters: Mapping[str, str]) -> str:
    """Answer the resource that is named by `scope` (v2.0) or `resource` (v1.0)."""
    scope = parameters.get("scope", "").strip()
    resource = parameters.get("resource", "").strip()
    if scope:
        first = scope.split()[0]
        if not first.endswith(_DEFAULT):
            raise refusals.ScopeInvalid(scope[:200])
        resource = first.removesuffix(_DEFAULT)
    elif not resource:
        raise refusals.ParameterMissing("scope")
    return resource.rstrip("/")


def _audience(resource: str) -> str:
    """Answer which of our two resources a name means."""
    # Deviation: any resource but the management API's means Graph; clients name the host that they know us by.
    return tokens.MANAGEMENT if resource.lower() in scopes.MANAGEMENT else tokens.GRAPH
