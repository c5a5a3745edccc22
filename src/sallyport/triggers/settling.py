"""Stores what a look found: the runs, the trigger's memory and its history entry, in one transaction.

The rule: nothing of a look is visible before all of it is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.engine import entries
from sallyport.engine.engine import Engine
from sallyport.engine.start import run_name
from sallyport.statuses import Status
from sallyport.store import schema, trigger_histories, trigger_states
from sallyport.store.trigger_histories import TriggerHistory
from sallyport.triggers import decision, firing
from sallyport.triggers.context import TriggerContext
from sallyport.triggers.decision import Decision
from sallyport.triggers.firing import Firing
from sallyport.triggers.trigger_type import Look, remembered


@dataclass(frozen=True, slots=True)
class Settled:
    """A look, the firing that it is, and what the firing starts."""

    look: Look
    firing: Firing
    decision: Decision


def decided(engine: Engine, ctx: TriggerContext, look: Look, failed: Callable[[str, str], Look]) -> Settled:
    """Answer what a look starts; where its firing cannot be followed, the look becomes what `failed` answers."""
    happened = _firing(ctx, look)
    if look.status is not Status.SUCCEEDED or look.silent:
        return Settled(look, happened, Decision([], look.status, look.code, look.error))
    found = decision.decide(happened, engine, status_was_read=look.decided)
    if found.status is Status.FAILED:
        error = found.error or {}
        look = failed(found.code, error.get("message", ""))
    return Settled(look, happened, found)


async def settle(engine: Engine, ctx: TriggerContext, found: Settled) -> list[str]:
    """Store a look and what it starts; answers the names of the runs.

    Raises ClaimLost, and what keeps the database from storing.
    """
    entry = history(engine, found.firing, found.decision)
    look = found.look
    next_at = schema.instant(look.next_at) if look.next_at is not None else None

    def work(connection: Connection) -> list[str]:
        memory = {**remembered(connection, look), "type": ctx.trigger.type}
        trigger_states.settle(connection, ctx.state, next_at, memory, repeated=look.repeats)
        started = firing.store(connection, engine, found.firing, found.decision.events, crowded=True)
        if look.also is not None:
            started += look.also(connection, engine)
        if not started and not look.silent:
            trigger_histories.insert(connection, entry)
        return started

    started = await engine.database.write(work)
    engine.around.recorder.count("trigger_looks_total", found.decision.status.value)
    if started:
        engine.wake()
    return started


async def start(engine: Engine, happened: Firing, found: Decision) -> list[str]:
    """Store the runs of a firing that no look caused, or why there are none; answers their names.

    Raises TooManyRequests.
    """
    if not found.events:
        entry = history(engine, happened, found)
        await engine.database.write(lambda connection: trigger_histories.insert(connection, entry))
        engine.around.recorder.count("trigger_looks_total", found.status.value)
        return []
    names = await engine.database.write(lambda connection: firing.store(connection, engine, happened, found.events))
    engine.around.recorder.count("trigger_looks_total", found.status.value)
    engine.wake()
    return names


def _firing(ctx: TriggerContext, look: Look) -> Firing:
    fired: dict[str, Any] = {
        "name": ctx.trigger.name,
        "code": look.code,
        "status": look.status.value,
        "startTime": schema.instant(look.started_at or ctx.now()),
        "endTime": schema.instant(ctx.now()),
    }
    fired |= {key: value for key in ("inputs", "outputs") if (value := getattr(look, key)) is not None}
    if look.scheduled_at is not None:
        fired["scheduledTime"] = schema.instant(look.scheduled_at)
    return Firing(
        ctx.workflow,
        ctx.trigger,
        fired,
        event_id=look.event_id,
        scheduled_at=look.scheduled_at,
        started_at=look.started_at,
    )


def history(engine: Engine, happened: Firing, found: Decision) -> TriggerHistory:
    """Answer the history entry of a firing that starts no run, its contents whole: they are small as a rule."""
    trigger, around = happened.trigger, engine.around
    writer = entries.Writer(around.seal, happened.workflow.secrets.texts, sys.maxsize)
    document = {}
    for key, secret in (("inputs", trigger.secure_inputs), ("outputs", trigger.secure_outputs)):
        value = happened.fired.get(key)
        if value is not None:
            document[key] = writer.content(value, secret=secret)
    now = engine.clock.now()
    return TriggerHistory(
        id=run_name(engine.clock),
        workflow_id=happened.workflow.id,
        trigger_name=trigger.name,
        started_at=schema.instant(happened.started_at or now),
        ended_at=schema.instant(now),
        scheduled_at=schema.instant(happened.scheduled_at) if happened.scheduled_at is not None else None,
        status=found.status.value,
        code=found.code,
        error=dict(found.error) if found.error is not None else None,
        document=writer.text(document),
    )
