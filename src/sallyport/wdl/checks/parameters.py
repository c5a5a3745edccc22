"""Whether the workflow's parameters have values, of the types and among the values that their declarations state.

The rule to know: text that an expression will replace, and text that stands for what only a running target could give,
may come to anything; and no finding says what a secure parameter holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sallyport.arm.values import Placeholder
from sallyport.wdl.checks.subject import Subject, error, is_dynamic, warning
from sallyport.wdl.definition import MISSING, ParameterDeclaration, pointer_to
from sallyport.wdl.findings import Finding
from sallyport.wdl.values import Json


def _is_whole(value: Json) -> bool:
    return _is_number(value) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "Array": (lambda value: isinstance(value, list), "an array"),
    "Bool": (lambda value: isinstance(value, bool), "true or false"),
    "Float": (_is_number, "a number"),
    "Int": (_is_whole, "a whole number"),
    "Object": (lambda value: isinstance(value, dict), "an object"),
    "SecureObject": (lambda value: isinstance(value, dict), "an object"),
    "SecureString": (lambda value: isinstance(value, str), "a text"),
    "String": (lambda value: isinstance(value, str), "a text"),
}


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with the values of parameters."""
    supplied = subject.supplied
    given = {name.casefold(): value for name, value in (supplied or {}).items()}
    for name, declaration in subject.definition.parameters.items():
        pointer = pointer_to("/parameters", name)
        if declaration.default is not MISSING:
            yield from _value(declaration, declaration.default, "default value", pointer_to(pointer, "defaultValue"))
        elif supplied is not None and name.casefold() not in given:
            text = f"The workflow parameter '{name}' has neither a value nor a default."
            yield warning("MissingParameter", pointer, text)
        if name.casefold() in given:
            yield from _value(declaration, given[name.casefold()], "value", pointer)


def _value(declaration: ParameterDeclaration, value: Json, what: str, pointer: str) -> Iterator[Finding]:
    if value is None or is_dynamic(value) or isinstance(value, Placeholder):
        return
    fits, meant = _TYPES[declaration.type]
    allowed = declaration.allowed_values
    if not fits(value):
        text = f"The {what} of the parameter '{declaration.name}' ({declaration.type}) must be {meant}."
        yield error("InvalidParameterValue", pointer, text)
    elif allowed is not None and value not in allowed:
        text = f"The {what} of the parameter '{declaration.name}' is none of its allowedValues"
        listed = "" if declaration.secure else f": {', '.join(map(str, allowed))}"
        yield error("InvalidParameterValue", pointer, f"{text}{listed}.")
