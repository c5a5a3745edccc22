"""Secrets and certificates of applications, given and taken away; each change leaves its line in the audit trail.

The rule: an application may have several of each, so that a new one can be in use before the old one is taken away. A
secret is told once, to whoever made it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.auth import client_keys, secret_hashes
from sallyport.auth.client_keys import PublicKey
from sallyport.clock import Clock
from sallyport.store import audit, clients, schema
from sallyport.store import credentials as stored
from sallyport.store.audit import AuditEvent
from sallyport.store.clients import Client
from sallyport.store.credentials import ClientKey, ClientSecret

#: Each secret costs time whenever one is checked.
MOST = 10
_NAME_LIMIT = 120


class RegistrationMissing(errors.NotFound):
    """Raised when no application has the given id."""

    def __init__(self, client_id: str) -> None:
        super().__init__(f"There is no application '{client_id}'.")
        self.client_id = client_id


class CredentialInvalid(errors.BadRequest):
    """Raised when an application cannot be given a secret or certificate as asked."""


class CredentialMissing(errors.NotFound):
    """Raised when an application has no secret or certificate with the given key id."""

    def __init__(self, client_id: str, key_id: str) -> None:
        super().__init__(f"The application '{client_id}' has nothing with the key id '{key_id}'.")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Term:
    """What a secret or certificate is called, and from when until when it counts."""

    display_name: str = ""
    #: None: from now, or from when a certificate says.
    starts_at: datetime | None = None
    #: None: for ever, or until when a certificate says.
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class MadeSecret:
    """A new secret; what it is is not known to anybody afterwards."""

    kept: ClientSecret
    secret: str


def add_secret(connection: Connection, clock: Clock, client_id: str, term: Term, actor: str = "local") -> MadeSecret:
    """Give an application one more secret; raises `RegistrationMissing` or `CredentialInvalid`."""
    client = _confidential(connection, client_id)
    if len(stored.secrets(connection, client.client_id)) >= MOST:
        raise CredentialInvalid(f"'{client.display_name}' has {MOST} secrets already: remove one that nobody uses.")
    now = schema.instant(clock.now())
    starts_at, ends_at = _checked(term, now)
    secret = secret_hashes.generate()
    kept = _secret(client.client_id, secret, now, term.display_name.strip(), starts_at, ends_at)
    stored.add_secret(connection, kept)
    _note(connection, now, actor, "client.secret_added", client, kept.id)
    return MadeSecret(kept, secret)


def remove_secret(connection: Connection, clock: Clock, client_id: str, key_id: str, actor: str = "local") -> Client:
    """Take one secret away; raises `RegistrationMissing` or `CredentialMissing`."""
    client = _found(connection, client_id)
    there = stored.remove_secret(connection, client.client_id, key_id)
    return _removed(connection, clock, client, key_id, actor, "client.secret_removed", there=there)


def replace_secrets(connection: Connection, clock: Clock, client_id: str, actor: str = "local") -> MadeSecret:
    """Give an application a new secret in place of every one that it has; raises as `add_secret` does."""
    client = _confidential(connection, client_id)
    now = schema.instant(clock.now())
    stored.remove_secrets(connection, client.client_id)
    secret = secret_hashes.generate()
    kept = _secret(client.client_id, secret, now)
    stored.add_secret(connection, kept)
    _note(connection, now, actor, "client.secret_replaced", client, kept.id)
    return MadeSecret(kept, secret)


def add_certificate(
    connection: Connection, clock: Clock, client_id: str, content: bytes, term: Term, actor: str = "local"
) -> ClientKey:
    """Give an application one more certificate or public key; raises as `add_secret` does, or `KeyUnusable`."""
    client = _confidential(connection, client_id)
    known = stored.public_keys(connection, client.client_id)
    key = client_keys.read(content)
    if len(known) >= MOST:
        raise CredentialInvalid(f"'{client.display_name}' has {MOST} keys already: remove one that nobody uses.")
    if any(each.thumbprint == key.thumbprint for each in known):
        raise CredentialInvalid(f"'{client.display_name}' has this certificate or key already.")
    now = schema.instant(clock.now())
    starts_at, ends_at = _checked(term, now)
    kept = _key(client.client_id, key, now, term.display_name.strip(), starts_at, ends_at)
    stored.add_key(connection, kept)
    _note(connection, now, actor, "client.certificate_added", client, kept.id)
    return kept


def remove_certificate(
    connection: Connection, clock: Clock, client_id: str, key_id: str, actor: str = "local"
) -> Client:
    """Take one certificate or public key away; raises `RegistrationMissing` or `CredentialMissing`."""
    client = _found(connection, client_id)
    there = stored.remove_key(connection, client.client_id, key_id)
    return _removed(connection, clock, client, key_id, actor, "client.certificate_removed", there=there)


def store_secret(connection: Connection, client_id: str, now: str) -> MadeSecret:
    """Give a new application its first secret."""
    secret = secret_hashes.generate()
    kept = _secret(client_id, secret, now)
    stored.add_secret(connection, kept)
    return MadeSecret(kept, secret)


def store_key(connection: Connection, client_id: str, key: PublicKey, now: str) -> None:
    """Give a new application its first public key."""
    stored.add_key(connection, _key(client_id, key, now))


def _found(connection: Connection, client_id: str) -> Client:
    client = clients.get(connection, client_id)
    if client is None:
        raise RegistrationMissing(client_id)
    return client


def _confidential(connection: Connection, client_id: str) -> Client:
    client = _found(connection, client_id)
    if clients.sign_ins(connection, client.client_id).public:
        raise CredentialInvalid("A public application has neither secret nor key.")
    return client


def _checked(term: Term, now: str) -> tuple[str | None, str | None]:
    """Answer from when until when something counts, each None where it is not said."""
    name = term.display_name.strip()
    if len(name) > _NAME_LIMIT or (name and not name.isprintable()):
        raise CredentialInvalid(f"A display name has at most {_NAME_LIMIT} printable characters.")
    starts_at = schema.instant(term.starts_at) if term.starts_at is not None else None
    ends_at = schema.instant(term.ends_at) if term.ends_at is not None else None
    if ends_at is not None and ends_at <= max(starts_at or now, now):
        raise CredentialInvalid("It must end after it starts, and not be over already.")
    return starts_at, ends_at


def _secret(
    client_id: str, secret: str, now: str, name: str = "", starts_at: str | None = None, ends_at: str | None = None
) -> ClientSecret:
    hashed = secret_hashes.hashed(secret)
    return ClientSecret(str(uuid.uuid4()), client_id, hashed, secret[:3], now, ends_at, name, starts_at)


def _key(
    client_id: str, key: PublicKey, now: str, name: str = "", starts_at: str | None = None, ends_at: str | None = None
) -> ClientKey:
    """Answer what is kept of a key: it counts while both its certificate and whoever registered it say so."""
    starts = [each for each in (starts_at, key.starts_at) if each is not None]
    ends = [each for each in (ends_at, key.expires_at) if each is not None]
    return ClientKey(
        str(uuid.uuid4()),
        client_id,
        key.thumbprint,
        key.pem,
        now,
        min(ends, default=None),
        name,
        max(starts, default=None),
    )


def _removed(
    connection: Connection, clock: Clock, client: Client, key_id: str, actor: str, activity: str, *, there: bool
) -> Client:
    if not there:
        raise CredentialMissing(client.client_id, key_id)
    _note(connection, schema.instant(clock.now()), actor, activity, client, key_id)
    return client


def _note(connection: Connection, now: str, actor: str, activity: str, client: Client, key_id: str) -> None:
    detail = {"key_id": key_id}
    audit.append(connection, AuditEvent(now, actor, activity, client.client_id, "success", detail=detail))
