"""The run history, which is the durability journal: entries appended in the order in which they came to be.

The rule: `append` is the only way in, and what it is given about a run whose epoch has moved on is dropped whole. What
one run has committed at a time is one row: a row for each entry would cost more than all that is in it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.store import callbacks, contents, documents, runs, schema, upsert, workflows

history = sa.Table(
    "run_history",
    schema.metadata,
    sa.Column("run_id", sa.String(40), primary_key=True),
    #: The number of the first entry in the row.
    sa.Column("sequence", sa.Integer, primary_key=True),
    #: A JSON array of entries, each `[name, repetition, status, document]`.
    sa.Column("entries", sa.Text, nullable=False),
)


class Entry(NamedTuple):
    """One appended entry."""

    sequence: int
    name: str
    repetition: str
    status: str
    #: The rest of the entry, as `engine/entries` writes it.
    document: dict[str, Any]


class Segment(NamedTuple):
    """The entries that one run has committed at a time."""

    #: The number of the first.
    sequence: int
    #: All of them, as the row holds them.
    entries: str


@dataclass(slots=True)
class Leaving:
    """What a process says of a run that has ended, so that its end and what follows from it are one."""

    workflow_id: str
    trigger_name: str
    #: The version that the run followed; 0 when it followed none that is known.
    version: int
    #: How many runs of the trigger may go on at once by that version; None when it does not limit that.
    concurrency: int | None
    #: Answers the same of the workflow as it is now.
    concurrency_of: Callable[[workflows.Workflow], int | None]
    #: How many runs that waited go on because of it.
    promoted: int = 0


@dataclass(slots=True)
class Batch:
    """What one run wants to have committed, all of it or nothing."""

    run_id: str
    epoch: int
    #: The run itself, when this is the first that is heard of it.
    start: runs.Run | None = None
    segment: Segment | None = None
    contents: dict[str, bytes] = field(default_factory=dict)
    #: New values for the run's row: its end, or until when it is put away; stored with `start` when it is given.
    change: dict[str, Any] | None = None
    #: Given with its end, unless the run begins and ends in this batch.
    leaving: Leaving | None = None


def append(connection: Connection, batches: Sequence[Batch], now: str) -> set[tuple[str, int]]:
    """Commit batches of several runs; answer runs, and epochs, that have moved on: of them nothing was stored."""
    stale = _stale(connection, batches)
    kept = [batch for batch in batches if (batch.run_id, batch.epoch) not in stale] if stale else batches
    begun = [batch for batch in kept if batch.start is not None]
    ended = {batch.run_id: batch.change for batch in begun if batch.change is not None}
    runs.insert(connection, [batch.start for batch in begun if batch.start is not None], ended)
    bodies: dict[str, bytes] = {}
    rows = []
    for batch in kept:
        bodies.update(batch.contents)
        if batch.segment is not None:
            rows.append((batch.run_id, *batch.segment))
    contents.put(connection, bodies, now)
    upsert.insert_many(connection, history, rows)
    leaving = {}
    for batch in kept:
        if batch.start is None and batch.change is not None:
            runs.change(connection, batch.run_id, batch.change)
            if batch.leaving is not None:
                leaving[batch.run_id] = batch.leaving
    if leaving:
        callbacks.forget(connection, list(leaving))
        make_room(connection, list(leaving.values()), now)
    return stale


def make_room(connection: Connection, ended: Sequence[Leaving], now: str) -> None:
    """Let runs go on that waited for those that have ended: as many as their workflow lets go on by now."""
    current = workflows.current_versions(connection, {each.workflow_id for each in ended})
    # In one order, whoever makes room: two processes must not wait for each other.
    for each in sorted(ended, key=lambda leaving: leaving.workflow_id):
        limit = each.concurrency
        if current.get(each.workflow_id, each.version) != each.version:
            limit = _concurrency_by_now(connection, each)
        if limit is not None:
            each.promoted = runs.promote_waiting(connection, each.workflow_id, each.trigger_name, limit, now)


def read(connection: Connection, run_id: str) -> Iterator[Entry]:
    """Answer every entry of a run, in order, while the transaction lasts: a long history need not be held at once."""
    query = sa.select(history.c.sequence, history.c.entries)
    for row in connection.execute(query.where(history.c.run_id == run_id).order_by(history.c.sequence)):
        yield from entries_of(Segment(*row))


def latest(connection: Connection, run_id: str, key: tuple[str, str]) -> Entry | None:
    """Answer the latest entry of an action and repetition of a run; None when it has not begun."""
    found = None
    for entry in read(connection, run_id):
        if (entry.name, entry.repetition) == key:
            found = entry
    return found


def latest_status(connection: Connection, run_id: str, key: tuple[str, str]) -> str | None:
    """Answer the status that an action and repetition of a run had last; None when it has not begun."""
    found = latest(connection, run_id, key)
    return found.status if found is not None else None


def entries_of(segment: Segment) -> Iterator[Entry]:
    """Answer the entries that a row holds, in order."""
    for sequence, entry in enumerate(documents.loads(segment.entries), segment.sequence):
        yield Entry(sequence, *entry)


def _concurrency_by_now(connection: Connection, ended: Leaving) -> int | None:
    """Answer how many runs the current version lets go on; None when nobody waits, whatever it says."""
    runs.count_in_turn(connection, ended.workflow_id)
    if ended.trigger_name not in runs.waiting_triggers(connection, ended.workflow_id):
        return None
    limit = ended.concurrency_of(workflows.current(connection, ended.workflow_id))
    return sys.maxsize if limit is None else limit


def _stale(connection: Connection, batches: Sequence[Batch]) -> set[tuple[str, int]]:
    started_here = {batch.run_id for batch in batches if batch.start is not None}
    held = {(batch.run_id, batch.epoch) for batch in batches if batch.run_id not in started_here}
    if not held:
        return set()
    named = sorted({run_id for run_id, _ in held})
    query = sa.select(runs.runs.c.id, runs.runs.c.epoch, runs.runs.c.status).where(runs.runs.c.id.in_(named))
    if connection.dialect.name == "postgresql":
        # In one order, whoever locks: two processes must not wait for each other.
        query = query.order_by(runs.runs.c.id).with_for_update()
    actual = {(run_id, epoch) for run_id, epoch, status in connection.execute(query) if status in runs.LIVE}
    return held - actual
