"""The tokens of an expression, read on demand, because `.5` is a number only where a value may begin.

Every pattern here is linear: user text never meets a pattern that can backtrack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from sallyport.wdl.errors import ExpressionSyntaxError

SPACE = re.compile(r"\s*")
STRING = re.compile(r"'[^']*(?:''[^']*)*'")
NAME = re.compile(r"[^.,(){}@\[\]?'\s]+")
#: A run of characters that only a well-formed number may fill.
NUMBER_RUN = re.compile(r"[^,(){}@\[\]?'\s]+")
NUMBER = re.compile(r"[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]+)?")

INTEGER_MINIMUM = -(2**63)
INTEGER_MAXIMUM = 2**63 - 1


class Kind(Enum):
    """What a token is."""

    LITERAL = "a literal"
    NAME = "a name"
    PUNCTUATION = "punctuation"
    END = "the end of the expression"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `text` as written, `value` what a literal means."""

    kind: Kind
    text: str
    column: int
    value: str | int | float | None = None


class Lexer:
    """Reads tokens of `source` between two positions."""

    def __init__(self, source: str, start: int, end: int) -> None:
        self.source = source
        self.position = start
        self.end = end

    def fail(self, message: str, column: int) -> ExpressionSyntaxError:
        """Answer a syntax error at a column of the source."""
        return ExpressionSyntaxError(
            f"The template language expression is not valid at column {column}: {message}.",
            expression=self.source,
            column=column,
        )

    def peek(self) -> str:
        """Answer the next character that is not white space, an empty string at the end."""
        matched = SPACE.match(self.source, self.position, self.end)
        assert matched is not None
        self.position = matched.end()
        return self.source[self.position] if self.position < self.end else ""

    def take(self, character: str) -> bool:
        """Step over a punctuation character if it comes next."""
        if self.peek() != character:
            return False
        self.position += 1
        return True

    def require(self, character: str, where: str) -> None:
        """Step over a punctuation character that must come next."""
        found = self.peek()
        if found != character:
            instead = f"'{found}'" if found else Kind.END.value
            raise self.fail(f"expected '{character}' {where}, found {instead}", self.position)
        self.position += 1

    def operand(self) -> Token:
        """Read the token at a place where a value begins."""
        character = self.peek()
        column = self.position
        if not character:
            return Token(Kind.END, "", column)
        if character == "'":
            return self._string(column)
        if character in "+-.0123456789":
            return self._number(column)
        matched = NAME.match(self.source, column, self.end)
        if matched is None:
            return Token(Kind.PUNCTUATION, character, column)
        self.position = matched.end()
        return Token(Kind.NAME, matched.group(), column)

    def name(self) -> str:
        """Read the name after a dot; it may begin with a digit."""
        self.peek()
        matched = NAME.match(self.source, self.position, self.end)
        if matched is None:
            raise self.fail("expected the name of a property after '.'", self.position)
        self.position = matched.end()
        return matched.group()

    def _string(self, column: int) -> Token:
        matched = STRING.match(self.source, column, self.end)
        if matched is None:
            raise self.fail("the string that starts here is not closed by a single quote", column)
        self.position = matched.end()
        return Token(Kind.LITERAL, matched.group(), column, matched.group()[1:-1].replace("''", "'"))

    def _number(self, column: int) -> Token:
        run = NUMBER_RUN.match(self.source, column, self.end)
        assert run is not None
        text = run.group()
        matched = NUMBER.fullmatch(text)
        if matched is None:
            raise self.fail(f"'{text[:40]}' is not a number", column)
        self.position = run.end()
        if any(matched.groups()):
            value = float(text)
            if value in (float("inf"), float("-inf")):
                raise self.fail("the number is out of the range of a double", column)
            return Token(Kind.LITERAL, text, column, value)
        if len(text.lstrip("+-0")) > 19 or not INTEGER_MINIMUM <= int(text) <= INTEGER_MAXIMUM:
            raise self.fail("the integer is out of the range of 64 bits", column)
        return Token(Kind.LITERAL, text, column, int(text))
