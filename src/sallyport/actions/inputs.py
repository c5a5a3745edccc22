"""Reads members of an action's evaluated inputs, and says in a sentence what is missing or of the wrong type.

The rule: an action never trusts its inputs. An expression may have put anything anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport.errors import BadRequest
from sallyport.wdl import values


class InvalidInputs(BadRequest):
    """Raised when an action's inputs lack a member, or hold one of the wrong type."""


def member(inputs: Any, path: str) -> Any:
    """Answer a member by its path, such as `host/connection/name`; None where there is none."""
    found = inputs
    for key in path.split("/"):
        stored = values.find_key(found, key) if isinstance(found, dict) else None
        found = None if stored is None else found[stored]
    return found


def required(inputs: Any, path: str) -> Any:
    """Answer a member that must be there; null counts as missing."""
    found = member(inputs, path)
    if found is None:
        raise InvalidInputs(f"The inputs have no '{path}', or it is null.")
    return found


def text(inputs: Any, path: str, default: str | None = None) -> str:
    """Answer a member as text; without a default it must be there."""
    found = member(inputs, path) if default is not None else required(inputs, path)
    if isinstance(found, dict | list):
        raise _unfit(path, "a string", found)
    return default if found is None and default is not None else values.to_text(found)


def integer(inputs: Any, path: str) -> int:
    """Answer a member that must be a whole number, or text that says one."""
    found = required(inputs, path)
    if isinstance(found, str) and found.strip().lstrip("-").isdigit() and len(found) < 20:
        return int(found)
    if isinstance(found, int) and not isinstance(found, bool):
        return found
    if isinstance(found, float) and found.is_integer():
        return int(found)
    raise _unfit(path, "an integer", found)


def items(inputs: Any, path: str) -> list[Any]:
    """Answer a member that must be an array."""
    found = member(inputs, path)
    if isinstance(found, list):
        return found
    raise _unfit(path, "an array", found)


def texts(inputs: Any, path: str) -> dict[str, str]:
    """Answer a member that is an object of texts, such as headers; its null members are left out."""
    return {name: plain(value) for name, value in entries(inputs, path).items() if value is not None}


def entries(inputs: Any, path: str) -> dict[str, Any]:
    """Answer a member that must be an object, such as queries; an empty one where there is none."""
    found = member(inputs, path)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise _unfit(path, "an object", found)
    return {str(name): value for name, value in found.items()}


def plain(value: Any) -> str:
    """Answer a value as a header or a query carries it: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else values.dumps(value)


def _unfit(path: str, expectation: str, found: Any) -> InvalidInputs:
    return InvalidInputs(f"The inputs' '{path}' must be {expectation}; it is of type '{values.type_name(found)}'.")
