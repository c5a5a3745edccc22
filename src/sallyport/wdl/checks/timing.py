"""Whether retry policies, time limits, delays and waits are such that a run can follow them.

The rule to know: only what is spelled out is judged; what an expression gives is left for the run, which fails the
action with the same sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sallyport.wdl import retry
from sallyport.wdl.checks.subject import Subject, error, inputs_of, is_dynamic, warning, whole
from sallyport.wdl.definition import Action, Operation, pointer_to
from sallyport.wdl.dotnet import date_parse
from sallyport.wdl.dotnet.errors import DateTextError
from sallyport.wdl.findings import Finding

#: What calls the outside, and so may call again.
_CALLING = frozenset(
    {
        *("ApiConnection", "ApiConnectionWebhook", "ApiManagement", "Function", "Http", "HttpWebhook"),
        *("OpenApiConnection", "OpenApiConnectionWebhook", "Workflow"),
    }
)
#: What is done at once, or takes as long as what is in it: no limit of its own is heeded.
UNLIMITED = frozenset(
    {
        *("AppendToArrayVariable", "AppendToStringVariable", "Compose", "DecrementVariable", "Expression", "Foreach"),
        *("If", "IncrementVariable", "InitializeVariable", "Join", "ParseJson", "Query", "Scope", "Select"),
        *("SetVariable", "Switch", "Table", "Terminate", "Response"),
    }
)
_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with how long, how often and until when."""
    for operation in (*subject.definition.triggers.values(), *subject.definition.actions.values()):
        if operation.type in _CALLING:
            yield from _retry_policies(subject, operation)
        yield from _duration(operation, "limit", "timeout")
        if operation.type == "SlidingWindow":
            yield from _duration(operation, "inputs", "delay")
    for action in subject.of_type(*UNLIMITED):
        yield from _unheeded(action)
    for action in subject.of_type("Wait"):
        yield from _wait(action)


def _retry_policies(subject: Subject, operation: Operation) -> Iterator[Finding]:
    inputs = inputs_of(operation)
    subscribe = inputs.get("subscribe")
    yield from _retry_policy(subject, operation, inputs.get("retryPolicy"), "inputs")
    if isinstance(subscribe, dict):
        yield from _retry_policy(subject, operation, subscribe.get("retryPolicy"), "inputs", "subscribe")


def _retry_policy(subject: Subject, operation: Operation, stated: object, *where: str) -> Iterator[Finding]:
    if stated is None or is_dynamic(stated):
        return
    literal = stated
    if isinstance(stated, dict):
        if is_dynamic(stated.get("type")):
            return
        literal = {name: value for name, value in stated.items() if not is_dynamic(value)}
    try:
        retry.parse(literal, subject.limits.retry_attempts, stateless=subject.definition.stateless)
    except retry.InvalidRetryPolicy as wrong:
        members = [wrong.member] if wrong.member else []
        pointer = pointer_to(operation.pointer, *where, "retryPolicy", *members)
        yield error("InvalidRetryPolicy", pointer, f"{wrong.message.removesuffix('.')} (in '{operation.name}').")


def _duration(operation: Operation, *path: str) -> Iterator[Finding]:
    """Answer what is wrong with a duration; one that is not there or null is none, and an empty one, but for a loop."""
    around = operation.raw.get(path[0])
    stated = around.get(path[1]) if isinstance(around, dict) else None
    if stated is None or (stated == "" and operation.type != "Until") or is_dynamic(stated):
        return
    try:
        retry.duration(stated, path[1])
    except retry.InvalidRetryPolicy as wrong:
        text = f"{wrong.message.removesuffix('.')} (in '{operation.name}')."
        yield error("InvalidDuration", pointer_to(operation.pointer, *path), text)


def _unheeded(action: Action) -> Iterator[Finding]:
    limit = action.raw.get("limit")
    if isinstance(limit, dict) and limit.get("timeout"):
        text = f"The time limit of '{action.name}' is not heeded: the type {action.type} has none."
        yield warning("UnusedLimit", pointer_to(action.pointer, "limit", "timeout"), text)


def _wait(action: Action) -> Iterator[Finding]:
    inputs = inputs_of(action)
    interval, until = inputs.get("interval"), inputs.get("until")
    if "interval" in inputs and "until" in inputs:
        return  # for `shapes`: only one of them may be there
    if isinstance(interval, dict):
        yield from _interval(action, interval)
    stated = until.get("timestamp") if isinstance(until, dict) else None
    if until is not None and not is_dynamic(until) and not is_dynamic(stated) and not _is_moment(stated):
        text = f"The action '{action.name}' waits until {stated!r}; 'until' holds a 'timestamp' such as"
        yield error("InvalidWait", pointer_to(action.pointer, "inputs", "until"), f"{text} '2026-05-01T08:00:00Z'.")


def _interval(action: Action, interval: Mapping[str, object]) -> Iterator[Finding]:
    count, unit = interval.get("count"), interval.get("unit")
    pointer = pointer_to(action.pointer, "inputs", "interval")
    number = whole(count)
    if not is_dynamic(count) and (number is None or number < 0):
        text = f"The action '{action.name}' waits for {count!r} units; 'count' is an integer from 0."
        yield error("InvalidWait", pointer_to(pointer, "count"), text)
    if not is_dynamic(unit) and str(unit).strip().casefold().removesuffix("s") not in _UNITS:
        text = f"The action '{action.name}' waits for a number of {unit!r}; 'unit' is one of Second, Minute, Hour,"
        yield error("InvalidWait", pointer_to(pointer, "unit"), f"{text} Day, Week, Month.")


def _is_moment(text: object) -> bool:
    try:
        return isinstance(text, str) and bool(date_parse.parse_date(text))
    except DateTextError:
        return False
