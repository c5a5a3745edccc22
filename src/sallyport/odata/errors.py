"""The errors of this language: a query that cannot be read, with the place where it stops making sense, or answered.

A query that cannot be read never selects anything: there is no repair and no silent "all".
"""

from __future__ import annotations

from sallyport.errors import SallyportError

#: How much text a caret picture shows on each side of the fault.
_WINDOW = 60


class InvalidQuery(SallyportError):
    """Raised when a query option cannot be read, or names what the resource does not have."""

    code = "BadRequest"
    status = 400

    def __init__(self, text: str, column: int, reason: str, clause: str = "filter") -> None:
        #: The option's text as it was read, decoded.
        self.text = text
        #: Where the fault is, counted in characters from 1.
        self.column = column
        #: What is wrong, as a clause without a full stop.
        self.reason = reason
        #: The query option, without its dollar sign.
        self.clause = clause
        super().__init__(f"Invalid {clause} clause: {reason} (column {column})")

    def caret(self) -> str:
        """Answer two lines: the text around the fault, and a caret under it."""
        at = min(max(self.column - 1, 0), len(self.text))
        start, end = max(0, at - _WINDOW), min(len(self.text), at + _WINDOW)
        shown = "".join(" " if character.isspace() else character for character in self.text[start:end])
        return f"{shown}\n{' ' * (at - start)}^"


class TooManySteps(SallyportError):
    """Raised when a filter would look at more of a resource than one question may, by lambdas inside one another."""

    code = "BadRequest"
    status = 400

    def __init__(self, steps: int) -> None:
        self.steps = steps
        super().__init__(f"Invalid filter clause: it takes more than {steps} steps over one resource")
