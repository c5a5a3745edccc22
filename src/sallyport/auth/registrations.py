"""Application registrations, made and taken away; each change leaves its line in the audit trail."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field, replace

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.auth import client_keys, connector, credentials, permissions, redirects, scopes
from sallyport.auth.credentials import RegistrationMissing
from sallyport.auth.permissions import UnknownPermission
from sallyport.clock import Clock
from sallyport.store import audit, clients, consents, endings, grants, schema
from sallyport.store.audit import AuditEvent
from sallyport.store.clients import Client, SignIns
from sallyport.store.consents import Consent

_NAME_LIMIT = 120
#: What an application may call a permission that it offers.
_OFFERED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}\Z")


class RegistrationInvalid(errors.BadRequest):
    """Raised when an application cannot be registered as asked."""


@dataclass(frozen=True, slots=True)
class Registration:
    """What is asked for."""

    tenant_id: str
    display_name: str
    permissions: tuple[str, ...]
    administrator: bool = False
    #: Empty: a new one.
    client_id: str = ""
    #: How users sign in to it; one that says nothing acts in its own name alone.
    sign_ins: SignIns = field(default_factory=SignIns)
    #: A certificate or public key in PEM, in place of a secret.
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Registered:
    """What was made; the secret is not known to anybody afterwards, and empty when none was made."""

    client: Client
    secret: str


def add(connection: Connection, clock: Clock, registration: Registration, actor: str = "local") -> Registered:
    """Register an application with a first secret, unless it has a key or is public and needs none.

    Raises `UnknownPermission`, `RegistrationInvalid` or `KeyUnusable`.
    """
    name = registration.display_name.strip()
    if not name or len(name) > _NAME_LIMIT or not name.isprintable():
        raise RegistrationInvalid(f"A display name has 1 to {_NAME_LIMIT} printable characters.")
    sign_ins = _sign_ins(registration)
    for scope in sign_ins.scopes:
        _check_offered(connection, scope)
    key = client_keys.read(registration.certificate) if registration.certificate else None
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
    if sign_ins != SignIns():
        clients.put_sign_ins(connection, client.client_id, sign_ins)
    # Whoever registers an application at the machine itself consents to what it asks for.
    consents.put(connection, Consent(client.client_id, client.permissions, (), now, actor))
    if key is not None:
        credentials.store_key(connection, client.client_id, key, now)
    secret = ""
    if not sign_ins.public and key is None:
        secret = credentials.store_secret(connection, client.client_id, now).secret
    granted = {"permissions": " ".join(client.permissions)}
    audit.append(connection, AuditEvent(now, actor, "client.added", client.client_id, "success", detail=granted))
    return Registered(client, secret)


def remove(connection: Connection, clock: Clock, client_id: str, actor: str = "local") -> Client:
    """Take an application away, and end the tokens that it holds.

    Raises `RegistrationMissing`, and `RegistrationInvalid` for the applications that are the installation's own.
    """
    client = clients.get(connection, client_id)
    if client is None:
        raise RegistrationMissing(client_id)
    if client.administrator:
        raise RegistrationInvalid("The local administrator cannot be removed.")
    if client.client_id == connector.CLIENT_ID:
        raise RegistrationInvalid(f"{client.display_name} cannot be removed: revoke its consent, or disable it.")
    now = schema.instant(clock.now())
    endings.put(connection, client.client_id, now)
    clients.remove(connection, client.client_id)
    audit.append(connection, AuditEvent(now, actor, "client.removed", client.client_id, "success"))
    return client


def set_enabled(connection: Connection, clock: Clock, client_id: str, *, enabled: bool, actor: str = "local") -> Client:
    """Let an application ask for tokens again, or no longer; raises as `remove` does.

    Who may no longer loses the tokens that it holds, those in its users' names too.
    """
    client = clients.get(connection, client_id)
    if client is None:
        raise RegistrationMissing(client_id)
    if client.administrator:
        raise RegistrationInvalid("The local administrator cannot be disabled.")
    clients.change(connection, client.client_id, {"enabled": enabled})
    activity = "client.enabled" if enabled else "client.disabled"
    now = schema.instant(clock.now())
    if not enabled:
        endings.put(connection, client.client_id, now)
        grants.revoke_of_client(connection, client.client_id, now)
    audit.append(connection, AuditEvent(now, actor, activity, client.client_id, "success"))
    return replace(client, enabled=enabled)


def _sign_ins(registration: Registration) -> SignIns:
    """Answer how users sign in to an application, checked; a public one has no permissions of its own to misuse."""
    asked = registration.sign_ins
    if asked.public and registration.permissions:
        raise RegistrationInvalid("A public application can prove nothing: it may have scopes, but no permissions.")
    if asked.public and registration.certificate:
        raise RegistrationInvalid("A public application has neither secret nor key.")
    for address in asked.redirect_uris:
        _check_address(address)
    for name in asked.exposes:
        if not _OFFERED.match(name):
            raise RegistrationInvalid(f"'{name[:200]}' cannot be the name of a permission.")
    addresses, exposes = tuple(dict.fromkeys(asked.redirect_uris)), tuple(dict.fromkeys(asked.exposes))
    return SignIns(addresses, asked.public, scopes.named(asked.scopes), exposes)


def _check_offered(connection: Connection, scope: str) -> None:
    """Raise `UnknownPermission` when a permission of another application is not one that it offers."""
    resource, name = scopes.parted(scope)
    client_id = scopes.application_id(resource)
    if client_id and name not in clients.sign_ins(connection, client_id).exposes:
        raise UnknownPermission(scope)


def _check_address(address: str) -> None:
    """Raise `RegistrationInvalid` unless users may be sent to an address: https, or a program on their own machine."""
    parts = redirects.parts(address)
    if parts is None:
        raise RegistrationInvalid(f"'{address[:200]}' is no address that users can be sent to.")
    if parts.scheme != "https" and not (parts.scheme == "http" and redirects.is_local(parts)):
        raise RegistrationInvalid(f"'{address[:200]}' must begin https://, or http://localhost on the user's machine.")


def _guid(text: str) -> str:
    if not text:
        return str(uuid.uuid4())
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise RegistrationInvalid(f"'{text}' is not a GUID.") from error
