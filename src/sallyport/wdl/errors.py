"""What can go wrong in an expression, with the place where it went wrong.

An error is raised without a place by the function that notices it; the compiled call around it adds the place
(`locate`), innermost first.
"""

from __future__ import annotations

import unicodedata

from sallyport.errors import SallyportError

#: How much of a message that quotes what it was given is kept, at its beginning and at its end.
MESSAGE_HEAD, MESSAGE_TAIL = 1_500, 500
#: How many characters of a long expression `caret` shows on each side of the column.
CARET_WINDOW = 60


class ExpressionError(SallyportError):
    """Raised when an expression cannot be read or evaluated; `column` counts from 0."""

    code = "InvalidTemplate"
    status = 400

    def __init__(
        self, message: str, *, expression: str | None = None, column: int | None = None, pointer: str = ""
    ) -> None:
        super().__init__(shorten(message))
        self.expression = expression
        self.column = column
        #: JSON pointer of the string inside the template that holds the expression.
        self.pointer = pointer

    def locate(self, expression: str, column: int, pointer: str) -> None:
        """Add the place, unless a place nearer to the fault is known already."""
        if self.column is None:
            self.expression, self.column, self.pointer = expression, column, pointer

    def caret(self) -> str:
        """Answer the expression and a caret under the column, as two lines; empty when the place is not known."""
        return "" if self.expression is None or self.column is None else caret(self.expression, self.column)


class ExpressionSyntaxError(ExpressionError):
    """Raised when a template does not parse, or is longer or deeper than the budget allows."""


class EvaluationError(ExpressionError):
    """Raised when an expression that parses cannot be evaluated with the values at hand."""


class BudgetExceeded(EvaluationError):
    """Raised when an evaluation would build more than its budget allows; nothing of it was built."""

    code = "ExpressionEvaluationFailed"


def shorten(message: str) -> str:
    """Answer a message without its middle when it is long: what it quotes stands between what it says."""
    if len(message) <= MESSAGE_HEAD + MESSAGE_TAIL:
        return message
    return f"{message[:MESSAGE_HEAD]}...{message[-MESSAGE_TAIL:]}"


def caret(expression: str, column: int) -> str:
    """Answer two lines: the expression (cut around the column when long) and a caret under the column."""
    start = max(0, column - CARET_WINDOW)
    shown = expression[start : column + CARET_WINDOW]
    line = "".join(character if character.isprintable() else " " for character in shown)
    return f"{line}\n{' ' * sum(map(_cells, line[: column - start]))}^"


def _cells(character: str) -> int:
    """Answer how many columns of a terminal a character takes: ideographs and emoji two, an accent on a letter none."""
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def usage(function: str) -> str:
    """Answer the closing sentence that Azure adds to an error about a function."""
    return f"Please see https://aka.ms/logicexpressions#{function} for usage details."


def expects(function: str, expectation: str, *types: str) -> EvaluationError:
    """Answer the error 'function F expects E', followed by the types of what it was given."""
    given = ""
    if len(types) == 1:
        given = f" The provided value is of type '{types[0]}'."
    elif types:
        named = " and ".join(f"'{name}'" for name in types)
        given = f" The provided values are of types {named}."
    return EvaluationError(
        f"The template language function '{function}' expects {expectation}.{given} {usage(function)}"
    )


def failed(function: str, reason: str) -> EvaluationError:
    """Answer the error 'function F was invoked with parameters that are not valid'; `reason` has no full stop."""
    return EvaluationError(
        f"The template language function '{function}' was invoked with parameters that are not valid. {reason}. "
        f"{usage(function)}"
    )
