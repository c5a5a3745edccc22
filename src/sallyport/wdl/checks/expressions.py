"""Whether every expression can be read, calls functions that exist, and refers to what exists and has run before.

The rule to know: the names that an expression computes are not checked, only those that it spells out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sallyport.wdl.checks import variables
from sallyport.wdl.checks.reach import Reach
from sallyport.wdl.checks.subject import Subject, error, meant, warning
from sallyport.wdl.checks.variables import Declaration
from sallyport.wdl.definition import Action, Operation, Output, pointer_to
from sallyport.wdl.errors import ExpressionError, caret
from sallyport.wdl.findings import Finding
from sallyport.wdl.functions import FUNCTIONS
from sallyport.wdl.template import FaultyCall, Reference, Template

#: What of an operation is not a template: structure, blocks (checked as actions of their own) and texts.
_NOT_TEMPLATES = frozenset(
    {
        *("type", "kind", "description", "metadata", "operationoptions", "runafter", "actions", "else", "cases"),
        *("default", "tools", "transitions", "channels", "evaluatedrecurrence"),
    }
)
#: Actions whose inputs are evaluated for each item, so that `item()` has a meaning without a loop.
_PER_ITEM = frozenset({"Query", "Select", "Table"})
_CONTAINERS = frozenset({"Scope", "Foreach", "Until", "If", "Switch"})


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with expressions."""
    checker = _Checker(subject, Reach(subject), variables.declared(subject))
    for operation in (*subject.definition.triggers.values(), *subject.definition.actions.values()):
        for key in operation.raw:
            if key.casefold() not in _NOT_TEMPLATES:
                yield from checker.property(operation, key)
    for output in subject.definition.outputs.values():
        yield from checker.output(output)


@dataclass(slots=True)
class _Checker:
    subject: Subject
    reach: Reach
    variables: Mapping[str, Declaration]

    @property
    def declared_elsewhere(self) -> bool:
        """Whether the parameters may be in a file beside the definition, as those of Standard workflows are."""
        definition = self.subject.definition
        return definition.kind is not None or not definition.parameters.keys() - {"$connections"}

    def property(self, operation: Operation, key: str) -> Iterator[Finding]:
        pointer = pointer_to(operation.pointer, key)
        try:
            template = operation.template(key)
        except ExpressionError as fault:
            yield _unreadable(fault, pointer)
            return
        yield from _faults(template, pointer)
        for reference in template.references:
            place = pointer + reference.pointer
            if reference.kind == "parameter":
                yield from self.parameter(reference, place)
            elif isinstance(operation, Action):
                yield from self.in_action(reference, place, operation, key)
            elif reference.kind in ("action", "result", "variable", "items", "iterationIndexes"):
                text = f"A trigger cannot refer to actions, variables or loops, as {_call(reference)} does."
                yield error("InvalidReference", place, text)

    def output(self, output: Output) -> Iterator[Finding]:
        pointer = pointer_to("/outputs", output.name, "value")
        try:
            template = output.value
        except ExpressionError as fault:
            yield _unreadable(fault, pointer)
            return
        yield from _faults(template, pointer)
        for reference in template.references:
            place = pointer + reference.pointer
            if reference.kind == "parameter":
                yield from self.parameter(reference, place)
            elif reference.kind in ("action", "result") and reference.name is not None:
                yield from self.existing(reference, place)
            elif reference.kind == "variable":
                yield from self.declared_variable(reference, place)

    def in_action(self, reference: Reference, place: str, action: Action, key: str) -> Iterator[Finding]:
        if reference.kind == "item":
            in_loop = any(self.subject.definition.actions[loop].type == "Foreach" for loop in action.loops)
            if not in_loop and action.type not in _PER_ITEM:
                yield error(
                    "InvalidReference",
                    place,
                    f"item() in '{action.name}' has no meaning: there is no loop around it.",
                )
        elif reference.name is None:
            return
        elif reference.kind in ("action", "result"):
            yield from self.action(reference, place, action, key)
        elif reference.kind in ("items", "iterationIndexes"):
            yield from self.loop(reference, place, action)
        elif reference.kind == "variable":
            yield from self.variable(reference, place, action)

    def existing(self, reference: Reference, place: str) -> Iterator[Finding]:
        try:
            self.subject.definition.action(reference.name or "")
        except KeyError:
            text = f"{_call(reference)} refers to an action that does not exist."
            text += meant(reference.name or "", self.subject.definition.actions)
            yield error("UnknownAction", place, text)

    def action(self, reference: Reference, place: str, action: Action, key: str) -> Iterator[Finding]:
        missing = list(self.existing(reference, place))
        if missing:
            yield from missing
            return
        other = self.subject.definition.action(reference.name or "")
        if reference.kind == "result" and other.type not in _CONTAINERS:
            text = (
                f"{_call(reference)} in '{action.name}' needs a scope, and '{other.name}' is of the type {other.type}."
            )
            yield error("InvalidReference", place, text)
        inside = action.type == "Until" and key in ("expression", "limit")
        obstacle = self.reach.obstacle(action, other, may_look_inside=inside)
        if obstacle is not None:
            text = f"The action '{action.name}' refers to '{other.name}', which {obstacle}."
            yield error("InvalidReference", place, text)

    def loop(self, reference: Reference, place: str, action: Action) -> Iterator[Finding]:
        around = [*action.loops, action.name] if action.type == "Until" else action.loops
        if (reference.name or "").casefold() not in {loop.casefold() for loop in around}:
            text = f"{_call(reference)} in '{action.name}' names no loop around that action."
            named = ", ".join(f"'{loop}'" for loop in around)
            yield error("InvalidReference", place, f"{text} Around it: {named}." if named else text)

    def declared_variable(self, reference: Reference, place: str) -> Iterator[Finding]:
        if reference.name is not None and reference.name.casefold() not in self.variables:
            text = f"{_call(reference)} refers to a variable that no action initialises."
            text += meant(reference.name, (each.name for each in self.variables.values()))
            yield error("UndeclaredVariable", place, text)

    def variable(self, reference: Reference, place: str, action: Action) -> Iterator[Finding]:
        yield from self.declared_variable(reference, place)
        variable = self.variables.get((reference.name or "").casefold())
        if variable is None:
            return
        obstacle = self.reach.obstacle(action, variable.action)
        if obstacle is not None:
            text = f"The action '{action.name}' uses the variable '{variable.name}' before it surely has a value:"
            yield warning("UninitialisedVariable", place, f"{text} '{variable.action.name}' {obstacle}.")

    def parameter(self, reference: Reference, place: str) -> Iterator[Finding]:
        if reference.name is None:
            return
        declared = {name.casefold() for name in (*self.subject.definition.parameters, *(self.subject.supplied or ()))}
        if reference.name.casefold() not in declared:
            text = f"{_call(reference)} refers to a workflow parameter that is not declared."
            text += meant(reference.name, self.subject.definition.parameters)
            is_placeholder = "#workflowname#" in reference.name  # what template galleries put a name in place of
            kind = warning if self.declared_elsewhere or is_placeholder else error
            yield kind("UndeclaredParameter", place, text)


def _faults(template: Template, pointer: str) -> Iterator[Finding]:
    for fault in template.unknown_functions:
        names = (each.name for each in FUNCTIONS.values())
        text = f"The function '{fault.function}' does not exist{_place(fault)}."
        text += meant(fault.function, names)
        yield error("UnknownFunction", pointer + fault.pointer, text, _excerpt(fault))
    for fault in template.misused_functions:
        text = f"{fault.message.rstrip('.')}{_place(fault)}."
        yield error("InvalidCall", pointer + fault.pointer, text, _excerpt(fault))


def _unreadable(fault: ExpressionError, pointer: str) -> Finding:
    return error("InvalidExpression", pointer + fault.pointer, fault.message, fault.caret())


def _place(fault: FaultyCall) -> str:
    return f" (column {fault.column} of the expression)" if fault.expression else ""


def _excerpt(fault: FaultyCall) -> str:
    return caret(fault.expression, fault.column) if fault.expression else ""


def _call(reference: Reference) -> str:
    return f"{reference.function}({'' if reference.name is None else repr(reference.name)})"
