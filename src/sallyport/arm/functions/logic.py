"""Logical, comparison and conversion functions. (`if` is in the evaluator, because it is lazy.)

https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-logical
"""

from __future__ import annotations

from collections.abc import Sequence

from sallyport.arm import values
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import function
from sallyport.arm.values import Json


def _condition(value: Json, name: str) -> bool:
    if not isinstance(value, bool):
        raise TemplateError(f"The function '{name}' expects a bool, not {values.type_name(value)}.")
    return value


def _conditions(listed: Sequence[Json], name: str) -> list[bool]:
    return [_condition(value, name) for value in listed]


@function("and")
def all_of(first: Json, second: Json, *more: Json) -> bool:
    """Tell whether all are true."""
    return _conditions((first, second, *more), "and").count(False) == 0


@function("or")
def any_of(first: Json, second: Json, *more: Json) -> bool:
    """Tell whether one is true."""
    return _conditions((first, second, *more), "or").count(True) > 0


@function("not")
def negation(value: Json) -> bool:
    """Tell the opposite."""
    return not _condition(value, "not")


@function("true")
def true() -> bool:
    """Answer true."""
    return True


@function("false")
def false() -> bool:
    """Answer false."""
    return False


@function("null")
def null() -> None:
    """Answer null."""


@function("coalesce")
def coalesce(first: Json, *more: Json) -> Json:
    """Take the first that is not null."""
    return next((value for value in (first, *more) if value is not None), None)


@function("equals", looks_deep=True)
def equals(left: Json, right: Json) -> bool:
    """Tell whether two values are the same, text by case."""
    return values.equal(left, right)


def _order(left: Json, right: Json, name: str) -> int:
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    if any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in (left, right)):
        kinds = f"{values.type_name(left)} with {values.type_name(right)}"
        raise TemplateError(f"The function '{name}' cannot compare {kinds}.")
    return (left > right) - (left < right)  # type: ignore[operator]  # both are numbers here


@function("less")
def less(left: Json, right: Json) -> bool:
    """Tell whether the first is smaller."""
    return _order(left, right, "less") < 0


@function("lessOrEquals")
def less_or_equals(left: Json, right: Json) -> bool:
    """Tell whether the first is not larger."""
    return _order(left, right, "lessOrEquals") <= 0


@function("greater")
def greater(left: Json, right: Json) -> bool:
    """Tell whether the first is larger."""
    return _order(left, right, "greater") > 0


@function("greaterOrEquals")
def greater_or_equals(left: Json, right: Json) -> bool:
    """Tell whether the first is not smaller."""
    return _order(left, right, "greaterOrEquals") >= 0


@function("bool")
def to_bool(value: Json) -> bool:
    """Make a bool of text or a number."""
    if isinstance(value, (bool, int)):
        return bool(value)
    text = values.text(value, "bool").strip().casefold()
    if text not in ("true", "false", "1", "0"):
        raise TemplateError("The argument of 'bool' is neither true nor false.")
    return text in ("true", "1")
