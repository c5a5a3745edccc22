"""One request for a token on its way through a grant: what was asked, who asks, and what is granted.

The rule: a grant decides whom a token is for; it raises a refusal or answers what is granted; it never draws.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sallyport.auth import applications, assertions, refusals, secret_hashes
from sallyport.auth.applications import Application
from sallyport.auth.authority import Authority
from sallyport.auth.tokens import Subject
from sallyport.store import credentials, schema
from sallyport.store.credentials import ClientSecret
from sallyport.store.grants import Grant


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request for a token, read but not yet judged."""

    authority: Authority
    parameters: Mapping[str, str]
    client_id: str
    client_secret: str
    remote_address: str
    #: The address of the endpoint as the client knows it, which assertions name.
    endpoint: str = ""

    def parameter(self, name: str) -> str:
        """Answer a field of the form; raises `ParameterMissing` when it is not there."""
        value = self.parameters.get(name, "")
        if not value:
            raise refusals.ParameterMissing(name)
        return value

    async def application(self) -> tuple[Application, bool]:
        """Answer the application that asks, and whether it proved who it is; only a public one need not."""
        if not self.client_secret and not self.parameters.get("client_assertion"):
            found = await applications.found(self.authority, self.client_id)
            if found.sign_ins.public:
                return found, False
        return await self.proved(), True

    async def proved(self) -> Application:
        """Answer the application that proved who it is; raises a refusal, and counts failures, otherwise."""
        authority, client_id = self.authority, self.client_id
        if not client_id:
            raise refusals.ParameterMissing("client_id")
        authority.failures.check(client_id, self.remote_address)
        assertion = self.parameters.get("client_assertion", "")
        if not self.client_secret and not assertion:
            raise refusals.SecretMissing
        try:
            found = await self._asserted(assertion) if assertion else await self._by_secret()
        except refusals.TooManyFailures:
            raise
        except refusals.Refused:
            authority.failures.note(client_id, self.remote_address)
            raise
        authority.failures.forgive(client_id, self.remote_address)
        return found

    async def _asserted(self, assertion: str) -> Application:
        if self.parameters.get("client_assertion_type") != assertions.TYPE:
            raise refusals.ParameterMissing("client_assertion_type")
        found = await applications.found(self.authority, self.client_id)
        await assertions.check(self.authority, self.client_id, assertion, self.endpoint)
        return found

    async def _by_secret(self) -> Application:
        authority, client_id = self.authority, self.client_id
        stored, found = await authority.db.read(
            lambda connection: (credentials.secrets(connection, client_id), applications.read(connection, client_id))
        )
        async with authority.failures.turn(client_id, self.remote_address):
            matching = await asyncio.to_thread(_matching, self.client_secret, stored)
        if found is None:
            raise refusals.ClientUnknown(client_id, authority.tenant_id)
        now = schema.instant(authority.clock.now())
        if matching is None or (matching.starts_at or "") > now:
            raise refusals.SecretInvalid(client_id)
        if matching.expires_at is not None and matching.expires_at <= now:
            raise refusals.SecretExpired(client_id)
        if not found.client.enabled:
            raise refusals.ClientDisabled(client_id, found.client.display_name)
        return found


@dataclass(frozen=True, slots=True)
class Granted:
    """For whom a token is to be made, for which resource, and what comes with it."""

    subject: Subject
    audience: str
    #: The code or refresh token that it is given for, which counts no more once it is given.
    used: Grant | None = None
    #: What comes in its place, and what is stored of that.
    refresh_token: str | None = None
    stored: Grant | None = None
    #: Whether a token that says who the user is was asked for, and what it must repeat.
    identity: bool = False
    nonce: str = ""
    #: The `scope` that a token in a user's name was asked for with.
    scope: str = ""


Handler = Callable[[Exchange], Awaitable[Granted]]


class GrantFunction(Protocol):
    """A handler that carries the `grant_type` it answers."""

    grant_type: str

    def __call__(self, exchange: Exchange, /) -> Awaitable[Granted]: ...


def grant(grant_type: str) -> Callable[[Handler], GrantFunction]:
    """Attach a grant type to the function that answers it."""

    def attach(handler: Handler) -> GrantFunction:
        handler.grant_type = grant_type  # type: ignore[attr-defined]
        return handler  # type: ignore[return-value]

    return attach


def _matching(secret: str, stored: list[ClientSecret]) -> ClientSecret | None:
    """Answer the stored secret that was given.

    Every secret is compared, so that the time tells nothing of which one matches; a client without any takes as long
    as one with one.
    """
    if not stored:
        secret_hashes.matches(secret, secret_hashes.NOBODY)
    matching = [each for each in stored if secret_hashes.matches(secret, each.hash)]
    return matching[0] if matching else None
