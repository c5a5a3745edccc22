"""What a static check can find in a definition, and the limits that it checks against.

The rule to know: an error means that the definition cannot be saved; a warning, that it can, but will disappoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from sallyport.wdl.values import Json

#: The index of an item has fewer digits; a pointer may have more than Python reads as a number.
_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found, with the place and a sentence about it."""

    severity: Literal["error", "warning"]
    code: str
    #: JSON pointer, from the root of the definition (or of the file, where a template could not be evaluated).
    pointer: str
    message: str
    #: The expression that is at fault with a caret under the place, as two lines; empty where there is none.
    excerpt: str = ""

    def within(self, document: Mapping[str, Json]) -> Finding:
        """Answer the finding with a pointer that exists in a document: to what something is missing from."""
        pointer = existing(self.pointer, document)
        return self if pointer == self.pointer else replace(self, pointer=pointer)


def existing(pointer: str, document: Mapping[str, Json]) -> str:
    """Answer as much of a JSON pointer as leads somewhere in a document."""
    value: Json = dict(document)
    found = ""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and len(key) < _DIGITS and int(key) < len(value):
            value = value[int(key)]
        else:
            break
        found += f"/{part}"
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of the Consumption plan, each adjustable.

    How long an expression may be is in `budget.Budget`.
    https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-config
    """

    actions: int = 500
    nesting: int = 8
    triggers: int = 10
    switch_cases: int = 25
    variables: int = 250
    tracked_properties_characters: int = 16_000
    name_characters: int = 80
    description_characters: int = 256
    parameters: int = 50
    outputs: int = 10
    until_iterations: int = 5_000
    foreach_concurrency: int = 50
    retry_attempts: int = 90
