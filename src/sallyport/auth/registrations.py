"""Application registrations, made and taken away; each change leaves its line in the audit trail."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.auth import connector, permissions, secret_hashes
from sallyport.clock import Clock
from sallyport.store import audit, clients, consents, schema
from sallyport.store.audit import AuditEvent
from sallyport.store.clients import Client, ClientSecret
from sallyport.store.consents import Consent

_NAME_LIMIT = 120


class RegistrationInvalid(errors.BadRequest):
    """Raised when an application cannot be registered as asked."""


class RegistrationMissing(errors.NotFound):
    """Raised when no application has the given id."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"There is no application '{client_id}'.")
        self.client_id = client_id


@dataclass(frozen=True, slots=True)
class Registration:
    """What is asked for."""

    tenant_id: str
    display_name: str
    permissions: tuple[str, ...]
    administrator: bool = False
    #: Empty: a new one.
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """What was made; the secret is not known to anybody afterwards."""

    client: Client
    secret: str


def add(connection: Connection, clock: Clock, registration: Registration, actor: str = "local") -> Registered:
    """Register an application with a first secret; raises `UnknownPermission` or `RegistrationInvalid`."""
    name = registration.display_name.strip()
    if not name or len(name) > _NAME_LIMIT or not name.isprintable():
        raise RegistrationInvalid(f"A display name has 1 to {_NAME_LIMIT} printable characters.")
    now = schema.instant(clock.now())
    client = Client(
        client_id=_guid(registration.client_id),
        tenant_id=registration.tenant_id,
        display_name=name,
        permissions=permissions.named(registration.permissions),
        created_at=now,
        administrator=registration.administrator,
    )
    if clients.get(connection, client.client_id) is not None:
        raise RegistrationInvalid(f"There is an application '{client.client_id}' already.")
    clients.insert(connection, client)
    # Whoever registers an application at the machine itself consents to what it asks for.
    consents.put(connection, Consent(client.client_id, client.permissions, (), now, actor))
    secret = _add_secret(connection, client.client_id, now)
    granted = {"permissions": " ".join(client.permissions)}
    audit.append(connection, AuditEvent(now, actor, "client.added", client.client_id, "success", detail=granted))
    return Registered(client, secret)


def remove(connection: Connection, clock: Clock, client_id: str, actor: str = "local") -> Client:
    """Take an application away; tokens that it holds stay valid until they expire.

    Raises `RegistrationMissing`, and `RegistrationInvalid` for the applications that are the installation's own.
    """
    client = clients.get(connection, client_id)
    if client is None:
        raise RegistrationMissing(client_id)
    if client.administrator:
        raise RegistrationInvalid("The local administrator cannot be removed.")
    if client.client_id == connector.CLIENT_ID:
        raise RegistrationInvalid(f"{client.display_name} cannot be removed: revoke its consent, or disable it.")
    clients.remove(connection, client.client_id)
    now = schema.instant(clock.now())
    audit.append(connection, AuditEvent(now, actor, "client.removed", client.client_id, "success"))
    return client


def replace_secret(connection: Connection, clock: Clock, client_id: str, actor: str = "local") -> Registered:
    """Give an application a new secret in place of every one that it has; raises `RegistrationMissing`."""
    client = clients.get(connection, client_id)
    if client is None:
        raise RegistrationMissing(client_id)
    now = schema.instant(clock.now())
    clients.remove_secrets(connection, client.client_id)
    secret = _add_secret(connection, client.client_id, now)
    audit.append(connection, AuditEvent(now, actor, "client.secret_replaced", client.client_id, "success"))
    return Registered(client, secret)


def _add_secret(connection: Connection, client_id: str, now: str) -> str:
    secret = secret_hashes.generate()
    hashed = secret_hashes.hashed(secret)
    clients.add_secret(connection, ClientSecret(str(uuid.uuid4()), client_id, hashed, secret[:3], now))
    return secret


def _guid(text: str) -> str:
    if not text:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise RegistrationInvalid(f"'{text}' is not a GUID.") from error
