"""Expressions as text to trees, by recursive descent.

Nothing but `ExpressionSyntaxError` comes out of here, whatever the text; length and depth are checked against the
budget before Python's own limits are near.
"""

from __future__ import annotations

from sallyport.wdl import ast
from sallyport.wdl.budget import DEFAULT, Budget
from sallyport.wdl.lexer import Kind, Lexer, Token

WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def parse(source: str, start: int = 0, end: int | None = None, *, budget: Budget = DEFAULT) -> ast.Node:
    """Parse the expression between two positions of `source`; columns count in the whole source.

    Raises ExpressionSyntaxError.
    """
    stop = len(source) if end is None else end
    lexer = Lexer(source, start, stop)
    if stop - start > budget.expression_characters:
        raise lexer.fail(
            f"the expression has {stop - start} characters, the limit is {budget.expression_characters}", start
        )
    parser = _Parser(lexer, budget)
    node = parser.expression(1)
    if lexer.peek():
        raise parser.unexpected(Token(Kind.PUNCTUATION, lexer.peek(), lexer.position))
    return node


class _Parser:
    def __init__(self, lexer: Lexer, budget: Budget) -> None:
        self.lexer = lexer
        self.budget = budget

    def expression(self, depth: int) -> ast.Node:
        token = self.lexer.operand()
        self._check_depth(depth, token.column)
        if token.kind is Kind.LITERAL:
            return ast.Literal(token.value, token.column)
        if token.kind is not Kind.NAME:
            raise self.unexpected(token)
        if self.lexer.peek() == "(":
            return self._dereferences(self._call(token, depth), depth)
        if token.text.casefold() in WORDS:
            return ast.Literal(WORDS[token.text.casefold()], token.column)
        raise self._bare_name(token)

    def unexpected(self, token: Token) -> Exception:
        """Answer the error about a token that cannot stand where it does."""
        if token.kind is Kind.END:
            return self.lexer.fail("a value is missing at the end of the expression", token.column)
        return self.lexer.fail(f"'{token.text}' is not expected here", token.column)

    def _bare_name(self, token: Token) -> Exception:
        if token.text.startswith('"'):
            return self.lexer.fail("strings are written in single quotes, not in double quotes", token.column)
        shown = token.text[:40]
        return self.lexer.fail(f"'{shown}' is neither a literal nor the call of a function", token.column)

    def _check_depth(self, depth: int, column: int) -> None:
        if depth > self.budget.depth:
            raise self.lexer.fail(f"the expression is nested more than {self.budget.depth} levels deep", column)

    def _call(self, name: Token, depth: int) -> ast.Call:
        self.lexer.require("(", "after the name of a function")
        arguments: list[ast.Node] = []
        if not self.lexer.take(")"):
            arguments.append(self.expression(depth + 1))
            while self.lexer.take(","):
                arguments.append(self.expression(depth + 1))
            self.lexer.require(")", f"to close the call of '{name.text[:40]}'")
        height = 1 + max((argument.height for argument in arguments), default=0)
        self._check_depth(height, name.column)
        return ast.Call(name.text, tuple(arguments), name.column, height)

    def _dereferences(self, node: ast.Node, depth: int) -> ast.Node:
        while self.lexer.peek() in {".", "[", "?"}:
            column = self.lexer.position
            optional = self.lexer.take("?")
            key = self._key(optional, depth)
            height = 1 + max(node.height, key.height)
            self._check_depth(height, column)
            node = ast.Access(node, key, optional, column, height)
        return node

    def _key(self, optional: bool, depth: int) -> ast.Node:
        if self.lexer.take("."):
            column = self.lexer.position
            return ast.Literal(self.lexer.name(), column)
        self.lexer.require("[", "or '.' after '?'" if optional else "here")
        key = self.expression(depth + 1)
        self.lexer.require("]", "to close the index")
        return key
