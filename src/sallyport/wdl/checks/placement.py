"""Whether actions stand where they may: variables initialised at the root, no Terminate and no Response in a loop."""

from __future__ import annotations

from collections.abc import Iterator

from sallyport.wdl.checks.subject import Subject, error, inputs_of, warning
from sallyport.wdl.definition import pointer_to
from sallyport.wdl.findings import Finding

#: Triggers that somebody calls, and may wait for an answer.
_CALLABLE = frozenset({"Request", "HttpWebhook", "ApiConnectionWebhook"})


def check(subject: Subject) -> Iterator[Finding]:
    """Answer which actions stand where they may not."""
    yield from _names(subject)
    for action in subject.of_type("InitializeVariable"):
        if action.parent is not None:
            text = f"The action '{action.name}' initialises a variable, which is allowed only at the root."
            yield error("InvalidPlacement", action.pointer, text)
    for action in subject.of_type("Terminate"):
        if action.loops:
            text = f"The action '{action.name}' ends the run, not allowed inside the loop '{action.loops[-1]}'."
            yield error("InvalidPlacement", action.pointer, text)
        inputs = inputs_of(action)
        if "runError" in inputs and str(inputs.get("runStatus")).casefold() in ("succeeded", "cancelled"):
            text = f"The runError of '{action.name}' is used only with the runStatus Failed."
            yield warning("UnusedRunError", pointer_to(action.pointer, "inputs", "runError"), text)
    yield from _responses(subject)


def _names(subject: Subject) -> Iterator[Finding]:
    spelled: dict[str, str] = {}
    for name, action in subject.definition.actions.items():
        other = spelled.setdefault(name.casefold(), name)
        if other != name:
            text = f"The actions '{other}' and '{name}' differ only in letter case; names are compared without it."
            yield error("DuplicateName", action.pointer, text)


def _responses(subject: Subject) -> Iterator[Finding]:
    triggers = list(subject.definition.triggers.values())
    for action in subject.of_type("Response"):
        if action.loops:
            text = f"The action '{action.name}' answers the caller, not allowed inside the loop '{action.loops[-1]}'."
            yield error("InvalidPlacement", action.pointer, text)
        for trigger in triggers:
            if trigger.raw.get("splitOn") is not None:
                text = (
                    f"The caller will not get the answer of '{action.name}': the trigger '{trigger.name}' uses splitOn."
                )
                yield warning("ResponseWithSplitOn", action.pointer, text)
        if triggers and not any(trigger.type in _CALLABLE for trigger in triggers):
            text = f"The action '{action.name}' answers nobody: no trigger of the workflow is a request."
            yield warning("ResponseWithoutRequest", action.pointer, text)
