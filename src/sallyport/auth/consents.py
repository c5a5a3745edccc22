"""Consent: an administrator grants an application the permissions that it asks for, as they stand at that moment.

The rule: a later change of the registration changes nothing until somebody consents again, and a consent takes back
nothing that was granted in users' names; whoever has the data folder is an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.auth.credentials import RegistrationMissing
from sallyport.clock import Clock
from sallyport.store import audit, clients, endings, grants, schema
from sallyport.store import consents as stored
from sallyport.store.audit import AuditEvent
from sallyport.store.consents import Consent


class NothingGranted(errors.NotFound):
    """Raised when a consent is taken back that nobody gave."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"Nothing is granted to the application '{client_id}'.")
        self.client_id = client_id


def grant(connection: Connection, clock: Clock, client_id: str, actor: str = "local") -> Consent:
    """Grant an application everything that it asks for now; raises `RegistrationMissing`."""
    client = clients.get(connection, client_id)
    if client is None:
        raise RegistrationMissing(client_id)
    scopes = clients.sign_ins(connection, client.client_id).scopes
    consent = add(connection, client.client_id, client.permissions, scopes, schema.instant(clock.now()), actor)
    detail = {"permissions": " ".join(consent.roles), "scopes": " ".join(consent.scopes)}
    event = AuditEvent(consent.granted_at, actor, "consent.granted", client.client_id, "success", detail=detail)
    audit.append(connection, event)
    return consent


def add(
    connection: Connection, client_id: str, roles: Iterable[str] | None, scopes: Iterable[str], now: str, actor: str
) -> Consent:
    """Grant delegated permissions beside those that are granted, and `roles` in place of those; None leaves them.

    https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
    """
    # As it stands now: somebody else, in another process too, may have granted or taken back something meanwhile.
    schema.ordered(connection, stored.KIND)
    before = stored.get(connection, client_id) or Consent(client_id, (), (), now, "")
    together = tuple(dict.fromkeys((*before.scopes, *scopes)))
    consent = Consent(before.client_id, before.roles if roles is None else tuple(roles), together, now, actor)
    stored.put(connection, consent)
    return consent


def revoke(connection: Connection, clock: Clock, client_id: str, actor: str = "local") -> Consent:
    """Take back all that was granted, and end the tokens that hold it; raises `NothingGranted`."""
    schema.ordered(connection, stored.KIND)
    consent = stored.get(connection, client_id)
    if consent is None:
        raise NothingGranted(client_id)
    now = schema.instant(clock.now())
    stored.remove(connection, consent.client_id)
    endings.put(connection, consent.client_id, now)
    grants.revoke_of_client(connection, consent.client_id, now)
    audit.append(connection, AuditEvent(now, actor, "consent.revoked", consent.client_id, "success"))
    return consent


def shown(connection: Connection, client_id: str | None = None) -> list[Consent]:
    """Answer what every application was granted, or what one was; raises `RegistrationMissing`."""
    if client_id is None:
        return stored.listed(connection)
    if clients.get(connection, client_id) is None:
        raise RegistrationMissing(client_id)
    found = stored.get(connection, client_id)
    return [] if found is None else [found]


def granted_roles(connection: Connection, client_id: str) -> tuple[str, ...]:
    """Answer the application permissions that were granted: none before somebody consented."""
    consent = stored.get(connection, client_id)
    return () if consent is None else consent.roles
