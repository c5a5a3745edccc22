"""The values of ARM expressions, and how much of them a template may build.

The rule to know: results are charged before they are built, so that a few lines of template cannot fill the memory.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from sallyport.arm.errors import OverBudgetError, TemplateError

Json: TypeAlias = "bool | int | float | Decimal | str | list[Json] | dict[str, Json] | None"

#: The longest string: ARM's own limit for a whole template (4 MB).
LONGEST_STRING = 4 * 1024 * 1024
#: The most members of one array or object.
MOST_ITEMS = 100_000
#: The characters and members that evaluating one file may build and look at.
MOST_IN_ALL = 32 * 1024 * 1024

#: To look at a member costs as much as to copy so many characters, or more.
COST_OF_A_MEMBER = 32


class Placeholder(str):
    """Text that stands for a value which only a running target could give; its properties are placeholders too."""

    __slots__ = ()

    def member(self, key: str) -> Placeholder:
        """Answer what stands for a property of the unknown value."""
        return Placeholder(f"{self}{'/' if '#' in self else '#'}{key}")


class Meter:
    """Counts what evaluating one file has built and looked at."""

    def __init__(self) -> None:
        self._built = 0

    def charge(self, amount: int) -> None:
        """Count characters or members; raises OverBudgetError."""
        self._built += amount
        if self._built > MOST_IN_ALL:
            raise OverBudgetError("Evaluating the template builds, or looks at, more than 32 MB.")


def work(value: Json) -> int:
    """Answer what it costs to compare a value or to write it out; raises OverBudgetError."""
    return weight(value, member=COST_OF_A_MEMBER)


def weight(value: Json, member: int = 1) -> int:
    """Answer how many characters and members a value has when it is written out; raises OverBudgetError."""
    total = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        total += member
        if isinstance(each, str):
            total += len(each)
        elif isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, dict):
            total += sum(map(len, each))
            waiting.extend(each.values())
        if total > MOST_IN_ALL:
            raise OverBudgetError("A value of the template is larger than 32 MB.")
    return total


def whole(text: str) -> str:
    """Answer a text with halves of surrogate pairs, which a file may write as escapes, joined or replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def demand_length(characters: int) -> None:
    """Raise OverBudgetError when a string of so many characters is too long."""
    if characters > LONGEST_STRING:
        raise OverBudgetError("A string of the template is longer than 4 MB.")


def demand_items(count: int) -> None:
    """Raise OverBudgetError when an array or object of so many members is too large."""
    if count > MOST_ITEMS:
        raise OverBudgetError(f"An array or object of the template has more than {MOST_ITEMS} members.")


def type_name(value: Json) -> str:
    """Answer what a message calls a value's type."""
    if value is None:
        return "null"
    names = {bool: "bool", int: "int", float: "float", list: "array", dict: "object"}
    return names.get(type(value), "string")


def to_text(value: Json) -> str:
    """Answer a value as `string()` and `concat()` write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, (list, dict)):
        demand_length(weight(value))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def equal(left: Json, right: Json) -> bool:
    """Answer whether two values are the same: strings by case, numbers by value, true never a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(value, right[key]) for key, value in left.items())
    return left == right


def text(value: Json, function: str) -> str:
    """Answer a value that must be a string."""
    if not isinstance(value, str):
        raise TemplateError(f"The function '{function}' expects a string, not {type_name(value)}.")
    return value


def integer(value: Json, function: str) -> int:
    """Answer a value that must be an integer."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TemplateError(f"The function '{function}' expects an integer, not {type_name(value)}.")
    return value


def array(value: Json, function: str) -> list[Json]:
    """Answer a value that must be an array."""
    if not isinstance(value, list):
        raise TemplateError(f"The function '{function}' expects an array, not {type_name(value)}.")
    return value


def texts(values: Sequence[Json], function: str) -> list[str]:
    """Answer values that must all be strings."""
    return [text(value, function) for value in values]


def escaped(key: str) -> str:
    """Answer a property's name as a JSON pointer has it."""
    return key.replace("~", "~0").replace("/", "~1")
