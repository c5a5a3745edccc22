"""Requests that came to the callback addresses of waiting actions: the first counts, and is kept until the run ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import runs, schema, upsert

callbacks = sa.Table(
    "callbacks",
    schema.metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    sa.Column("action", sa.String(80), primary_key=True),
    sa.Column("repetition", sa.String(80), primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("received_at", schema.Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Callback:
    """One request."""

    action: str
    repetition: str
    #: `{"headers", "body", "queries"}` as JSON, sealed: what is reported may be somebody's secret.
    request: str


def receive(connection: Connection, run_id: str, callback: Callback, now: str) -> bool:
    """Keep a request and ask for the run's attention; False when there was one before, or the run has ended."""
    if not runs.wake(connection, run_id, now):
        return False
    row: dict[str, Any] = {
        "run_id": run_id,
        "action": callback.action,
        "repetition": callback.repetition,
        "request": callback.request,
        "received_at": now,
    }
    return upsert.added(connection, callbacks, row)


def of_run(connection: Connection, run_id: str) -> list[Callback]:
    """Answer the requests that came for a run."""
    query = sa.select(callbacks.c.action, callbacks.c.repetition, callbacks.c.request).where(
        callbacks.c.run_id == run_id
    )
    return [Callback(*row) for row in connection.execute(query)]


def forget(connection: Connection, run_ids: Sequence[str]) -> None:
    """Let go of the requests of runs that have ended."""
    connection.execute(sa.delete(callbacks).where(callbacks.c.run_id.in_(run_ids)))
