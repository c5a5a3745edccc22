"""The history of triggers: what was looked for, and what came of it.

The rule: a firing that started a run is told by the run's own row, and is not stored twice; only looks that started
none have rows here. `listed` shows both as one history.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from sallyport.errors import NotFound
from sallyport.store import documents, runs, schema

trigger_histories = sa.Table(
    "trigger_histories",
    schema.metadata,
    #: Named as runs are, so that the newest sorts first.
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("workflow_id", sa.String(36), nullable=False),
    sa.Column("trigger_name", sa.String(80), nullable=False),
    sa.Column("started_at", schema.Instant, nullable=False),
    sa.Column("ended_at", schema.Instant, nullable=False),
    sa.Column("scheduled_at", schema.Instant),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("error", schema.Document),
    #: `{"inputs", "outputs"}` as the engine writes contents, as JSON text.
    sa.Column("document", sa.Text, nullable=False),
    sa.Index("ix_trigger_histories_trigger", "workflow_id", "trigger_name", "id"),
    sa.Index("ix_trigger_histories_ended_at", "ended_at"),
)


@dataclass(frozen=True, slots=True)
class TriggerHistory:
    """One entry of a trigger's history."""

    id: str
    workflow_id: str
    trigger_name: str
    started_at: str
    ended_at: str
    scheduled_at: str | None
    status: str
    code: str
    error: dict[str, Any] | None = None
    #: `{"inputs", "outputs"}` as the engine writes contents, as JSON text.
    document: str = "{}"
    #: The run that was started; None where none was.
    run_id: str | None = None
    #: Those of the run's trigger; None where no run was started.
    tracking_id: str | None = None
    client_tracking_id: str | None = None

    @property
    def fired(self) -> bool:
        """Whether a run was started."""
        return self.run_id is not None


#: The columns in the order of the record's fields, of which the last are for runs.
_COLUMNS = tuple(trigger_histories.c[each.name] for each in fields(TriggerHistory) if each.name in trigger_histories.c)
#: Among so many runs of a workflow the last one of a trigger is looked for.
_LOOKED_AT = 10_000


class HistoryNotFound(NotFound):
    """Raised when a trigger has no such entry in its history."""

    code = "WorkflowTriggerHistoryNotFound"


def insert(connection: Connection, entry: TriggerHistory) -> None:
    """Store an entry of a look that started no run."""
    row = asdict(entry)
    connection.execute(sa.insert(trigger_histories), {column.name: row[column.name] for column in _COLUMNS})


def listed(
    connection: Connection,
    workflow_id: str,
    trigger_name: str,
    *,
    status: str | None = None,
    before: str | None = None,
    limit: int = 30,
    skip: int = 0,
) -> list[TriggerHistory]:
    """Answer a trigger's history, the newest first; `before` is the name of the last entry of the page before."""
    found: list[TriggerHistory] = []
    if status != "Succeeded":
        found += _without_run(connection, workflow_id, trigger_name, status, before, limit + skip)
    if status in (None, "Succeeded"):
        found += _with_run(connection, workflow_id, trigger_name, before, limit + skip)
    return sorted(found, key=lambda entry: entry.id)[skip : skip + limit]


def latest(connection: Connection, workflow_id: str, trigger_name: str) -> TriggerHistory | None:
    """Answer the newest entry of a trigger, or None, as far as the latest runs of its workflow tell.

    Of a trigger that has not fired for long, others may have started any number of runs since.
    """
    table = runs.runs
    newest = sa.select(table.c.id, table.c.trigger_name).where(table.c.workflow_id == workflow_id)
    looked_at = newest.order_by(table.c.id).limit(_LOOKED_AT).subquery()
    query = sa.select(sa.func.min(looked_at.c.id)).where(looked_at.c.trigger_name == trigger_name)
    run_id = connection.execute(query).scalar()
    found = _without_run(connection, workflow_id, trigger_name, None, None, 1)
    if run_id is not None:
        found.append(get(connection, workflow_id, trigger_name, run_id))
    return min(found, key=lambda entry: entry.id, default=None)


def get(connection: Connection, workflow_id: str, trigger_name: str, entry_id: str) -> TriggerHistory:
    """Answer one entry.

    Raises HistoryNotFound.
    """
    named = _of(trigger_histories, workflow_id, trigger_name), trigger_histories.c.id == entry_id
    row = connection.execute(sa.select(*_COLUMNS).where(*named)).one_or_none()
    if row is not None:
        return _record(row)
    fired = _of(runs.runs, workflow_id, trigger_name), runs.runs.c.id == entry_id
    run = connection.execute(sa.select(runs.runs.c.id, runs.runs.c.trigger).where(*fired)).one_or_none()
    if run is None:
        raise HistoryNotFound(f"The trigger '{trigger_name}' has no history '{entry_id}'.")
    return _of_run(workflow_id, trigger_name, run.id, run.trigger)


def document(connection: Connection, entry_id: str) -> dict[str, Any]:
    """Answer what holds the contents of an entry, whichever trigger's it is: `{"inputs", "outputs"}`.

    Raises HistoryNotFound.
    """
    for table, column in ((runs.runs, runs.runs.c.trigger), (trigger_histories, trigger_histories.c.document)):
        found = connection.execute(sa.select(column).where(table.c.id == entry_id)).scalar()
        if found is not None:
            read: dict[str, Any] = documents.loads(found)
            return read
    raise HistoryNotFound(f"There is no trigger history '{entry_id}'.")


def forget_before(connection: Connection, ended_at: str, limit: int) -> int:
    """Delete entries that ended before a moment, so many at the most; answer how many there were."""
    old = sa.select(trigger_histories.c.id).where(trigger_histories.c.ended_at < ended_at).limit(limit)
    return connection.execute(sa.delete(trigger_histories).where(trigger_histories.c.id.in_(old))).rowcount


def _without_run(
    connection: Connection, workflow_id: str, trigger_name: str, status: str | None, before: str | None, limit: int
) -> list[TriggerHistory]:
    table = trigger_histories
    query = sa.select(*_COLUMNS).where(_of(table, workflow_id, trigger_name)).order_by(table.c.id).limit(limit)
    if status is not None:
        query = query.where(table.c.status == status)
    if before is not None:
        query = query.where(table.c.id > before)
    return [_record(row) for row in connection.execute(query)]


def _with_run(
    connection: Connection, workflow_id: str, trigger_name: str, before: str | None, limit: int
) -> list[TriggerHistory]:
    table = runs.runs
    query = sa.select(table.c.id, table.c.trigger).where(_of(table, workflow_id, trigger_name))
    if before is not None:
        query = query.where(table.c.id > before)
    rows = connection.execute(query.order_by(table.c.id).limit(limit))
    return [_of_run(workflow_id, trigger_name, row.id, row.trigger) for row in rows]


def _of(table: sa.Table, workflow_id: str, trigger_name: str) -> sa.ColumnElement[bool]:
    return (table.c.workflow_id == workflow_id) & (table.c.trigger_name == trigger_name)


def _of_run(workflow_id: str, trigger_name: str, run_id: str, trigger: str) -> TriggerHistory:
    told = documents.loads(trigger)
    contents = {key: told[key] for key in ("inputs", "outputs") if key in told}
    return TriggerHistory(
        id=run_id,
        workflow_id=workflow_id,
        trigger_name=trigger_name,
        started_at=told["startTime"],
        ended_at=told["endTime"],
        scheduled_at=told.get("scheduledTime"),
        status=told["status"],
        code=told["code"],
        document=documents.dumps(contents).decode(),
        run_id=run_id,
        tracking_id=told.get("trackingId"),
        client_tracking_id=told.get("clientTrackingId"),
    )


def _record(row: Row[Any]) -> TriggerHistory:
    return TriggerHistory(*tuple(row))
