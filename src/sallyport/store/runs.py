"""Runs: one row each, which says who works on it and when it wants attention.

The rule: every claim raises the run's `epoch`, and every write about the run is conditional on it, so that a process
which was frozen and wakes up cannot write over the one that took its work.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from sallyport.errors import NotFound
from sallyport.store import documents, schema, upsert

runs = sa.Table(
    "runs",
    schema.metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    #: What made the trigger fire, so that it starts one run however often it is delivered; null where nothing names it.
    sa.Column("event_id", sa.String(256)),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("code", sa.String(80)),
    sa.Column("error", schema.Document),
    sa.Column("started_at", schema.Instant, nullable=False),
    sa.Column("ended_at", schema.Instant),
    sa.Column("client_tracking_id", sa.String(256), nullable=False),
    #: The trigger's record, as `engine/journal` writes it.
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("outputs", sa.Text),
    sa.Column("epoch", sa.Integer, nullable=False),
    #: The process that works on the run; null while the run waits to be claimed.
    sa.Column("owner", sa.String(64)),
    #: When the run wants attention; null while somebody works on it, and at the end.
    sa.Column("wake_at", schema.Instant),
    sa.Index("ix_runs_workflow", "workflow_id", "id"),
)
#: Most runs succeed, in the transaction that stores them as often as not: they need no entry here.
_UNUSUAL = runs.c.status != sa.literal_column("'Succeeded'")
sa.Index(
    "ix_runs_unusual",
    runs.c.workflow_id,
    runs.c.status,
    runs.c.id,
    sqlite_where=_UNUSUAL,
    postgresql_where=_UNUSUAL,
)
sa.Index(
    "uq_runs_event",
    runs.c.workflow_id,
    runs.c.trigger_name,
    runs.c.event_id,
    unique=True,
    sqlite_where=runs.c.event_id.is_not(None),
    postgresql_where=runs.c.event_id.is_not(None),
)
sa.Index(
    "ix_runs_wake_at",
    runs.c.wake_at,
    sqlite_where=runs.c.wake_at.is_not(None),
    postgresql_where=runs.c.wake_at.is_not(None),
)
sa.Index(
    "ix_runs_owner",
    runs.c.owner,
    sqlite_where=runs.c.owner.is_not(None),
    postgresql_where=runs.c.owner.is_not(None),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one version of a workflow."""

    id: str
    workflow_id: str
    version: int
    trigger_name: str
    event_id: str | None
    status: str
    started_at: str
    client_tracking_id: str
    trigger: str
    code: str | None = None
    error: dict[str, Any] | None = None
    ended_at: str | None = None
    outputs: str | None = None
    epoch: int = 0
    owner: str | None = None
    wake_at: str | None = None


#: The names of the columns, in the table's order.
_NAMES = tuple(column.name for column in runs.columns)
_ERROR = _NAMES.index("error")
#: The columns in the order of the record's fields.
_COLUMNS = tuple(runs.c[each.name] for each in fields(Run))


#: Those that have not ended.
LIVE = frozenset({"Running", "Waiting"})
_LIVE = runs.c.status.in_(sorted(LIVE))


class RunNotFound(NotFound):
    """Raised when no run has the name."""

    code = "WorkflowRunNotFound"


def insert(connection: Connection, new: Sequence[Run], changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
    """Store runs that nothing can have started before; `changes`, by run, is what has changed of one already."""
    changed = changes or {}
    upsert.insert_many(connection, runs, [_row(run, changed.get(run.id)) for run in new])


def insert_once(connection: Connection, run: Run) -> str:
    """Store a run unless its event started one already; answer the name of the run that the event has."""
    connection.execute(upsert.ignoring(connection, runs), asdict(run))
    if run.event_id is None:
        return run.id
    return of_event(connection, run.workflow_id, run.trigger_name, run.event_id) or run.id


def of_event(connection: Connection, workflow_id: str, trigger_name: str, event_id: str | None) -> str | None:
    """Answer the name of the run that an event of a trigger has started already; None when there is none."""
    if event_id is None:
        return None
    query = sa.select(runs.c.id).where(
        runs.c.workflow_id == workflow_id, runs.c.trigger_name == trigger_name, runs.c.event_id == event_id
    )
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def get(connection: Connection, run_id: str) -> Run:
    """Answer a run.

    Raises RunNotFound.
    """
    row = connection.execute(sa.select(*_COLUMNS).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise RunNotFound(f"The workflow run '{run_id}' could not be found.")
    return _record(row)


def listed(
    connection: Connection,
    workflow_id: str | None = None,
    *,
    status: str | None = None,
    started: Sequence[tuple[str, str]] = (),
    tracked: str | None = None,
    before: str | None = None,
    limit: int = 30,
    skip: int = 0,
) -> list[Run]:
    """Answer runs, the newest first: names descend in time, so their order is ascending.

    `started` bounds when they started: each an operator, `eq`, `ge`, `gt`, `le` or `lt`, and a moment. `tracked` is
    what the client calls them.
    """
    query = sa.select(*_COLUMNS).order_by(runs.c.id).limit(limit).offset(skip)
    if workflow_id is not None:
        query = query.where(runs.c.workflow_id == workflow_id)
    if status is not None:
        query = query.where(runs.c.status == status)
    if status not in (None, "Succeeded"):
        query = query.where(_UNUSUAL)
    for compared, moment in started:
        query = query.where(getattr(operator, compared)(runs.c.started_at, moment))
    if tracked is not None:
        query = query.where(runs.c.client_tracking_id == tracked)
    if before is not None:
        query = query.where(runs.c.id > before)
    return [_record(row) for row in connection.execute(query)]


def count(connection: Connection, workflow_id: str, trigger_name: str, status: str) -> int:
    """Answer how many runs that one trigger of a workflow started have a status."""
    started = (runs.c.workflow_id == workflow_id) & (runs.c.trigger_name == trigger_name)
    query = sa.select(sa.func.count()).where(started, runs.c.status == status)
    if status != "Succeeded":
        query = query.where(_UNUSUAL)
    return int(connection.execute(query).scalar_one())


def claim(connection: Connection, owner: str, now: str, limit: int) -> list[Run]:
    """Take runs that want attention, the longest waiting first, each under a new epoch.

    One that has ended, and was somebody's when he crashed, stays as it ended.
    """
    due = (
        sa.select(runs.c.id).where(runs.c.wake_at <= now, runs.c.owner.is_(None)).order_by(runs.c.wake_at).limit(limit)
    )
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    ids = list(connection.execute(due).scalars())
    if not ids:
        return []
    going_on = sa.case((runs.c.status == "Waiting", "Running"), else_=runs.c.status)
    taken = {"owner": owner, "epoch": runs.c.epoch + 1, "wake_at": None, "status": going_on}
    connection.execute(sa.update(runs).where(runs.c.id.in_(ids)).values(taken))
    rows = connection.execute(sa.select(*_COLUMNS).where(runs.c.id.in_(ids)))
    return sorted((_record(row) for row in rows), key=lambda run: ids.index(run.id))


def claim_one(connection: Connection, run_id: str, owner: str) -> Run | None:
    """Take one run, whoever has it, under a new epoch; None when it has ended.

    One that waits for others still does: whoever takes it to end it may be kept from that.
    """
    taken = {"owner": owner, "epoch": runs.c.epoch + 1, "wake_at": None}
    changed = connection.execute(sa.update(runs).where((runs.c.id == run_id) & _LIVE).values(taken))
    return get(connection, run_id) if changed.rowcount else None


def release_all(connection: Connection, now: str) -> int:
    """Give back every run that a process of before a restart had; answer how many there were."""
    released = sa.update(runs).where(runs.c.owner.is_not(None)).values(owner=None, wake_at=_woken_at(now))
    return connection.execute(released).rowcount


def change(connection: Connection, run_id: str, values: Mapping[str, Any]) -> None:
    """Change a run's row, which the caller holds.

    A run that is put away keeps an earlier moment: somebody asked for its attention after that was decided.
    """
    wake_at = values.get("wake_at")
    if wake_at is not None:
        values = {**values, "wake_at": sa.case((runs.c.wake_at < wake_at, runs.c.wake_at), else_=wake_at)}
    connection.execute(sa.update(runs).where(runs.c.id == run_id).values(values))


def release(connection: Connection, run_id: str, epoch: int, wake_at: str) -> None:
    """Give a run back, to be claimed at a later moment."""
    held = (runs.c.id == run_id) & (runs.c.epoch == epoch) & _LIVE
    connection.execute(sa.update(runs).where(held).values(owner=None, wake_at=_woken_at(wake_at)))


def let_go(connection: Connection, run_id: str, epoch: int) -> None:
    """Give a run back that has ended: nothing is left to be done about it."""
    held = (runs.c.id == run_id) & (runs.c.epoch == epoch) & (runs.c.status != "Running")
    connection.execute(sa.update(runs).where(held).values(owner=None, wake_at=None))


def fail(connection: Connection, run_id: str, epoch: int, error: dict[str, Any], now: str) -> None:
    """End a run as failed that nobody can work on; one that has ended already is let go of as it ended."""
    end(connection, run_id, epoch, "Failed", error, now)
    let_go(connection, run_id, epoch)


def end(connection: Connection, run_id: str, epoch: int, status: str, error: dict[str, Any], now: str) -> None:
    """End a run of which nothing is known but its row."""
    held = (runs.c.id == run_id) & (runs.c.epoch == epoch) & _LIVE
    ended = {"status": status, "code": error["code"], "error": error, "ended_at": now, "owner": None, "wake_at": None}
    connection.execute(sa.update(runs).where(held).values(ended))


def wake(connection: Connection, run_id: str, now: str) -> bool:
    """Ask for a run's attention now; False when it has ended."""
    live = (runs.c.id == run_id) & (runs.c.status == "Running")
    return bool(connection.execute(sa.update(runs).where(live).values(wake_at=now)).rowcount)


def next_wake_at(connection: Connection) -> str | None:
    """Answer when the next unclaimed run wants attention."""
    query = sa.select(sa.func.min(runs.c.wake_at)).where(runs.c.wake_at.is_not(None), runs.c.owner.is_(None))
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def count_in_turn(connection: Connection, workflow_id: str) -> None:
    """Let nobody else count a workflow's runs until the end of this transaction: what is counted stays true."""
    schema.ordered(connection, f"concurrency:{workflow_id}")


def waiting_triggers(connection: Connection, workflow_id: str) -> list[str]:
    """Answer the names of a workflow's triggers above whose concurrency runs wait."""
    waiting = (runs.c.workflow_id == workflow_id) & (runs.c.status == "Waiting") & _UNUSUAL
    return list(connection.execute(sa.select(runs.c.trigger_name).where(waiting).distinct()).scalars())


def promote_waiting(connection: Connection, workflow_id: str, trigger_name: str, limit: int, now: str) -> int:
    """Let runs that wait above their trigger's concurrency go on, the oldest first; answer how many."""
    count_in_turn(connection, workflow_id)
    free = limit - count(connection, workflow_id, trigger_name, "Running")
    if free <= 0:
        return 0
    oldest = (
        sa.select(runs.c.id)
        .where(runs.c.workflow_id == workflow_id, runs.c.trigger_name == trigger_name)
        .where(runs.c.status == "Waiting", _UNUSUAL)
        .order_by(runs.c.id.desc())
        .limit(free)
    )
    ids = list(connection.execute(oldest).scalars())
    if ids:
        connection.execute(sa.update(runs).where(runs.c.id.in_(ids)).values(status="Running", wake_at=now))
    return len(ids)


def _woken_at(moment: str) -> sa.ColumnElement[str | None]:
    """Answer when a run that is given back wants attention; one that waits for others does when they make room."""
    return sa.case((runs.c.status == "Waiting", sa.null()), else_=moment)


def _row(run: Run, change: Mapping[str, Any] | None) -> tuple[Any, ...]:
    """Answer a run as the driver takes it, in the order of the table's columns."""
    values = [getattr(run, name) for name in _NAMES]
    for name, value in (change or {}).items():
        values[_NAMES.index(name)] = value
    error = values[_ERROR]
    if error is not None:
        values[_ERROR] = documents.dumps(error).decode()
    return tuple(values)


def _record(row: Row[Any]) -> Run:
    return Run(*tuple(row))
