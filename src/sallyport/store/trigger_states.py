"""What a trigger remembers between two looks, and when it looks next: one row for each trigger that looks by itself.

The rule: every claim raises the row's `epoch`, and so does every save, disablement and reset; what a look found is
stored only under the epoch that it was claimed with. So a look that was overtaken changes nothing and starts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from sallyport.errors import Conflict
from sallyport.store import schema, upsert

trigger_states = sa.Table(
    "trigger_states",
    schema.metadata,
    # Not a foreign key: what was subscribed must be given up after the workflow is gone.
    sa.Column("workflow_id", sa.String(36), primary_key=True),
    sa.Column("trigger_name", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    #: Tells whether the trigger itself was changed by a save.
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("saved_at", schema.Instant, nullable=False),
    #: When to look next; null while there is nothing to look for.
    sa.Column("next_at", schema.Instant),
    sa.Column("memory", schema.Document, nullable=False),
    #: How many looks were settled; never goes back.
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    #: Who looks just now, and until when nobody else does; null while nobody does.
    sa.Column("owner", sa.String(64)),
    sa.Column("claimed_until", schema.Instant),
)
sa.Index(
    "ix_trigger_states_next_at",
    trigger_states.c.next_at,
    sqlite_where=trigger_states.c.next_at.is_not(None),
    postgresql_where=trigger_states.c.next_at.is_not(None),
)


@dataclass(frozen=True, slots=True)
class TriggerState:
    """One trigger of one workflow."""

    workflow_id: str
    trigger_name: str
    #: The version of the workflow whose trigger looks.
    version: int
    digest: str
    #: From when its rhythm counts.
    saved_at: str
    next_at: str | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    sequence: int = 0
    epoch: int = 0
    owner: str | None = None
    claimed_until: str | None = None


#: The columns in the order of the record's fields.
_COLUMNS = tuple(trigger_states.c[each.name] for each in fields(TriggerState))
_KEY = sa.tuple_(trigger_states.c.workflow_id, trigger_states.c.trigger_name)
_FREE: dict[str, Any] = {"owner": None, "claimed_until": None}


class ClaimLost(Conflict):
    """Raised when a look was overtaken: by another look, or by a save, a disablement, a reset or a deletion."""

    code = "TriggerClaimLost"

    def __init__(self, claimed: TriggerState) -> None:
        super().__init__(f"The trigger '{claimed.trigger_name}' was changed while it looked.")
        self.claimed = claimed


def of_workflow(connection: Connection, workflow_id: str, *, held: bool = False) -> dict[str, TriggerState]:
    """Answer the states of a workflow's triggers, by trigger name; `held` keeps them so until the transaction ends."""
    query = sa.select(*_COLUMNS).where(trigger_states.c.workflow_id == workflow_id)
    if held:
        query = query.with_for_update()
    return {state.trigger_name: state for state in map(_record, connection.execute(query))}


def workflow_ids(connection: Connection) -> set[str]:
    """Answer the ids of all workflows with states, also of those that are gone."""
    return set(connection.execute(sa.select(trigger_states.c.workflow_id).distinct()).scalars())


def put(connection: Connection, state: TriggerState) -> None:
    """Store a state in place of the one that was there, which overtakes whoever looks just now."""
    row = {**asdict(state), **_FREE, "epoch": state.epoch + 1}
    changed = {**row, "epoch": trigger_states.c.epoch + 1}
    statement = upsert.insert(connection, trigger_states).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["workflow_id", "trigger_name"], set_=changed))


def delete(connection: Connection, workflow_id: str, trigger_name: str) -> None:
    """Forget a state."""
    connection.execute(sa.delete(trigger_states).where(*_named(workflow_id, trigger_name)))


def claim(connection: Connection, owner: str, now: str, until: str, limit: int) -> list[TriggerState]:
    """Take triggers that are due and that nobody looks after, the longest due first, until a moment."""
    free = trigger_states.c.claimed_until.is_(None) | (trigger_states.c.claimed_until <= now)
    due = (
        sa.select(trigger_states.c.workflow_id, trigger_states.c.trigger_name)
        .where(trigger_states.c.next_at <= now, free)
        .order_by(trigger_states.c.next_at)
        .limit(limit)
    )
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True)
    keys = [(row.workflow_id, row.trigger_name) for row in connection.execute(due)]
    return _take(connection, keys, owner, until)


def claim_one(
    connection: Connection, workflow_id: str, trigger_name: str, owner: str, until: str
) -> TriggerState | None:
    """Take one trigger, due or not and whoever looks just now; None when it has no state."""
    return next(iter(_take(connection, [(workflow_id, trigger_name)], owner, until)), None)


def settle(
    connection: Connection,
    claimed: TriggerState,
    next_at: str | None,
    memory: dict[str, Any],
    *,
    repeated: bool = False,
) -> None:
    """Store what a look leaves behind and give the trigger back; one that is to be repeated does not count.

    Raises ClaimLost.
    """
    sequence = claimed.sequence + (0 if repeated else 1)
    values = {**_FREE, "next_at": next_at, "memory": memory, "sequence": sequence}
    changed = connection.execute(sa.update(trigger_states).where(*_held(claimed)).values(values))
    if not changed.rowcount:
        raise ClaimLost(claimed)


def remove(connection: Connection, claimed: TriggerState) -> None:
    """Forget a trigger that was only kept for one last look.

    Raises ClaimLost.
    """
    if not connection.execute(sa.delete(trigger_states).where(*_held(claimed))).rowcount:
        raise ClaimLost(claimed)


def release(connection: Connection, claimed: TriggerState) -> None:
    """Give a trigger back as it was taken, if it is still held."""
    connection.execute(sa.update(trigger_states).where(*_held(claimed)).values(_FREE))


def release_all(connection: Connection) -> int:
    """Give back every trigger that a process of before a restart had; answer how many there were."""
    held = sa.update(trigger_states).where(trigger_states.c.owner.is_not(None))
    return connection.execute(held.values(_FREE)).rowcount


def next_due(connection: Connection) -> str | None:
    """Answer when the next trigger is due to be taken."""
    at = sa.func.coalesce(trigger_states.c.claimed_until, trigger_states.c.next_at)
    found = connection.execute(sa.select(sa.func.min(at)).where(trigger_states.c.next_at.is_not(None))).scalar()
    return None if found is None else str(found)


def _take(connection: Connection, keys: Sequence[tuple[str, str]], owner: str, until: str) -> list[TriggerState]:
    if not keys:
        return []
    taken = {"owner": owner, "claimed_until": until, "epoch": trigger_states.c.epoch + 1}
    connection.execute(sa.update(trigger_states).where(_KEY.in_(keys)).values(taken))
    rows = [_record(row) for row in connection.execute(sa.select(*_COLUMNS).where(_KEY.in_(keys)))]
    return sorted(rows, key=lambda state: state.next_at or "")


def _named(workflow_id: str, trigger_name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return trigger_states.c.workflow_id == workflow_id, trigger_states.c.trigger_name == trigger_name


def _held(claimed: TriggerState) -> tuple[sa.ColumnElement[bool], ...]:
    return *_named(claimed.workflow_id, claimed.trigger_name), trigger_states.c.epoch == claimed.epoch


def _record(row: Row[Any]) -> TriggerState:
    return TriggerState(*tuple(row))
