"""Checks of arguments, and the errors for those that do not fit.

Every check names the function, what it expects and what it was given, in the pattern of the documented errors.
"""

from __future__ import annotations

from sallyport.wdl import errors, values
from sallyport.wdl.values import Json

ORDINALS = ("first", "second", "third", "fourth", "fifth")


def unfit(function: str, expectation: str, value: Json, position: int | None = None) -> errors.EvaluationError:
    """Answer the error about one argument of a wrong type; `position` counts from 1, None for the only parameter."""
    return errors.expects(function, f"{parameter(position)} to be {expectation}", values.type_name(value))


def parameter(position: int | None) -> str:
    """Answer how an error calls a parameter: 'its parameter' or 'its second parameter'."""
    if position is None:
        return "its parameter"
    name = ORDINALS[position - 1] if position <= len(ORDINALS) else f"number {position}"
    return f"its {name} parameter"


def text(function: str, value: Json, position: int | None = None) -> str:
    """Answer the argument, which must be a string."""
    if isinstance(value, str):
        return value
    raise unfit(function, "a string", value, position)


def integer(function: str, value: Json, position: int | None = None) -> int:
    """Answer the argument, which must be an integer, or a float without a fraction."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise unfit(function, "an integer", value, position)


def boolean(function: str, value: Json, position: int | None = None) -> bool:
    """Answer the argument, which must be a boolean."""
    if isinstance(value, bool):
        return value
    raise unfit(function, "a boolean", value, position)


def items(function: str, value: Json, position: int | None = None) -> list[Json]:
    """Answer the argument, which must be an array."""
    if isinstance(value, list):
        return value
    raise unfit(function, "an array", value, position)


def properties(function: str, value: Json, position: int | None = None) -> dict[str, Json]:
    """Answer the argument, which must be an object."""
    if isinstance(value, dict):
        return value
    raise unfit(function, "an object", value, position)
