"""Which resource a token is for, Graph, the management API or an application, and whether it offers what is asked.

The rule: what nobody offers is refused by name, before anybody signs in for it.
https://learn.microsoft.com/entra/identity-platform/scopes-oidc
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from sallyport.auth import refusals, scopes, tokens
from sallyport.auth.applications import Application
from sallyport.auth.applications import read as read_application
from sallyport.auth.authority import Authority

#: Graph in the national clouds; elsewhere it is known by `tokens.AUDIENCES`.
_NATIONAL = (
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)


class ScopeMalformed(refusals.Refused):
    """Raised when a scope is none that could exist, or cannot stand beside the others."""

    code = "invalid_scope"
    number = 70011

    def __init__(self, scope: str, why: str) -> None:
        super().__init__(
            f"The provided request must include a 'scope' input parameter. The provided value for the input parameter "
            f"'scope' is not valid. The scope {scope[:200]} is not valid. {why}"
        )
        self.scope = scope


class ResourcesMixed(refusals.Refused):
    """Raised when one token is asked for with the scopes of several resources."""

    code = "invalid_scope"
    number = 28000

    def __init__(self, scope: str) -> None:
        super().__init__(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. "
            f"Scope {scope[:200]} is not valid."
        )
        self.scope = scope


class ResourceUnknown(refusals.Refused):
    """Raised when a token is asked for a resource that is not here."""

    code = "invalid_resource"
    number = 500011

    def __init__(self, resource: str, tenant_id: str) -> None:
        super().__init__(
            f"The resource principal named {resource[:200]} was not found in the tenant named {tenant_id}. This can "
            "happen if the application has not been installed by the administrator of the tenant or consented to by "
            "any user in the tenant."
        )
        self.resource = resource


class ScopeUnknown(refusals.Refused):
    """Raised when an application asks for a scope that its resource does not offer."""

    code = "invalid_client"
    number = 650053

    def __init__(self, application: str, scope: str, resource: str) -> None:
        super().__init__(
            f"The application '{application}' asked for scope '{scope[:200]}' that doesn't exist on the resource "
            f"'{resource}'. Contact the app vendor."
        )
        self.scope = scope


async def check(authority: Authority, application: Application, scope: str, here: str) -> str:
    """Answer the audience of a token with a scope; `here` is the address that the client knows us by.

    Raises ScopeMalformed, ResourceUnknown, ScopeUnknown or ResourcesMixed.
    """
    named = [part for part in scope.split() if part.lower() not in scopes.SIGN_IN]
    audiences = [await _audience_of(authority, application, part, here) for part in named]
    everything = [part for part in named if scopes.is_everything(part)]
    if everything and len(named) > 1:
        raise ScopeMalformed(scope, ".default scope can't be combined with resource-specific scopes.")
    if len(set(audiences)) > 1:
        raise ResourcesMixed(scope)
    return audiences[0] if audiences else tokens.GRAPH


async def of_application(authority: Authority, resource: str) -> str:
    """Answer the audience of the application that a resource names; raises ResourceUnknown."""
    found = await _offering(authority, scopes.application_id(resource))
    if found is None:
        raise ResourceUnknown(resource, authority.tenant_id)
    return found.client.client_id


async def _audience_of(authority: Authority, application: Application, part: str, here: str) -> str:
    resource, name = scopes.parted(part)
    # RFC 6749, section 3.3: what a scope may consist of.
    if not name or len(part) > 256 or not part.isascii() or not part.isprintable() or set(part) & set('"\\'):
        raise ScopeMalformed(part, "It is not <resource>/<permission>.")
    if scopes.application_id(resource):
        return await _of_application(authority, application, resource, name)
    audience = _ours(resource, here, everything=scopes.is_everything(part))
    if audience is None:
        raise ResourceUnknown(resource, authority.tenant_id)
    if not scopes.is_everything(part) and not scopes.requested(part):
        raise ScopeUnknown(application.client.display_name, name, "00000003-0000-0000-c000-000000000000")
    return audience


async def _of_application(authority: Authority, application: Application, resource: str, name: str) -> str:
    found = await _offering(authority, scopes.application_id(resource))
    if found is None:
        raise ResourceUnknown(resource, authority.tenant_id)
    offered = found.sign_ins.exposes
    if name.lower() != scopes.DEFAULT.lstrip("/") and name not in offered:
        raise ScopeUnknown(application.client.display_name, name, found.client.client_id)
    return found.client.client_id


async def _offering(authority: Authority, client_id: str) -> Application | None:
    found = await authority.db.read(lambda connection: read_application(connection, client_id))
    return found if found is not None and found.client.enabled else None


def _ours(resource: str, here: str, *, everything: bool) -> str | None:
    """Answer which of our two resources a name means."""
    plain = resource.rstrip("/").lower()
    if plain.startswith(scopes.MANAGEMENT):
        return tokens.MANAGEMENT
    if not plain or plain in tokens.AUDIENCES or plain in _NATIONAL:
        return tokens.GRAPH
    # Deviation: an address with `/.default` means Graph, whatever host it names: clients name the one they know us by.
    if plain.startswith(("http://", "https://")) and (everything or _is_here(plain, here)):
        return tokens.GRAPH
    return None


def _is_here(resource: str, here: str) -> bool:
    host = urlsplit(resource).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return host == urlsplit(here).hostname
