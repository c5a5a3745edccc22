"""The variables of one run, rebuilt after a crash by applying the recorded changes again in their order.

The rule: a change is recorded as an operation, not as the new value, so that a loop of ten thousand appends costs ten
thousand small entries.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sallyport.errors import BadRequest
from sallyport.wdl import values


class VariableError(BadRequest):
    """Raised when a variable does not exist, exists already, or does not take the value."""

    code = "InvalidTemplate"


_DEFAULTS: dict[str, Any] = {"array": [], "string": "", "object": {}, "boolean": False, "integer": 0, "float": 0.0}

_ACCEPTS: dict[str, Callable[[Any], bool]] = {
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "object": lambda value: isinstance(value, dict),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


class Variables:
    """Names, types and values; names are compared without regard to case, as the language's references are."""

    __slots__ = ("_owned", "_types", "_values")

    def __init__(self) -> None:
        self._types: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        #: Arrays that nobody else holds: appending need not copy them.
        self._owned: set[str] = set()

    def get(self, name: str) -> Any:
        """Answer a variable's value.

        Raises VariableError when it was not initialised.
        """
        folded = self._folded(name)
        self._owned.discard(folded)
        return self._values[folded]

    def type(self, name: str) -> str:
        """Answer a variable's type, in lower case."""
        return self._types[self._folded(name)]

    def known(self, name: str) -> bool:
        """Answer whether a variable was initialised."""
        return name.casefold() in self._values

    def declare(self, name: str, type_name: str, value: Any) -> None:
        """Initialise a variable; a null value means its type's empty one."""
        folded = name.casefold()
        if folded in self._values:
            raise VariableError(f"The variable '{name}' is initialized already.")
        type_name = type_name.casefold()
        if type_name not in _ACCEPTS:
            raise VariableError(f"The variable '{name}' has the unknown type '{type_name}'.")
        self._types[folded] = type_name
        self._values[folded] = self._checked(name, type_name, value) if value is not None else _empty(type_name)

    def set(self, name: str, value: Any) -> None:
        """Give a variable another value of its type."""
        folded = self._folded(name)
        self._values[folded] = self._checked(name, self._types[folded], value)
        self._owned.discard(folded)

    def append(self, name: str, value: Any) -> None:
        """Add an item to an array, or text to a string."""
        folded = self._folded(name)
        current = self._values[folded]
        if self._types[folded] == "array":
            if folded not in self._owned:
                self._values[folded] = list(current or ())
                self._owned.add(folded)
            self._values[folded].append(value)
        elif self._types[folded] == "string":
            self._values[folded] = (current or "") + values.to_text(value)
        else:
            raise VariableError(f"The variable '{name}' of type '{self._types[folded]}' cannot be appended to.")

    def apply(self, operation: str, name: str, value: Any) -> None:
        """Make a recorded change again."""
        if operation == "declare":
            self.declare(name, value["type"], value["value"])
        elif operation == "append":
            self.append(name, value)
        else:
            self.set(name, value)

    def _folded(self, name: str) -> str:
        folded = name.casefold()
        if folded not in self._values:
            raise VariableError(
                f"The variable '{name}' is not initialized: an InitializeVariable action must run first."
            )
        return folded

    def _checked(self, name: str, type_name: str, value: Any) -> Any:
        value = _converted(type_name, value)
        if not _ACCEPTS[type_name](value):
            raise VariableError(
                f"The variable '{name}' of type '{type_name}' cannot take a value of type '{values.type_name(value)}'."
            )
        return value


def _empty(type_name: str) -> Any:
    default = _DEFAULTS[type_name]
    return default.copy() if isinstance(default, list | dict) else default


def _converted(type_name: str, value: Any) -> Any:
    """Answer a value as the type takes it: text that holds a number, a whole float, any value as text."""
    if type_name == "string" and value is not None and not isinstance(value, str):
        return values.to_text(value)
    if type_name == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if type_name in ("integer", "float") and isinstance(value, str):
        try:
            return int(value) if type_name == "integer" else float(value)
        except ValueError:
            return value
    if type_name == "boolean" and isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    return value
