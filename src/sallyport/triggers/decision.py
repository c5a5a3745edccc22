"""From a firing to the runs that it starts: `splitOn` first, then the conditions, asked of each run's own outputs.

The rule: what a firing starts is decided once, before anything is stored; the decision itself changes nothing.

Deviation: with `splitOn`, conditions are asked of each item, which Azure does not document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sallyport.engine.engine import Engine
from sallyport.engine.start import Event
from sallyport.errors import SallyportError
from sallyport.statuses import Status
from sallyport.triggers import conditions, firing, split
from sallyport.triggers.conditions import Refusal
from sallyport.triggers.firing import Firing, TriggerScope


@dataclass(frozen=True, slots=True)
class Decision:
    """The runs to be started, or why there are none."""

    events: list[Event] = field(default_factory=list)
    status: Status = Status.SUCCEEDED
    code: str = "OK"
    error: Mapping[str, str] | None = None


def decide(happened: Firing, engine: Engine, *, status_was_read: bool = False) -> Decision:
    """Answer what a firing starts; a `splitOn` that cannot be followed is a failure, and starts nothing."""
    try:
        outputs = split.outputs(
            happened.workflow,
            happened.trigger,
            happened.fired,
            firing.most_items(happened.trigger, engine.around.limits),
        )
        events = firing.events(happened, outputs, engine.clock)
    except SallyportError as error:
        return Decision([], Status.FAILED, error.code, told(error.code, error.message))
    kept, refused = _allowed(happened, events, engine, status_was_read=status_was_read)
    if kept:
        return Decision(kept)
    if refused is None:
        return Decision([], Status.SKIPPED, str(happened.fired.get("code", "OK")))
    return Decision([], Status.SKIPPED, refused.code, told(refused.code, refused.message))


def told(code: str, message: str) -> dict[str, str]:
    """Answer an error as a history shows it."""
    return {"code": code, "message": message}


def _allowed(
    happened: Firing, events: list[Event], engine: Engine, *, status_was_read: bool
) -> tuple[list[Event], Refusal | None]:
    """Answer the events that the conditions let through, and why the first of the others was held back."""
    trigger = happened.trigger
    asked = conditions.on_content(trigger) if status_was_read else trigger.conditions
    if not asked:
        return events, None
    kept: list[Event] = []
    first: Refusal | None = None
    for event in events:
        fired = {**happened.fired, "outputs": event.outputs}
        scope = TriggerScope(happened.workflow, fired, engine.clock, app_settings=engine.around.ports.app_settings)
        refused = conditions.refusal(asked, scope, trigger.name)
        if refused is None:
            kept.append(event)
        else:
            first = first or refused
    return kept, first
