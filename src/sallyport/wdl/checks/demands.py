"""Whether actions and triggers that can be run say what they cannot do without.

The rule to know: a member counts as there whatever it holds, in any letter case; inputs that are one expression are
left for the run. All of this is required in the manifests too, which a test compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sallyport.wdl.checks.subject import Subject, error, is_dynamic, meant, warning
from sallyport.wdl.definition import Action, Operation, Trigger, pointer_to
from sallyport.wdl.findings import Finding

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "ApiConnection": ("host", "method", "path"),
    "ApiConnectionWebhook": ("host", "path"),
    "AppendToArrayVariable": ("value",),
    "AppendToStringVariable": ("value",),
    "Http": ("method", "uri"),
    "InitializeVariable": ("variables",),
    "Join": ("from",),
    "ParseJson": ("content",),
    "Query": ("from", "where"),
    "Response": ("statusCode",),
    "Select": ("from",),
    "SendToBatch": ("host", "batchName", "content"),
    "SetVariable": ("value",),
    "Table": ("from", "format"),
    "Terminate": ("runStatus",),
    "Workflow": ("host",),
}
TRIGGERS: Mapping[str, tuple[str, ...]] = {
    "ApiConnection": ("host", "path"),
    "ApiConnectionWebhook": ("host", "path"),
    "Http": ("uri",),
}
#: What an action of the type Expression needs, by its kind.
KINDS: Mapping[str, tuple[str, ...]] = {
    "AddToTime": ("baseTime", "interval", "timeUnit"),
    "ConvertTimeZone": ("baseTime", "sourceTimeZone", "destinationTimeZone"),
    "CurrentTime": (),
    "GetFutureTime": ("interval", "timeUnit"),
    "GetPastTime": ("interval", "timeUnit"),
    "IndexOf": ("text", "searchText"),
    "Substring": ("text", "startPosition"),
    "SubtractFromTime": ("baseTime", "interval", "timeUnit"),
}
#: What text can only be when it is an expression.
_EXPRESSIONS: Mapping[str, str] = {
    "If": "expression",
    "Until": "expression",
    "Foreach": "foreach",
    "Query": "inputs/where",
}
#: Members that have one of a few values, compared without letter case.
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("Table", "format"): ("CSV", "HTML"),
    ("Terminate", "runStatus"): ("Succeeded", "Failed", "Cancelled"),
}


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is missing from inputs."""
    for trigger in subject.definition.triggers.values():
        yield from _missing(trigger, TRIGGERS.get(trigger.type, ()))
        yield from _text(trigger, "splitOn")
        conditions = trigger.raw.get("conditions")
        for index in range(len(conditions) if isinstance(conditions, list) else 0):
            yield from _text(trigger, f"conditions/{index}/expression")
    for action in subject.definition.actions.values():
        yield from _kind(action) if action.type == "Expression" else _missing(action, ACTIONS.get(action.type, ()))
        yield from _text(action, _EXPRESSIONS.get(action.type, ""))
    for (type_name, member), choices in _CHOICES.items():
        for action in subject.of_type(type_name):
            yield from _choice(action, member, choices)


def _missing(operation: Operation, demanded: tuple[str, ...]) -> Iterator[Finding]:
    inputs = operation.raw.get("inputs")
    if is_dynamic(inputs):
        return
    there = {name.casefold() for name in inputs} if isinstance(inputs, dict) else set()
    missing = [name for name in demanded if name.casefold() not in there]
    if missing:
        what = "trigger" if isinstance(operation, Trigger) else "action"
        named = " and no ".join(f"'{name}'" for name in missing)
        text = f"The inputs of the {what} '{operation.name}' ({operation.type}) have no {named}."
        yield error("MissingProperty", pointer_to(operation.pointer, "inputs"), text)


def _kind(action: Action) -> Iterator[Finding]:
    known = {kind.casefold(): kind for kind in KINDS}
    kind = known.get((action.kind or "").casefold())
    if kind is not None:
        yield from _missing(action, KINDS[kind])
        return
    text = f"The action '{action.name}' has the kind '{action.kind or ''}'; the kinds are: {', '.join(KINDS)}."
    yield error("UnknownKind", pointer_to(action.pointer, "kind"), text + meant(action.kind or "", KINDS))


def _choice(action: Action, member: str, choices: tuple[str, ...]) -> Iterator[Finding]:
    inputs = action.raw.get("inputs")
    stated = inputs.get(member) if isinstance(inputs, dict) else None
    if stated is None or is_dynamic(stated) or str(stated).casefold() in {each.casefold() for each in choices}:
        return
    text = f"The '{member}' of the action '{action.name}' is {stated!r}; it is one of: {', '.join(choices)}."
    yield error("InvalidInputs", pointer_to(action.pointer, "inputs", member), text)


def _text(operation: Operation, path: str) -> Iterator[Finding]:
    """Answer that a member is plain text, where only an expression can be meant."""
    value: object = dict(operation.raw)
    keys = path.split("/") if path else []
    for key in keys:
        value = value[int(key)] if isinstance(value, list) else value.get(key) if isinstance(value, dict) else None
    if keys and isinstance(value, str) and not is_dynamic(value):
        text = f"The '{keys[-1]}' of '{operation.name}' is plain text, and no expression: that would begin with '@'."
        yield warning("NotAnExpression", pointer_to(operation.pointer, *keys), text)
