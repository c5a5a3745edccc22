"""What an expression may see.

`Scope` answers every question with an error; the engine, the command line and tests override what they can answer.
`triggerBody()` and its relatives have methods of their own, so that a scope can answer without building a whole
trigger object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NoReturn, TypeAlias

from sallyport.wdl import budget, values
from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.values import Json

#: .NET's day one, from which ticks of 100 nanoseconds count.
DAY_ONE = datetime(1, 1, 1, tzinfo=UTC)


class Scope:
    """What one evaluation may see; every answer of this class is an error."""

    __slots__ = ("meter",)

    def __init__(self, meter: budget.Meter | None = None) -> None:
        #: Counts what the evaluation builds; `Template.evaluate` starts it at zero.
        self.meter = meter if meter is not None else budget.Meter()

    def now(self) -> datetime:
        """Answer the moment of the evaluation, in UTC."""
        refuse("utcNow", "There is no clock here")

    def ticks(self) -> int:
        """Answer the moment of the evaluation in units of 100 nanoseconds since the year 1, UTC."""
        since = self.now() - DAY_ONE
        return (since.days * 86_400 + since.seconds) * 10_000_000 + since.microseconds * 10

    def parameter(self, name: str) -> Json:
        """Answer the value of a workflow parameter."""
        refuse("parameters", f"The workflow parameter '{name}' is not found")

    def variable(self, name: str) -> Json:
        """Answer the current value of a variable."""
        refuse("variables", f"The variable '{name}' is not initialized")

    def trigger(self) -> dict[str, Json]:
        """Answer the trigger object: name, startTime, endTime, status, code, inputs, outputs."""
        refuse("trigger", "There is no trigger here")

    def trigger_outputs(self) -> Json:
        """Answer the outputs of the trigger, null when it has none."""
        return self.trigger().get("outputs")

    def trigger_body(self) -> Json:
        """Answer the body among the outputs of the trigger, null when it has none."""
        return body_of(self.trigger_outputs(), "triggerBody")

    def action(self, name: str) -> dict[str, Json]:
        """Answer the action object of a finished action."""
        raise EvaluationError(f"The action '{name}' that the expression refers to is not defined, or has not run.")

    def action_outputs(self, name: str) -> Json:
        """Answer the outputs of an action, null when it was skipped."""
        return self.action(name).get("outputs")

    def action_body(self, name: str) -> Json:
        """Answer the body among the outputs of an action, null when there is none."""
        return body_of(self.action_outputs(name), "body")

    def current_action(self) -> dict[str, Json]:
        """Answer the action object of the action that is being evaluated."""
        refuse("action", "It is allowed only in 'unsubscribe' of webhooks, in 'trackedProperties' and in 'Until'")

    def item(self) -> Json:
        """Answer the current item of the innermost loop or data operation."""
        refuse("item", "It is allowed only inside a loop, or in a 'Query', 'Select' or 'Table' action")

    def items(self, loop_name: str) -> Json:
        """Answer the current item of the named loop."""
        refuse("items", f"The loop '{loop_name}' does not surround this expression")

    def iteration_index(self, loop_name: str) -> int:
        """Answer the iteration of the named Until loop, counted from 0."""
        refuse("iterationIndexes", f"The loop '{loop_name}' does not surround this expression")

    def result(self, scope_name: str) -> list[Json]:
        """Answer the action objects of the first-level actions of a scope."""
        refuse("result", f"The scope '{scope_name}' is not defined or has not run here")

    def workflow(self) -> dict[str, Json]:
        """Answer the workflow object: name, type, id, location, tags, run."""
        refuse("workflow", "There is no workflow here")

    def callback_url(self) -> str:
        """Answer the callback address of the trigger or action that is being evaluated."""
        refuse("listCallbackUrl", "It is allowed only in webhook triggers and actions")

    def app_setting(self, name: str) -> str:
        """Answer an application setting."""
        refuse("appsetting", f"The app setting '{name}' is not found")


#: A compiled expression.
Closure: TypeAlias = Callable[[Scope], Json]


class ContextScope(Scope):
    """A scope over a plain mapping, as a table of examples or a designer's 'try it' gives it.

    Keys: parameters, variables, trigger, actions, item, items, utcNow, appsettings; also iterationIndexes, results,
    workflow, action and callbackUrl. `clock` answers `now()` when there is no utcNow.
    """

    def __init__(
        self,
        context: Mapping[str, Json],
        *,
        clock: Callable[[], datetime] | None = None,
        meter: budget.Meter | None = None,
    ) -> None:
        super().__init__(meter)
        self.context = context
        self.clock = clock
        self._trigger = context.get("trigger")
        self._outputs = self._trigger.get("outputs") if isinstance(self._trigger, dict) else None

    def now(self) -> datetime:
        if "utcNow" in self.context:
            return DAY_ONE + timedelta(microseconds=self.ticks() // 10)
        return self.clock() if self.clock is not None else super().now()

    def ticks(self) -> int:
        given = self.context.get("utcNow")
        return parse_instant(given) if isinstance(given, str) else super().ticks()

    def parameter(self, name: str) -> Json:
        found, value = self._entry("parameters", name)
        return value if found else super().parameter(name)

    def variable(self, name: str) -> Json:
        found, value = self._entry("variables", name)
        return value if found else super().variable(name)

    def trigger(self) -> dict[str, Json]:
        return self._trigger if isinstance(self._trigger, dict) else super().trigger()

    def trigger_outputs(self) -> Json:
        return self._outputs if self._outputs is not None else super().trigger_outputs()

    def trigger_body(self) -> Json:
        outputs = self._outputs
        if type(outputs) is dict and "body" in outputs:
            return outputs["body"]
        return super().trigger_body()

    def action(self, name: str) -> dict[str, Json]:
        found, value = self._entry("actions", name)
        if not found or not isinstance(value, dict):
            return super().action(name)
        return {"name": name, "outputs": None, **value}

    def current_action(self) -> dict[str, Json]:
        given = self.context.get("action")
        return given if isinstance(given, dict) else super().current_action()

    def item(self) -> Json:
        return self.context["item"] if "item" in self.context else super().item()

    def items(self, loop_name: str) -> Json:
        found, value = self._entry("items", loop_name)
        return value if found else super().items(loop_name)

    def iteration_index(self, loop_name: str) -> int:
        found, value = self._entry("iterationIndexes", loop_name)
        return value if found and isinstance(value, int) else super().iteration_index(loop_name)

    def result(self, scope_name: str) -> list[Json]:
        found, value = self._entry("results", scope_name)
        return value if found and isinstance(value, list) else super().result(scope_name)

    def workflow(self) -> dict[str, Json]:
        given = self.context.get("workflow")
        return given if isinstance(given, dict) else super().workflow()

    def callback_url(self) -> str:
        given = self.context.get("callbackUrl")
        return given if isinstance(given, str) else super().callback_url()

    def app_setting(self, name: str) -> str:
        found, value = self._entry("appsettings", name)
        return values.to_text(value) if found else super().app_setting(name)

    def _entry(self, group: str, name: str) -> tuple[bool, Json]:
        entries = self.context.get(group)
        if not isinstance(entries, dict):
            return False, None
        key = values.find_key(entries, name)
        return (False, None) if key is None else (True, entries[key])


def refuse(function: str, reason: str) -> NoReturn:
    """Raise the error of a reference that cannot be answered here; `reason` is a sentence without its full stop."""
    raise EvaluationError(f"The template function '{function}' cannot be evaluated. {reason}.")


def body_of(outputs: Json, function: str) -> Json:
    """Answer the property `body` of outputs, null when there is none."""
    if outputs is None:
        return None
    if not isinstance(outputs, dict):
        refuse(function, f"The outputs are of type '{values.type_name(outputs)}', which has no property 'body'")
    key = values.find_key(outputs, "body")
    return None if key is None else outputs[key]


def parse_instant(text: str) -> int:
    """Answer an ISO 8601 moment as ticks; up to seven fractional digits count, and no offset means UTC."""
    head, dot, tail = text.partition(".")
    digits = len(tail) - len(tail.lstrip("0123456789"))
    fraction, zone = (tail[:digits], tail[digits:]) if dot else ("", "")
    try:
        moment = datetime.fromisoformat(head + zone)
    except ValueError:
        refuse("utcNow", f"The time '{text}' is not an ISO 8601 moment")
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return (moment - DAY_ONE) // timedelta(microseconds=1) * 10 + int((fraction + "0" * 7)[:7])
