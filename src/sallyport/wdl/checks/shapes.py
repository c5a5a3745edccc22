"""Whether triggers and containers have what their types demand, and whether their types can be run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from sallyport.wdl import operation_types
from sallyport.wdl.checks.subject import Subject, error, inputs_of, is_dynamic, meant, warning, whole
from sallyport.wdl.definition import Action, Trigger, pointer_to
from sallyport.wdl.findings import Finding

#: The allowed intervals, from 1; https://learn.microsoft.com/connectors/microsoftgraphsecurity/
INTERVALS: Mapping[str, int] = {
    "month": 16,
    "week": 71,
    "day": 500,
    "hour": 12_000,
    "minute": 72_000,
    "second": 9_999_999,
}

#: What a trigger's concurrency may say at the most; https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-config
_MOST_RUNS: Mapping[str, int] = {"runs": 100, "maximumWaitingRuns": 200}

#: What a container cannot be without.
_DEMANDED = {"Foreach": "foreach", "If": "expression", "Switch": "expression", "Until": "expression"}


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with the shape of triggers and actions."""
    definition = subject.definition
    if not definition.triggers:
        yield warning("NoTrigger", "/triggers", "The workflow has no trigger, so that nothing can start it.")
    if definition.kind in ("Stateful", "Stateless") and len(definition.triggers) > 1:
        yield error("TooManyTriggers", "/triggers", "A Standard workflow has exactly one trigger.")
    known = {each.casefold() for each in subject.trigger_types}
    for trigger in definition.triggers.values():
        if trigger.type not in operation_types.TRIGGERS.values():
            text = f"The trigger '{trigger.name}' has the type '{trigger.type}', which does not exist."
            text += meant(trigger.type, operation_types.TRIGGERS.values())
            yield error("UnknownTriggerType", pointer_to(trigger.pointer, "type"), text)
        elif trigger.type.casefold() not in known:
            text = f"The trigger '{trigger.name}' has the type '{trigger.type}', which cannot be run yet."
            yield warning("UnsupportedTrigger", pointer_to(trigger.pointer, "type"), text)
        yield from _trigger(trigger)
    known = {each.casefold() for each in subject.action_types}
    for action in definition.actions.values():
        if action.type not in operation_types.ACTIONS.values():
            text = f"The action '{action.name}' has the type '{action.type}', which does not exist."
            text += meant(action.type, operation_types.ACTIONS.values())
            yield error("UnknownActionType", pointer_to(action.pointer, "type"), text)
        elif action.type.casefold() not in known:
            text = f"The action '{action.name}' has the type '{action.type}', which cannot be run yet."
            yield warning("UnsupportedAction", pointer_to(action.pointer, "type"), text)
        yield from _action(subject, action)


def _trigger(trigger: Trigger) -> Iterator[Finding]:
    yield from _concurrency(trigger)
    pointer = pointer_to(trigger.pointer, "recurrence")
    raw = trigger.raw.get("recurrence")
    if raw is None:
        if trigger.type in ("Recurrence", "SlidingWindow"):
            yield error("MissingRecurrence", trigger.pointer, f"The trigger '{trigger.name}' has no recurrence.")
    elif isinstance(raw, dict):
        yield from _recurrence(trigger, raw, pointer)
    elif not is_dynamic(raw):
        yield error("InvalidRecurrence", pointer, f"The recurrence of '{trigger.name}' must be an object.")


def _concurrency(trigger: Trigger) -> Iterator[Finding]:
    configuration = trigger.raw.get("runtimeConfiguration")
    stated = configuration.get("concurrency") if isinstance(configuration, dict) else None
    if not isinstance(stated, dict):
        return
    place = pointer_to(trigger.pointer, "runtimeConfiguration", "concurrency")
    for name, most in _MOST_RUNS.items():
        number = whole(stated.get(name))
        if stated.get(name) is not None and not (number is not None and 1 <= number <= most):
            text = f"The '{name}' of the trigger '{trigger.name}' is an integer from 1 to {most}."
            yield error("LimitExceeded", pointer_to(place, name), text)
    if stated.get("runs") is not None and "singleinstance" in trigger.operation_options:
        text = f"The trigger '{trigger.name}' is both SingleInstance and has a number of runs; only one may be given."
        yield error("InvalidConcurrency", place, text)


def _recurrence(trigger: Trigger, raw: Mapping[str, object], pointer: str) -> Iterator[Finding]:
    frequency, interval = raw.get("frequency"), raw.get("interval")
    largest = INTERVALS.get(frequency.casefold()) if isinstance(frequency, str) else None
    if largest is None and not is_dynamic(frequency):
        text = f"The frequency of '{trigger.name}' must be one of Month, Week, Day, Hour, Minute, Second."
        yield error("InvalidRecurrence", pointer_to(pointer, "frequency"), text)
    if is_dynamic(interval):
        return
    number = whole(interval)
    if number is None:
        text = f"The interval of '{trigger.name}' must be an integer."
        yield error("InvalidRecurrence", pointer_to(pointer, "interval"), text)
    elif largest is not None and not 1 <= number <= largest:
        text = f"The interval of '{trigger.name}' is {number}; for the frequency {frequency} it is 1 to {largest}."
        yield error("InvalidRecurrence", pointer_to(pointer, "interval"), text)


def _action(subject: Subject, action: Action) -> Iterator[Finding]:
    demanded = _DEMANDED.get(action.type)
    if demanded is not None and action.raw.get(demanded) is None:
        yield error("MissingProperty", action.pointer, f"The action '{action.name}' has no {demanded}.")
    if action.type == "Foreach":
        yield from _foreach(subject, action)
    elif action.type == "Until":
        yield from _until(subject, action)
    elif action.type == "Switch":
        yield from _switch(action)
    elif action.type == "Response":
        yield from _response(action)
    elif action.type == "Wait" and not is_dynamic(action.raw.get("inputs")):
        inputs = inputs_of(action)
        if ("interval" in inputs) == ("until" in inputs):
            yield error(
                "InvalidWait", action.pointer, f"The action '{action.name}' needs either an interval or an until."
            )


def _foreach(subject: Subject, action: Action) -> Iterator[Finding]:
    configuration = action.raw.get("runtimeConfiguration")
    concurrency = configuration.get("concurrency") if isinstance(configuration, dict) else None
    stated = concurrency.get("repetitions") if isinstance(concurrency, dict) else None
    most, place = subject.limits.foreach_concurrency, pointer_to(action.pointer, "runtimeConfiguration", "concurrency")
    if stated is None or is_dynamic(stated):
        return
    repetitions = whole(stated)
    if repetitions is None or not 1 <= repetitions <= most:
        text = f"The loop '{action.name}' has {stated} repetitions at a time; 1 to {most} are allowed."
        yield error("LimitExceeded", place, text)
    if "sequential" in action.operation_options:
        text = f"The loop '{action.name}' is both Sequential and has a number of repetitions; only one may be given."
        yield error("InvalidConcurrency", place, text)


def _until(subject: Subject, action: Action) -> Iterator[Finding]:
    limit, most = action.raw.get("limit"), subject.limits.until_iterations
    if not isinstance(limit, dict) or (limit.get("count") is None and limit.get("timeout") is None):
        yield error(
            "MissingProperty", action.pointer, f"The loop '{action.name}' needs a limit: a count, a timeout, or both."
        )
        return
    stated = limit.get("count")
    if stated is None or is_dynamic(stated):
        return
    count = whole(stated)
    if count is None or not 1 <= count <= most:
        text = f"The loop '{action.name}' has the limit {stated}; 1 to {most} iterations are allowed."
        yield error("LimitExceeded", pointer_to(action.pointer, "limit", "count"), text)


def _response(action: Action) -> Iterator[Finding]:
    stated = inputs_of(action).get("statusCode", "@")  # for `demands`, when there is none
    if is_dynamic(stated):
        return
    status = whole(stated)
    if status is None or not (200 <= status < 300 or 400 <= status < 600):
        text = f"The action '{action.name}' answers with the status {stated}; a response has 2xx, 4xx or 5xx."
        yield error("InvalidResponse", pointer_to(action.pointer, "inputs", "statusCode"), text)


def _switch(action: Action) -> Iterator[Finding]:
    cases = action.raw.get("cases")
    seen: dict[tuple[str, str], str] = {}
    for name, case in cases.items() if isinstance(cases, dict) else ():
        if not isinstance(case, dict):
            continue
        pointer, value = pointer_to(action.pointer, "cases", name), case.get("case")
        if value is None or isinstance(value, (dict, list, bool)):
            yield error(
                "InvalidCase", pointer, f"The case '{name}' of '{action.name}' must be for a string or a number."
            )
            continue
        if is_dynamic(value) and re.match(r"@[^@]", str(value)):
            yield error("InvalidCase", pointer, f"The case '{name}' of '{action.name}' cannot be an expression.")
        mark = (type(value).__name__, str(value))
        if mark in seen:
            yield error(
                "InvalidCase",
                pointer,
                f"The cases '{seen[mark]}' and '{name}' of '{action.name}' are for the same value.",
            )
        seen.setdefault(mark, name)
