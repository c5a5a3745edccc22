"""The Recurrence trigger: a run at each occurrence.

The rule: each occurrence starts one run; those that were missed while the workflow was disabled, or nobody worked, are
left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sallyport.store import schema
from sallyport.triggers import schedule
from sallyport.triggers.context import TriggerContext
from sallyport.triggers.recurrence_rule import Recurrence
from sallyport.triggers.trigger_type import Change, Look, Plan, trigger

#: Later than this, the occurrences in between were missed: the machine slept.
_LATE = timedelta(minutes=1)


def begin(ctx: TriggerContext, memory: Mapping[str, Any], change: Change) -> Plan:
    """Answer the first occurrence after a save, the next one after anything else."""
    rule = ctx.rule()
    if change is Change.RESUMED:
        return Plan(schedule.next_occurrence(rule, ctx.now(), saved_at=ctx.saved_at), dict(memory))
    return Plan(schedule.first_occurrence(rule, ctx.saved_at), dict(memory))


@trigger("Recurrence", begin=begin, skips_missed=True)
async def recurrence(ctx: TriggerContext) -> Look:
    """Fire, under the name of the occurrence."""
    scheduled_at = ctx.scheduled_at
    return Look(
        next_at=schema.moment(ctx.state.next_at) if ctx.asked and ctx.state.next_at else following(ctx, ctx.rule()),
        memory=dict(ctx.memory),
        event_id=None if ctx.asked else schema.instant(scheduled_at),
        scheduled_at=scheduled_at,
    )


def following(ctx: TriggerContext, rule: Recurrence) -> datetime | None:
    """Answer the occurrence after the one that is due; after a long sleep, the next one from now."""
    now, due = ctx.now(), ctx.scheduled_at
    return schedule.next_occurrence(rule, due if now - due <= _LATE else now, saved_at=ctx.saved_at)
