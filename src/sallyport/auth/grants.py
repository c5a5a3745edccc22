"""The ways to get a token, one function for each grant of the standard; `GRANTS` is the whole list.

The rule: a grant decides whom a token is for; it raises a refusal or answers a subject and a resource; it never draws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sallyport.auth import consents, refusals, secret_hashes, tokens
from sallyport.auth.authority import Authority
from sallyport.auth.tokens import Subject
from sallyport.store import clients, schema
from sallyport.store.clients import Client, ClientSecret

_DEFAULT = "/.default"
#: Resource names that mean the management surface; every other resource is Graph, whatever a client calls it.
_MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request for a token, read but not yet judged."""

    authority: Authority
    parameters: Mapping[str, str]
    client_id: str
    client_secret: str
    remote_address: str

    def parameter(self, name: str) -> str:
        """Answer a field of the form; raises `ParameterMissing` when it is not there."""
        value = self.parameters.get(name, "")
        if not value:
            raise refusals.ParameterMissing(name)
        return value


@dataclass(frozen=True, slots=True)
class Granted:
    """For whom a token is to be made, and for which resource."""

    subject: Subject
    audience: str


Handler = Callable[[Exchange], Awaitable[Granted]]


class Grant(Protocol):
    """A handler that carries the `grant_type` it answers."""

    grant_type: str

    def __call__(self, exchange: Exchange, /) -> Awaitable[Granted]: ...


def grant(grant_type: str) -> Callable[[Handler], Grant]:
    """Attach a grant type to the function that answers it."""

    def attach(handler: Handler) -> Grant:
        handler.grant_type = grant_type  # type: ignore[attr-defined]
        return handler  # type: ignore[return-value]

    return attach


@grant("client_credentials")
async def client_credentials(exchange: Exchange) -> Granted:
    """Grant an application a token in its own name: RFC 6749, section 4.4."""
    audience = _audience(exchange.parameters)
    client = await authenticated(exchange)
    # What was granted, not what the registration asks for by now.
    roles = await exchange.authority.db.read(lambda connection: consents.granted_roles(connection, client.client_id))
    return Granted(Subject(client.client_id, client.display_name, roles), audience)


def table(*grants: Grant) -> Mapping[str, Grant]:
    """Answer grants by their type; raises `ValueError` when one comes twice."""
    by_type = {each.grant_type: each for each in grants}
    if len(by_type) != len(grants):
        raise ValueError("A grant type is answered twice.")
    return by_type


GRANTS: Mapping[str, Grant] = table(client_credentials)


async def authenticated(exchange: Exchange) -> Client:
    """Answer the application that proved who it is; raises a refusal, and counts failures, otherwise."""
    authority, client_id = exchange.authority, exchange.client_id
    if not client_id:
        raise refusals.ParameterMissing("client_id")
    wait = authority.failures.wait_seconds(client_id, exchange.remote_address)
    if wait:
        raise refusals.TooManyFailures(wait)
    client, stored = await authority.db.read(
        lambda connection: (clients.get(connection, client_id), clients.secrets(connection, client_id))
    )
    if not exchange.client_secret:
        raise refusals.SecretMissing
    try:
        matching = await _matching(authority, exchange.client_secret, stored)
        return _accepted(exchange, client, matching)
    except refusals.Refused:
        authority.failures.note(client_id, exchange.remote_address)
        raise


def _accepted(exchange: Exchange, client: Client | None, secret: ClientSecret | None) -> Client:
    authority = exchange.authority
    if client is None:
        raise refusals.ClientUnknown(exchange.client_id, authority.tenant_id)
    if secret is None:
        raise refusals.SecretInvalid(client.client_id)
    if secret.expires_at is not None and secret.expires_at <= schema.instant(authority.clock.now()):
        raise refusals.SecretExpired(client.client_id)
    if not client.enabled:
        raise refusals.ClientDisabled(client.client_id, client.display_name)
    authority.failures.forgive(exchange.client_id, exchange.remote_address)
    return client


async def _matching(authority: Authority, secret: str, stored: list[ClientSecret]) -> ClientSecret | None:
    """Answer the stored secret that was given; a client without any takes as long as one with one."""

    def compare() -> ClientSecret | None:
        if not stored:
            secret_hashes.matches(secret, secret_hashes.NOBODY)
        return next((each for each in stored if secret_hashes.matches(secret, each.hash)), None)

    async with authority.hashing:
        return await asyncio.to_thread(compare)


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
