"""Reads the text of an ARM expression into a tree.

The rule to know: a string is an expression when it starts with `[` and ends with `]`; `[[` at the start is an escape.
https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from sallyport.arm import lexer
from sallyport.arm.errors import ExpressionSyntaxError
from sallyport.arm.lexer import Token

#: The longest expression, in characters, that ARM accepts.
LONGEST = 24_576
#: Calls inside calls.
DEEPEST = 64


@dataclass(frozen=True, slots=True)
class Constant:
    """A string or a number."""

    value: str | int | float


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    name: str
    arguments: tuple[Node, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Member:
    """A property or an item of a value: `.name`, `['name']`, `[0]`; `safe` when written `.?name` or `[?0]`."""

    target: Node
    key: Node
    safe: bool
    column: int


Node: TypeAlias = Constant | Call | Member


def is_expression(text: str) -> bool:
    """Answer whether a string of a template is an expression (and not plain or escaped text)."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def unescaped(text: str) -> str:
    """Answer plain text as the template means it: `[[...]` loses one bracket."""
    return text[1:] if text.startswith("[[") and text.endswith("]") else text


def parse(text: str) -> Node:
    """Answer the tree of an expression, given with its brackets; raises ExpressionSyntaxError."""
    if len(text) > LONGEST:
        raise ExpressionSyntaxError(f"The expression is longer than {LONGEST} characters.", column=LONGEST)
    reader = _Reader(lexer.tokens(text, 1, len(text) - 1))
    node = reader.node(0)
    reader.expect("end", "")
    return node


class _Reader:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _accept(self, mark: str) -> bool:
        if self._next.kind == "mark" and self._next.text == mark:
            self._at += 1
            return True
        return False

    def expect(self, kind: lexer.Kind, text: str) -> None:
        token = self._next
        if token.kind != kind or token.text != text:
            wanted = f"'{text}'" if text else "the end of the expression"
            raise ExpressionSyntaxError(f"Expected {wanted} but found {_shown(token)}.", column=token.column)
        if kind != "end":
            self._at += 1

    def node(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise ExpressionSyntaxError(f"The expression is nested more than {DEEPEST} deep.", column=self._next.column)
        node = self._primary(depth)
        while True:
            column = self._next.column
            if self._accept("."):
                safe = self._accept("?")
                token = self._take()
                if token.kind != "name":
                    raise ExpressionSyntaxError("Expected the name of a property.", column=token.column)
                node = Member(node, Constant(token.text), safe, column)
            elif self._accept("["):
                safe = self._accept("?")
                node = Member(node, self.node(depth + 1), safe, column)
                self.expect("mark", "]")
            else:
                return node

    def _primary(self, depth: int) -> Node:
        token = self._take()
        if token.kind == "string":
            return Constant(token.text)
        if token.kind == "number":
            return Constant(float(token.text) if "." in token.text else int(token.text))
        if token.kind != "name":
            raise ExpressionSyntaxError(f"Expected a value but found {_shown(token)}.", column=token.column)
        name = token.text
        while self._accept("."):
            name += "." + self._take().text
        self.expect("mark", "(")
        return Call(name, self._arguments(depth), token.column)

    def _arguments(self, depth: int) -> tuple[Node, ...]:
        if self._accept(")"):
            return ()
        arguments = [self.node(depth + 1)]
        while self._accept(","):
            arguments.append(self.node(depth + 1))
        self.expect("mark", ")")
        return tuple(arguments)


def _shown(token: Token) -> str:
    return "the end of the expression" if token.kind == "end" else f"'{token.text[:40]}'"
