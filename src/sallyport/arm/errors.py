"""What can be wrong with an ARM template.

The rule to know: a message never contains a value, because any value may have come from a `securestring` parameter.
"""

from __future__ import annotations

from sallyport.errors import BadRequest


class TemplateError(BadRequest):
    """Raised when an expression of a template cannot be evaluated; `pointer` (JSON pointer in the file) says where."""

    code = "InvalidTemplate"

    def __init__(self, message: str, *, pointer: str = "", column: int | None = None) -> None:
        super().__init__(message)
        self.pointer = pointer
        #: 0-based column in the expression, when the error has a place in its text.
        self.column = column


class ExpressionSyntaxError(TemplateError):
    """Raised when the text between the brackets is not an expression."""


class UnknownFunctionError(TemplateError):
    """Raised when an expression calls a function that ARM templates do not have."""

    def __init__(self, name: str, *, column: int | None = None) -> None:
        super().__init__(f"The template function '{name}' is not known.", column=column)
        self.name = name


class OverBudgetError(TemplateError):
    """Raised when evaluating a template would build more than a template may hold."""
