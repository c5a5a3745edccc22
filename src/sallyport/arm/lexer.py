"""Cuts the text of an ARM expression into tokens.

The rule to know: a string literal is in single quotes, and a quote inside it is written twice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from sallyport.arm.errors import ExpressionSyntaxError

Kind = Literal["name", "string", "number", "mark", "end"]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<name>[A-Za-z_$][A-Za-z0-9_$]*)|(?P<mark>[()\[\],.?]))"
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word of an expression."""

    kind: Kind
    #: The text as written; of a string, its content.
    text: str
    column: int


def tokens(text: str, start: int, end: int) -> list[Token]:
    """Answer the tokens of `text[start:end]` and an end mark; raises ExpressionSyntaxError."""
    found: list[Token] = []
    while start < end:
        match = _TOKEN.match(text, start, end)
        if match is None:
            if not text[start:end].strip():
                break
            raise _unreadable(text, start, end)
        kind: Kind = match.lastgroup  # type: ignore[assignment]  # the groups are named after the kinds
        word = match[kind]
        column = match.start(kind)
        found.append(Token(kind, word[1:-1].replace("''", "'") if kind == "string" else word, column))
        start = match.end()
    found.append(Token("end", "", end))
    return found


def _unreadable(text: str, start: int, end: int) -> ExpressionSyntaxError:
    column = start + len(text[start:end]) - len(text[start:end].lstrip())
    if text[column] == "'":
        return ExpressionSyntaxError("The string that begins here has no closing quote.", column=column)
    return ExpressionSyntaxError(f"The character '{text[column]}' does not belong in an expression.", column=column)
