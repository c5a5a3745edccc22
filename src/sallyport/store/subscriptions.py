"""Subscriptions to changes: who asked, for what, where to, and until when.

The rule: an expired subscription is never answered; whoever reads says what time it is. Every change is an event in the
outbox, so that whoever keeps what it has read finds out in the order of commits that it has to read again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import outbox, schema

#: What its events are of.
KIND = "subscription"

subscriptions = sa.Table(
    "subscriptions",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("app_id", sa.String(256), nullable=False),
    sa.Column("user_id", sa.String(256)),
    sa.Column("tenant_id", sa.String(256), nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("expires_at", schema.Instant, nullable=False, index=True),
    sa.Column("document", schema.Document, nullable=False),
)
#: Of which expiry a subscription's owner was told.
reminders = sa.Table(
    "subscription_reminders",
    schema.metadata,
    sa.Column(
        "subscription_id", sa.ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True, nullable=False
    ),
    sa.Column("expires_at", schema.Instant, nullable=False),
)
sa.Index("ix_subscriptions_app_id", subscriptions.c.app_id, subscriptions.c.created_at)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose subscriptions are meant: an application's own, or those that it made for one user."""

    app_id: str
    user_id: str | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription; the document is the resource as it was accepted, `clientState` included."""

    id: str
    app_id: str
    user_id: str | None
    tenant_id: str
    created_at: str
    expires_at: str
    document: dict[str, Any]


def insert(connection: Connection, subscription: Subscription) -> None:
    """Store a new subscription."""
    outbox.append(connection, KIND, [(subscription.id, "created")], subscription.created_at)
    connection.execute(
        subscriptions.insert().values(
            id=subscription.id,
            app_id=subscription.app_id,
            user_id=subscription.user_id,
            tenant_id=subscription.tenant_id,
            created_at=subscription.created_at,
            expires_at=subscription.expires_at,
            document=subscription.document,
        )
    )


def get(connection: Connection, owner: Owner, subscription_id: str, now: str) -> Subscription | None:
    """Answer one of the owner's subscriptions that has not expired, or None."""
    statement = _owned(owner, now).where(subscriptions.c.id == subscription_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else Subscription(*row)


def listed(
    connection: Connection, owner: Owner, now: str, after: tuple[str, str] | None, limit: int
) -> list[Subscription]:
    """Answer the owner's subscriptions that have not expired, oldest first, behind a (created_at, id)."""
    statement = _owned(owner, now).order_by(subscriptions.c.created_at, subscriptions.c.id).limit(limit)
    if after is not None:
        statement = statement.where(sa.tuple_(subscriptions.c.created_at, subscriptions.c.id) > sa.tuple_(*after))
    return [Subscription(*row) for row in connection.execute(statement)]


def count(connection: Connection, tenant_id: str, now: str) -> int:
    """Answer how many subscriptions a tenant has that have not expired."""
    statement = sa.select(sa.func.count()).where(
        subscriptions.c.tenant_id == tenant_id, subscriptions.c.expires_at > now
    )
    return int(connection.execute(statement).scalar_one())


def active(connection: Connection, now: str) -> list[Subscription]:
    """Answer everybody's subscriptions that have not expired, oldest first: what delivery asks."""
    statement = sa.select(subscriptions).where(subscriptions.c.expires_at > now).order_by(subscriptions.c.created_at)
    return [Subscription(*row) for row in connection.execute(statement)]


def owners(connection: Connection, now: str) -> list[Owner]:
    """Answer everybody who has subscriptions that have not expired."""
    found = sa.select(subscriptions.c.app_id, subscriptions.c.user_id).where(subscriptions.c.expires_at > now)
    return [Owner(*row) for row in connection.execute(found.distinct())]


def remove_of(connection: Connection, owner: Owner, now: str) -> list[Subscription]:
    """Delete what exactly this owner subscribed to, and answer what of it had not expired."""
    mine = sa.and_(subscriptions.c.app_id == owner.app_id, subscriptions.c.user_id.is_not_distinct_from(owner.user_id))
    found = sa.select(subscriptions).where(mine, subscriptions.c.expires_at > now)
    gone = [Subscription(*row) for row in connection.execute(found)]
    outbox.append(connection, KIND, [(each.id, "deleted") for each in gone], now)
    connection.execute(subscriptions.delete().where(mine))
    return gone


def of_ids(connection: Connection, ids: Iterable[str], now: str) -> dict[str, Subscription]:
    """Answer those of some subscriptions that are there and have not expired, by id."""
    statement = sa.select(subscriptions).where(subscriptions.c.id.in_(list(ids)), subscriptions.c.expires_at > now)
    return {row.id: Subscription(*row) for row in connection.execute(statement)}


def ending(connection: Connection, now: str, before: str) -> list[Subscription]:
    """Answer the subscriptions that expire before a moment and whose owners were not told so yet, soonest first."""
    statement = (
        sa.select(subscriptions)
        .outerjoin(reminders, reminders.c.subscription_id == subscriptions.c.id)
        .where(subscriptions.c.expires_at > now, subscriptions.c.expires_at < before)
        .where(sa.or_(reminders.c.expires_at.is_(None), reminders.c.expires_at != subscriptions.c.expires_at))
        .order_by(subscriptions.c.expires_at)
    )
    return [Subscription(*row) for row in connection.execute(statement)]


def reminded(connection: Connection, subscription: Subscription) -> None:
    """Note that a subscription's owner was told of its present expiry."""
    connection.execute(reminders.delete().where(reminders.c.subscription_id == subscription.id))
    connection.execute(reminders.insert().values(subscription_id=subscription.id, expires_at=subscription.expires_at))


def remove(connection: Connection, subscription_id: str, at: str) -> Subscription | None:
    """Delete anybody's subscription, and answer what it was, or None."""
    outbox.append(connection, KIND, [(subscription_id, "deleted")], at)
    statement = sa.select(subscriptions).where(subscriptions.c.id == subscription_id)
    row = connection.execute(statement).one_or_none()
    connection.execute(subscriptions.delete().where(subscriptions.c.id == subscription_id))
    return None if row is None else Subscription(*row)


def update(
    connection: Connection, subscription: Subscription, expires_at: str, document: dict[str, Any], at: str
) -> Subscription:
    """Give a subscription another expiry and document."""
    outbox.append(connection, KIND, [(subscription.id, "updated")], at)
    connection.execute(
        subscriptions.update()
        .where(subscriptions.c.id == subscription.id)
        .values(expires_at=expires_at, document=document)
    )
    return replace(subscription, expires_at=expires_at, document=document)


def delete(connection: Connection, owner: Owner, subscription_id: str, at: str) -> bool:
    """Delete one of the owner's subscriptions, and answer whether it was there."""
    outbox.append(connection, KIND, [(subscription_id, "deleted")], at)
    statement = subscriptions.delete().where(subscriptions.c.id == subscription_id, *_of(owner))
    return connection.execute(statement).rowcount > 0


def forget_expired(connection: Connection, before: str) -> int:
    """Delete the subscriptions that expired before a moment, and answer how many there were."""
    return connection.execute(subscriptions.delete().where(subscriptions.c.expires_at < before)).rowcount


def _owned(owner: Owner, now: str) -> sa.Select[Any]:
    return sa.select(subscriptions).where(subscriptions.c.expires_at > now, *_of(owner))


def _of(owner: Owner) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = [subscriptions.c.app_id == owner.app_id]
    if owner.user_id is not None:
        conditions.append(subscriptions.c.user_id == owner.user_id)
    return conditions
