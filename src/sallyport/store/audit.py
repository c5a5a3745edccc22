"""What happened that somebody may have to answer for: sign-ins, consents, changes of who may do what.

The rule: rows are only ever added. A detail names things; it never holds a secret, a token or a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import schema

Outcome = Literal["success", "failure"]

audit_events = sa.Table(
    "audit_events",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("at", schema.Instant, nullable=False, index=True),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("activity", sa.String(64), nullable=False),
    sa.Column("target", sa.String(256), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("remote_address", sa.String(64), nullable=False),
    sa.Column("detail", schema.Document, nullable=False),
)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that happened."""

    at: str
    #: A client id, a user's name, or `local` for somebody at the machine itself.
    actor: str
    #: A constant name such as `token.issued`.
    activity: str
    target: str
    outcome: Outcome
    remote_address: str = ""
    detail: Mapping[str, str] = field(default_factory=dict)


def append(connection: Connection, event: AuditEvent) -> None:
    """Add an event; texts that came from outside are cut to what a row holds."""
    connection.execute(
        audit_events.insert().values(
            at=event.at,
            actor=_cut(event.actor, 256),
            activity=event.activity,
            target=_cut(event.target, 256),
            outcome=event.outcome,
            remote_address=_cut(event.remote_address, 64),
            detail={name: _cut(value, 1024) for name, value in event.detail.items()},
        )
    )


def latest(connection: Connection, limit: int, activity: str | None = None) -> list[AuditEvent]:
    """Answer the newest events, newest first."""
    statement = sa.select(audit_events).order_by(audit_events.c.sequence.desc()).limit(limit)
    if activity is not None:
        statement = statement.where(audit_events.c.activity == activity)
    return [AuditEvent(*row[1:]) for row in connection.execute(statement)]


def _cut(text: str, length: int) -> str:
    return text.replace("\x00", "")[:length]
