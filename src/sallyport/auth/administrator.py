"""The first start of an installation, and the local administrator that it makes.

The rule: the administrator's secret is shown once. A start that ended before it showed the secret that it had made
leaves a mark in the data folder, and the next one makes another in its place. Whoever holds the data folder needs no
secret, because the folder holds the keys.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from sallyport.auth import connector, keyring, registrations
from sallyport.auth.authority import Authority, ends
from sallyport.auth.credentials import store_secret
from sallyport.auth.keyring import NoSigningKey
from sallyport.auth.permissions import PERMISSIONS
from sallyport.auth.tokens import LIFETIME_SECONDS, Subject
from sallyport.clock import Clock
from sallyport.store import audit, clients, credentials, schema, sealing, tenants
from sallyport.store.audit import AuditEvent
from sallyport.store.clients import Client
from sallyport.store.database import Database
from sallyport.store.sealing import Sealer
from sallyport.store.tenants import Tenant

DISPLAY_NAME = "Local administrator"
#: Holds the key id of a secret that was made and not shown yet.
UNTOLD = "administrator.untold"


@dataclass(frozen=True, slots=True)
class FirstSecret:
    """What a first start tells once."""

    client_id: str
    client_secret: str
    tenant_id: str


def start(
    db: Database,
    folder: Path,
    clock: Clock,
    tenant_id: str | None = None,
    lifetime_seconds: int = LIFETIME_SECONDS,
) -> tuple[Authority, FirstSecret | None]:
    """Answer the installation's identity, made now when there is none, and then also the administrator's secret.

    `tenant_id` is the id that the first start gives the tenant: a random one unless scripts already carry one.
    """
    sealer = sealing.sealer(folder, create=True)
    untold = folder / UNTOLD
    first = db.write_now(lambda connection: _prepare(connection, sealer, clock, tenant_id, untold))
    return open_authority(db, sealer, clock, lifetime_seconds), first


def told(folder: Path) -> None:
    """Note that what a first start tells has been shown."""
    (folder / UNTOLD).unlink(missing_ok=True)


def open_authority(db: Database, sealer: Sealer, clock: Clock, lifetime_seconds: int = LIFETIME_SECONDS) -> Authority:
    """Answer the identity that a first start made; raises `NoSigningKey` when there was none."""

    def read(connection: Connection) -> Authority:
        tenant = tenants.first(connection)
        if tenant is None:
            raise NoSigningKey
        ring = keyring.load(connection, sealer, clock)
        return Authority(db, clock, sealer, tenant.id, ring, lifetime_seconds, *ends(connection, clock))

    return db.read_now(read)


def local_token(db: Database, folder: Path, clock: Clock, lifetime_seconds: int = LIFETIME_SECONDS) -> str:
    """Answer a token of the local administrator with every permission, without a running server.

    Raises `NoSigningKey` when the server was never started on this data folder.
    """
    administrator = db.read_now(clients.administrator)
    if administrator is None:
        raise NoSigningKey
    authority = open_authority(db, sealing.sealer(folder), clock, lifetime_seconds)
    return own_token(authority, administrator)


def own_token(authority: Authority, administrator: Client) -> str:
    """Answer a token for what the product itself does in the administrator's name."""
    return authority.tokens.mint(Subject(administrator.client_id, administrator.display_name, tuple(PERMISSIONS)))


def _prepare(
    connection: Connection, sealer: Sealer, clock: Clock, tenant_id: str | None, untold: Path
) -> FirstSecret | None:
    now = schema.instant(clock.now())
    tenant = tenants.first(connection)
    if tenant is None:
        tenant = Tenant(tenant_id or str(uuid.uuid4()), "Default directory", now)
        tenants.insert(connection, tenant)
    try:
        keyring.load(connection, sealer, clock)
    except NoSigningKey:
        keyring.create(connection, sealer, clock)
    first = _first(connection, clock, tenant.id, untold) or _again(connection, clock, tenant.id, untold)
    connector.register(connection, tenant.id, now)
    return first


def _first(connection: Connection, clock: Clock, tenant_id: str, untold: Path) -> FirstSecret | None:
    if clients.administrator(connection) is not None:
        return None
    made = registrations.add(
        connection,
        clock,
        registrations.Registration(tenant_id, DISPLAY_NAME, tuple(PERMISSIONS), administrator=True),
    )
    # Before the commit: a mark for a secret that is not there does no harm, a secret without a mark might.
    (kept,) = credentials.secrets(connection, made.client.client_id)
    untold.write_text(kept.id, encoding="ascii")
    now = schema.instant(clock.now())
    audit.append(connection, AuditEvent(now, "local", "installation.started", tenant_id, "success"))
    return FirstSecret(made.client.client_id, made.secret, tenant_id)


def _again(connection: Connection, clock: Clock, tenant_id: str, untold: Path) -> FirstSecret | None:
    """Answer another secret in the place of one that nobody saw; None when there is no such secret."""
    found = clients.administrator(connection)
    if found is None or not untold.exists():
        return None
    if not credentials.remove_secret(connection, found.client_id, untold.read_text(encoding="ascii")):
        untold.unlink()
        return None
    now = schema.instant(clock.now())
    made = store_secret(connection, found.client_id, now)
    untold.write_text(made.kept.id, encoding="ascii")
    audit.append(connection, AuditEvent(now, "local", "client.secret_replaced", found.client_id, "success"))
    return FirstSecret(found.client_id, made.secret, tenant_id)
