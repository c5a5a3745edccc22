"""Whether variables are declared once, with a type, before they are used, and used as their type allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sallyport.wdl.checks.subject import Subject, error, inputs_of, is_dynamic, warning
from sallyport.wdl.definition import Action, pointer_to
from sallyport.wdl.findings import Finding

TYPES = ("Array", "Boolean", "Float", "Integer", "Object", "String")

#: The types of variables that an action can change.
_CHANGES: Mapping[str, tuple[str, ...]] = {
    "SetVariable": TYPES,
    "IncrementVariable": ("Integer", "Float"),
    "DecrementVariable": ("Integer", "Float"),
    "AppendToStringVariable": ("String",),
    "AppendToArrayVariable": ("Array",),
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A variable that an action initialises."""

    name: str
    type: str
    action: Action
    pointer: str


def declared(subject: Subject) -> dict[str, Declaration]:
    """Answer the variables of a definition by casefolded name, the first declaration of each."""
    found: dict[str, Declaration] = {}
    for each in _declarations(subject):
        found.setdefault(each.name.casefold(), each)
    return found


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with declarations, and with actions that change variables."""
    first = declared(subject)
    types = {each.casefold(): each for each in TYPES}
    for each in _declarations(subject):
        if first[each.name.casefold()].pointer != each.pointer:
            text = f"The variable '{each.name}' is initialised more than once."
            yield error("DuplicateVariable", each.pointer, text)
        if each.type.casefold() not in types and not is_dynamic(each.type):
            text = f"The variable '{each.name}' has the type '{each.type}'; the types are: {', '.join(TYPES)}."
            yield error("InvalidVariable", each.pointer, text)
    for action in subject.of_type(*_CHANGES):
        yield from _change(action, first, types)


def _declarations(subject: Subject) -> Iterator[Declaration]:
    for action in subject.of_type("InitializeVariable"):
        listed = inputs_of(action).get("variables")
        for i, each in enumerate(listed if isinstance(listed, list) else ()):
            name = each.get("name") if isinstance(each, dict) else None
            if isinstance(each, dict) and isinstance(name, str):
                pointer = pointer_to(action.pointer, "inputs", "variables", i)
                yield Declaration(name, str(each.get("type", "")), action, pointer)


def _change(action: Action, first: Mapping[str, Declaration], types: Mapping[str, str]) -> Iterator[Finding]:
    if is_dynamic(action.raw.get("inputs")):
        return
    name = inputs_of(action).get("name")
    pointer = pointer_to(action.pointer, "inputs", "name")
    if not isinstance(name, str) or not name:
        yield error("MissingProperty", action.pointer, f"The action '{action.name}' names no variable.")
        return
    if is_dynamic(name):
        return
    variable = first.get(name.casefold())
    if variable is None:
        text = f"The action '{action.name}' changes the variable '{name}', which no action initialises."
        yield error("UndeclaredVariable", pointer, text)
        return
    of_type = types.get(variable.type.casefold())
    if of_type is not None and of_type not in _CHANGES[action.type]:
        text = f"The action '{action.name}' ({action.type}) cannot change the variable '{name}' of the type {of_type}."
        yield error("InvalidVariable", pointer, text)
    if (
        action.type == "SetVariable"
        and f"variables('{name.casefold()}')" in str(inputs_of(action).get("value")).casefold()
    ):
        text = f"The action '{action.name}' sets the variable '{name}' from itself, which Azure refuses."
        yield warning("SelfReference", pointer_to(action.pointer, "inputs", "value"), text)
