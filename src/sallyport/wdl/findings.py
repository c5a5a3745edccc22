"""What a static check can find in a definition, and the limits that it checks against.

The rule to know: an error means that the definition cannot be saved; a warning, that it can, but will disappoint.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
