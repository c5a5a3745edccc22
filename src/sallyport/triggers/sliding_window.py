"""The SlidingWindow trigger: a run for each window of time, also for those that were missed.

The rule: windows come one by one and none is left out; the run of a window starts at its beginning, later by the delay.
https://learn.microsoft.com/azure/connectors/connectors-native-sliding-window
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sallyport.statuses import Status
from sallyport.store import documents, schema
from sallyport.triggers import schedule
from sallyport.triggers.context import TriggerContext, digest
from sallyport.triggers.recurrence_rule import Frequency, InvalidRecurrence, Recurrence
from sallyport.triggers.schedule import Window
from sallyport.triggers.trigger_type import Change, Look, Plan, trigger
from sallyport.wdl import retry
from sallyport.wdl.definition import Trigger

_ALLOWED = (Frequency.SECOND, Frequency.MINUTE, Frequency.HOUR)


def begin(ctx: TriggerContext, memory: Mapping[str, Any], change: Change) -> Plan:
    """Answer the first window of a new trigger; one that was there before goes on with the window that is its next."""
    rule = _rule(ctx)
    # Whoever changes what a window is for has still had those before.
    if "window" in memory and (change is not Change.NEW or memory.get("rhythm") == _rhythm(ctx)):
        window = _window(memory["window"], _delay(ctx))
        return Plan(window.due_at, dict(memory))
    if change is Change.RESUMED:
        # The last window was before the end time.
        return Plan(None, dict(memory))
    return _plan(ctx, schedule.next_window(rule, None, saved_at=ctx.saved_at, delay=_delay(ctx)))


@trigger("SlidingWindow", begin=begin)
async def sliding_window(ctx: TriggerContext) -> Look:
    """Fire for the window that is due; for the next one, when somebody asks for it."""
    rule, delay = _rule(ctx), _delay(ctx)
    if "window" not in ctx.memory:
        return Look(None, status=Status.SKIPPED, code="NoWindow")
    window = _window(ctx.memory["window"], delay)
    plan = _plan(ctx, schedule.next_window(rule, window, saved_at=ctx.saved_at, delay=delay))
    return Look(
        next_at=plan.next_at,
        memory=plan.memory,
        outputs={
            "windowStartTime": schema.instant(window.start_at),
            "windowEndTime": schema.instant(window.end_at),
        },
        event_id=schema.instant(window.start_at),
        scheduled_at=window.due_at,
    )


def demand(rule: Recurrence, trigger: Trigger) -> None:
    """Refuse a recurrence that does not make windows.

    Raises InvalidRecurrence.
    """
    if rule.frequency not in _ALLOWED:
        pointer = f"{trigger.pointer}/recurrence/frequency"
        raise InvalidRecurrence(pointer, str(rule.frequency), f"a sliding window allows {', '.join(_ALLOWED)}")


def _plan(ctx: TriggerContext, window: Window | None) -> Plan:
    if window is None:
        return Plan(None, {})
    span = [schema.instant(window.start_at), schema.instant(window.end_at)]
    return Plan(window.due_at, {"window": span, "rhythm": _rhythm(ctx)})


def _rhythm(ctx: TriggerContext) -> str:
    return digest(documents.dumps(ctx.trigger.raw.get("recurrence")).decode())


def _window(remembered: list[str], delay: timedelta) -> Window:
    start_at, end_at = (schema.moment(text) for text in remembered)
    return Window(start_at, end_at, retry.later(start_at, delay))


def _rule(ctx: TriggerContext) -> Recurrence:
    rule = ctx.rule()
    demand(rule, ctx.trigger)
    return rule


def _delay(ctx: TriggerContext) -> timedelta:
    inputs = ctx.evaluate(ctx.trigger.template("inputs"))
    stated = inputs.get("delay") if isinstance(inputs, dict) else None
    return retry.duration(stated, "delay") if stated else timedelta()
