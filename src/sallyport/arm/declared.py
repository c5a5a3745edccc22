"""Whether the values of a template's parameters are such as their declarations allow.

The rule to know: only what is written out is judged. What an expression gives depends on where the template is
deployed, and null stands for no value.
https://learn.microsoft.com/azure/azure-resource-manager/templates/parameters
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from sallyport.arm import values
from sallyport.arm.errors import TemplateError
from sallyport.arm.scope import Report, declarations
from sallyport.arm.values import Json


def _is_whole(value: Json) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


#: As many allowed values as a message lists.
_SHOWN = 20
_TYPES: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "array": (lambda value: isinstance(value, list), "an array"),
    "bool": (lambda value: isinstance(value, bool), "true or false"),
    "int": (_is_whole, "an integer"),
    "object": (lambda value: isinstance(value, dict), "an object"),
    "secureobject": (lambda value: isinstance(value, dict), "an object"),
    "securestring": (lambda value: isinstance(value, str), "a string"),
    "string": (lambda value: isinstance(value, str), "a string"),
}


def check(template: Mapping[str, Json], given: Mapping[str, Json], report: Report, place: str = "") -> None:
    """Report each parameter whose value, given or by default, its declaration does not allow.

    `place` is the JSON pointer of the template in the file.
    """
    named = {name.casefold(): value for name, value in given.items()}
    for name, declaration in declarations(template, "parameters").items():
        if not isinstance(declaration, dict):
            continue
        pointer = f"{place}/parameters/{values.escaped(name)}"
        kind = str(declaration.get("type", ""))
        if kind.casefold() not in _TYPES and "$ref" not in declaration:
            text = f"The template parameter '{name}' has the type '{kind}'; the types are: {', '.join(_TYPES)}."
            report.problems.append(TemplateError(text, pointer=f"{pointer}/type"))
        if name.casefold() in named:
            found = _faults(declaration, named[name.casefold()])
            what = "value"
        else:
            found = _faults(declaration, declaration.get("defaultValue"))
            what, pointer = "default value", f"{pointer}/defaultValue"
        for fault in found:
            text = f"The {what} of the template parameter '{name}' must {fault}."
            report.problems.append(TemplateError(text, pointer=pointer))


def _faults(declaration: Mapping[str, Json], value: Json) -> Iterator[str]:
    """Answer what a value must do and does not."""
    kind = str(declaration.get("type", "")).casefold()
    if value is None or kind not in _TYPES or not _is_literal(value):
        return
    fits, meant = _TYPES[kind]
    if not fits(value):
        yield f"be {meant}"
        return
    allowed = declaration.get("allowedValues")
    if isinstance(allowed, list) and not _is_among(value, allowed):
        listed = ", ".join(values.to_text(each)[:80] for each in allowed[:_SHOWN])
        yield "be one of its allowedValues" + ("" if kind.startswith("secure") else f": {listed}")
    if isinstance(value, int | float) and kind == "int":
        yield from _bounds(declaration, value, "Value", "be")
    elif isinstance(value, str | list):
        yield from _bounds(declaration, len(value), "Length", "have a length of")


def _bounds(declaration: Mapping[str, Json], number: float, of: str, verb: str) -> Iterator[str]:
    least, most = declaration.get(f"min{of}"), declaration.get(f"max{of}")
    if isinstance(least, int) and not isinstance(least, bool) and number < least:
        yield f"{verb} at least {least}"
    if isinstance(most, int) and not isinstance(most, bool) and number > most:
        yield f"{verb} at most {most}"


def _is_among(value: Json, allowed: list[Json]) -> bool:
    """Answer whether a value is allowed: in any letter case, and an array also when all its items are."""
    marks = set(map(_mark, allowed))
    return _mark(value) in marks or (isinstance(value, list) and all(_mark(each) in marks for each in value))


def _mark(value: Json) -> str:
    return f"{values.type_name(value)}:{values.to_text(value)}".casefold()


def _is_literal(value: Json) -> bool:
    if isinstance(value, str):
        return not (isinstance(value, values.Placeholder) or (value.startswith("[") and value.endswith("]")))
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return all(map(_is_literal, inner))
