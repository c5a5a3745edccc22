"""What users have let applications do in their name: authorization codes, refresh tokens, device codes.

The rule: each code and token counts once; only its hash is stored. Everything that came from one sign-in is a family,
and whoever presents something of it a second time ends the family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema, upsert

Kind = Literal["code", "refresh", "device"]
State = Literal["waiting", "granted", "refused", "used"]

families = sa.Table(
    "token_families",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("user_id", sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("revoked_at", schema.Instant, index=True),
)
#: Families that came from a token of another, on behalf of the same user: they end with it.
parents = sa.Table(
    "family_parents",
    schema.metadata,
    sa.Column("family", sa.ForeignKey("token_families.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("parent", sa.ForeignKey("token_families.id", ondelete="CASCADE"), nullable=False, index=True),
)
grants = sa.Table(
    "grants",
    schema.metadata,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("client_id", sa.ForeignKey("clients.client_id", ondelete="CASCADE"), nullable=False, index=True),
    #: None until a user has answered a device code.
    sa.Column("family", sa.ForeignKey("token_families.id", ondelete="CASCADE"), index=True),
    sa.Column("expires_at", schema.Instant, nullable=False, index=True),
    #: What a person types for a device, hashed.
    sa.Column("user_code", sa.String(64), unique=True),
    #: What else the grant remembers: scopes, the address to return to, the challenge.
    sa.Column("detail", schema.Document, nullable=False),
)
spent = sa.Table(
    "spent",
    schema.metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("expires_at", schema.Instant, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Family:
    """One sign-in of a user to an application, and whether it still counts."""

    id: str
    client_id: str
    user_id: str
    created_at: str
    revoked_at: str | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """One code or refresh token, hashed."""

    hash: str
    kind: Kind
    state: State
    client_id: str
    family: str | None
    expires_at: str
    user_code: str | None
    detail: Mapping[str, Any]


def begin(connection: Connection, family: Family) -> None:
    """Store a new family."""
    connection.execute(
        families.insert().values(
            id=family.id,
            client_id=family.client_id,
            user_id=family.user_id,
            created_at=family.created_at,
            revoked_at=family.revoked_at,
        )
    )


def branch(connection: Connection, family: Family, parent: str) -> str:
    """Answer the id of the family of an application that came from another family, stored or renewed now."""
    known = (
        sa.select(families.c.id)
        .join(parents, parents.c.family == families.c.id)
        .where(parents.c.parent == parent, families.c.client_id == family.client_id, families.c.revoked_at.is_(None))
    )
    found = connection.execute(known.limit(1)).scalar_one_or_none()
    if found is not None:
        # It counts from now on again: `sweep` forgets a family once none of its tokens can hold any more.
        connection.execute(families.update().where(families.c.id == found).values(created_at=family.created_at))
        return str(found)
    begin(connection, family)
    connection.execute(parents.insert().values(family=family.id, parent=parent))
    return family.id


def family(connection: Connection, family_id: str) -> Family | None:
    """Answer a family, or None."""
    row = connection.execute(sa.select(families).where(families.c.id == family_id)).one_or_none()
    return None if row is None else Family(*row)


def revoke(connection: Connection, family_id: str, now: str) -> bool:
    """End a family, none of whose tokens counts any more, and answer whether it still went on."""
    before = family(connection, family_id)
    _revoke(connection, families.c.id == family_id, now)
    return before is not None and before.revoked_at is None


def revoke_of_user(connection: Connection, user_id: str, now: str) -> None:
    """End every family of a user."""
    _revoke(connection, families.c.user_id == user_id, now)


def revoke_of_client(connection: Connection, client_id: str, now: str) -> None:
    """End every family of an application."""
    _revoke(connection, families.c.client_id == client_id, now)


def revoked(connection: Connection, since: str) -> frozenset[str]:
    """Answer the families that were ended after an instant."""
    return frozenset(connection.scalars(sa.select(families.c.id).where(families.c.revoked_at > since)))


def insert(connection: Connection, grant: Grant) -> None:
    """Store a new code or token."""
    connection.execute(
        grants.insert().values(
            hash=grant.hash,
            kind=grant.kind,
            state=grant.state,
            client_id=grant.client_id,
            family=grant.family,
            expires_at=grant.expires_at,
            user_code=grant.user_code,
            detail=dict(grant.detail),
        )
    )


def get(connection: Connection, kind: Kind, hashed: str) -> Grant | None:
    """Answer a code or token, or None."""
    return _one(connection, sa.and_(grants.c.hash == hashed, grants.c.kind == kind))


def waiting_device(connection: Connection, user_code: str, now: str) -> Grant | None:
    """Answer the device that waits for a user with this code, or None."""
    waits = sa.and_(grants.c.user_code == user_code, grants.c.state == "waiting", grants.c.expires_at > now)
    return _one(connection, waits)


def answer(connection: Connection, hashed: str, family: Family | None, now: str) -> bool:
    """Let a device in under a new family, or not, and answer whether it still waited; of two who try, one succeeds."""
    waits = sa.and_(grants.c.hash == hashed, grants.c.state == "waiting", grants.c.expires_at > now)
    if not connection.execute(grants.update().where(waits).values(state="refused")).rowcount:
        return False
    if family is not None:
        begin(connection, family)
        changed = grants.update().where(grants.c.hash == hashed)
        connection.execute(changed.values(state="granted", family=family.id))
    return True


def use(connection: Connection, grant: Grant) -> bool:
    """Use up a code or token, and answer whether it counted until now; of two who try, one succeeds."""
    ended = sa.select(families.c.revoked_at).where(families.c.id == grant.family)
    counts = connection.execute(ended).one_or_none() == (None,)
    granted = sa.and_(grants.c.hash == grant.hash, grants.c.state == "granted")
    return bool(connection.execute(grants.update().where(granted).values(state="used")).rowcount) and counts


def spend(connection: Connection, spent_id: str, expires_at: str) -> bool:
    """Note that something that counts once was used, and answer whether it was the first time."""
    return upsert.added(connection, spent, {"id": spent_id, "expires_at": expires_at})


def remember(connection: Connection, hashed: str, detail: Mapping[str, Any]) -> None:
    """Note what else a grant remembers, such as when its device asked last."""
    connection.execute(grants.update().where(grants.c.hash == hashed).values(detail=dict(detail)))


def sweep(connection: Connection, now: str, before: str) -> None:
    """Delete what has expired, and the families of which nothing is left that began before an instant.

    An access token outlives the code that it came from: what was revoked must be remembered for as long as it holds.
    """
    connection.execute(spent.delete().where(spent.c.expires_at <= now))
    connection.execute(grants.delete().where(grants.c.expires_at <= now))
    left = sa.or_(
        sa.exists().where(grants.c.family == families.c.id), sa.exists().where(parents.c.parent == families.c.id)
    )
    over = sa.and_(
        families.c.created_at <= before, sa.or_(families.c.revoked_at.is_(None), families.c.revoked_at <= before)
    )
    connection.execute(families.delete().where(over, ~left))


def _revoke(connection: Connection, condition: sa.ColumnElement[bool], now: str) -> None:
    """End families, and what came from them, and what came from that."""
    below = sa.select(families.c.id).where(condition).cte(recursive=True)
    below = below.union(sa.select(parents.c.family).join(below, parents.c.parent == below.c.id))
    ended = families.c.id.in_(sa.select(below.c.id))
    connection.execute(families.update().where(ended, families.c.revoked_at.is_(None)).values(revoked_at=now))


def _one(connection: Connection, condition: sa.ColumnElement[bool]) -> Grant | None:
    row = connection.execute(sa.select(grants).where(condition)).one_or_none()
    return None if row is None else Grant(*row)
