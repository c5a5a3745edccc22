"""What identity knows of an application: its registration, how it lets users sign in, and what was granted to it.

The rule: whoever asks for a token is given what was granted at the moment of consent, whatever the registration says
now.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sallyport.auth import refusals
from sallyport.auth.authority import Authority
from sallyport.store import clients, consents
from sallyport.store.clients import Client, SignIns
from sallyport.store.consents import Consent


@dataclass(frozen=True, slots=True)
class Application:
    """One registered application."""

    client: Client
    sign_ins: SignIns
    #: None before anybody has consented.
    consent: Consent | None

    @property
    def roles(self) -> tuple[str, ...]:
        """The application permissions that were granted."""
        return () if self.consent is None else self.consent.roles

    @property
    def scopes(self) -> tuple[str, ...]:
        """The delegated permissions that were granted."""
        return () if self.consent is None else self.consent.scopes


def read(connection: Connection, client_id: str) -> Application | None:
    """Answer an application, or None."""
    client = clients.get(connection, client_id)
    if client is None:
        return None
    return Application(client, clients.sign_ins(connection, client_id), consents.get(connection, client_id))


async def found(authority: Authority, client_id: str) -> Application:
    """Answer an application that may be used; raises `ClientUnknown` or `ClientDisabled`."""
    key = client_id.strip().lower()[:256]
    if not key:
        raise refusals.ParameterMissing("client_id")
    application = await authority.db.read(lambda connection: read(connection, key))
    if application is None:
        raise refusals.ClientUnknown(key, authority.tenant_id)
    if not application.client.enabled:
        raise refusals.ClientDisabled(key, application.client.display_name)
    return application
