"""Whether a definition is within the limits of the service.

Deviation: too many actions are only a warning, because public size tests exceed the limit and run all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from sallyport.wdl.checks.subject import Subject, error, warning
from sallyport.wdl.definition import Action, Definition, Operation, pointer_to
from sallyport.wdl.findings import Finding


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is over a limit."""
    definition, limits = subject.definition, subject.limits
    if len(definition.actions) > limits.actions:
        text = f"The workflow has {len(definition.actions)} actions; the service allows {limits.actions}."
        yield warning("TooManyActions", "/actions", text)
    counts = (
        ("/triggers", "triggers", len(definition.triggers), limits.triggers),
        ("/parameters", "parameters", len(definition.parameters), limits.parameters),
        ("/outputs", "outputs", len(definition.outputs), limits.outputs),
        ("/actions", "variables", _variables(subject), limits.variables),
    )
    for pointer, what, count, most in counts:
        if count > most:
            yield error("LimitExceeded", pointer, f"The workflow has {count} {what}, and at most {most} are allowed.")
    yield from _length("The description of the workflow", definition.raw, "", limits.description_characters)
    for operation in (*definition.triggers.values(), *definition.actions.values()):
        yield from _operation(subject, operation)
    yield from _depths(subject, definition)


def _variables(subject: Subject) -> int:
    lists = (action.raw.get("inputs") for action in subject.of_type("InitializeVariable"))
    listed = (inputs.get("variables") for inputs in lists if isinstance(inputs, dict))
    return sum(len(variables) for variables in listed if isinstance(variables, list))


def _operation(subject: Subject, operation: Operation) -> Iterator[Finding]:
    limits = subject.limits
    if len(operation.name) > limits.name_characters:
        text = f"The name '{operation.name[:40]}...' has {len(operation.name)} characters;"
        yield error("LimitExceeded", operation.pointer, f"{text} {limits.name_characters} are allowed.")
    what = f"The description of '{operation.name}'"
    yield from _length(what, operation.raw, operation.pointer, limits.description_characters)
    tracked = operation.raw.get("trackedProperties")
    if tracked is not None:
        count = len(json.dumps(tracked, separators=(",", ":"), ensure_ascii=False, default=str))
        if count > limits.tracked_properties_characters:
            text = f"The trackedProperties of '{operation.name}' have {count} characters;"
            pointer = pointer_to(operation.pointer, "trackedProperties")
            yield error("LimitExceeded", pointer, f"{text} {limits.tracked_properties_characters} are allowed.")
    if isinstance(operation, Action) and operation.type == "Switch":
        count = len(operation.blocks) - 1
        if count > limits.switch_cases:
            text = f"The switch '{operation.name}' has {count} cases; {limits.switch_cases} are allowed."
            yield error("LimitExceeded", pointer_to(operation.pointer, "cases"), text)


def _length(what: str, raw: Mapping[str, object], pointer: str, most: int) -> Iterator[Finding]:
    text = raw.get("description")
    if isinstance(text, str) and len(text) > most:
        message = f"{what} has {len(text)} characters; {most} are allowed."
        yield warning("LimitExceeded", pointer_to(pointer, "description"), message)


def _depths(subject: Subject, definition: Definition) -> Iterator[Finding]:
    most = subject.limits.nesting
    depths: dict[str, int] = {}
    for action in definition.actions.values():
        depth, above = 1, action
        chain = []
        while above.parent is not None:
            if above.parent in depths:
                depth += depths[above.parent]
                break
            chain.append(above.parent)
            above = definition.actions[above.parent]
            depth += 1
        depths[action.name] = depth
        if depth == most + 1 and action.blocks:
            text = f"The action '{action.name}' is nested {depth} deep; {most} levels are allowed."
            yield error("LimitExceeded", action.pointer, text)
