"""Reads a filter into a tree, by recursive descent; `and` binds tighter than `or`.

Two liberties beyond the standard: double-quoted strings, and the shorthand `P eq 'A' or 'B'`, which means the same
property and operator again and stays one group next to `and`. Nothing else is repaired.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from sallyport.odata.ast import (
    Call,
    Comparison,
    Count,
    Lambda,
    Literal,
    LiteralKind,
    Logic,
    Membership,
    Node,
    Not,
    Path,
    Segment,
)
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.lexer import Token, tokens

T = TypeVar("T")

#: Nodes that one filter may have.
MAX_NODES = 2_000
#: Parts that a lambda counts as, because a database works that much more for it.
LAMBDA_WEIGHT = 15
#: Conditions that one filter may join with `and` and `or`: SQLite refuses expressions that are a thousand deep.
MAX_CONDITIONS = 500
#: How deep parentheses, functions and lambdas may nest: SQLite's own parser has room for a hundred symbols.
MAX_DEPTH = 16
#: How deep lambdas may nest: each level multiplies the work by the size of its collection.
MAX_LAMBDAS = 3

_COMPARISONS = frozenset({"eq", "ne", "gt", "ge", "lt", "le", "has"})
_LITERAL_TOKENS = {
    "string": LiteralKind.STRING,
    "integer": LiteralKind.INTEGER,
    "decimal": LiteralKind.DECIMAL,
    "datetime": LiteralKind.DATETIME,
    "guid": LiteralKind.GUID,
}
_LITERAL_NAMES = {"true": LiteralKind.BOOLEAN, "false": LiteralKind.BOOLEAN, "null": LiteralKind.NULL}
#: Words that others use in the place of an operator, and what is meant by each.
_MEANT: Mapping[str, str] = MappingProxyType(
    {
        "neq": "ne",
        "gte": "ge",
        "lte": "le",
        "equals": "eq",
        "is": "eq",
        **dict.fromkeys(("like", "contains"), "contains(name, 'text')"),
        **{word: f"{word}(name, 'text')" for word in ("startswith", "endswith")},
    }
)
_NOT_A_FILTER = ("http://", "https://", "get ", "patch ", "post ", "delete ", "$filter=", "?", "/")


def parse(text: str) -> Node:
    """Answer the tree of a filter that is not empty.

    Raises InvalidQuery. See OData 4.01, URL Conventions, section 5.1.1.
    """
    if text.lstrip().lower().startswith(_NOT_A_FILTER):
        raise InvalidQuery(text, 1, "write the condition alone, without address, verb or '$filter='")
    return _Parser(text).whole()


class _Parser:
    """One reading of one text: where it stands, how deep it is, how much it has built."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens(text)
        self._at = 0
        self._depth = 0
        self._nodes = 0
        self._conditions = 0
        self._lambdas = 0

    def whole(self) -> Node:
        tree = self._or()
        if self._here.kind != "end":
            meant = _MEANT.get(self._here.text.lower())
            hint = f": write {meant}" if meant else ""
            raise self._wrong(f"expected 'and', 'or' or the end, found '{self._here.text}'{hint}")
        return tree

    # --- conditions

    def _or(self) -> Node:
        return self._joined("or", lambda: self._joined("and", self._not))

    def _joined(self, word: str, operand: Callable[[], Node]) -> Node:
        column = self._here.column
        operands = [operand()]
        while self._takes_word(word):
            self._conditions += 1
            if self._conditions >= MAX_CONDITIONS:
                raise self._wrong(f"more than {MAX_CONDITIONS} conditions")
            operands.append(operand())
        if len(operands) == 1:
            return operands[0]
        self._count_node()
        return Logic(column, word, tuple(operands))

    def _not(self) -> Node:
        # Deviation: `not a eq b` is read as `not (a eq b)`; by the standard it is an error unless `a` is a boolean.
        column = self._here.column
        negations = 0
        while self._takes_word("not"):
            negations += 1
        node = self._comparison()
        return Not(column, node) if negations % 2 else node

    def _comparison(self) -> Node:
        left = self._operand()
        operator = self._here
        word = operator.text.lower() if operator.kind == "name" else ""
        if word == "in":
            self._at += 1
            return Membership(operator.column, left, self._list())
        if word not in _COMPARISONS:
            return left
        self._at += 1
        self._count_node()
        right = self._operand()
        return self._shorthand(Comparison(operator.column, word, left, right))

    def _shorthand(self, first: Comparison) -> Node:
        if not isinstance(first.right, Literal) or isinstance(first.left, Literal):
            return first
        values = [first.right]
        while self._bare_value_follows():
            self._at += 1
            values.append(self._literal())
        if len(values) == 1:
            return first
        if first.operator == "eq":
            return Membership(first.column, first.left, tuple(values))
        alternatives = (Comparison(value.column, first.operator, first.left, value) for value in values)
        return Logic(first.column, "or", tuple(alternatives))

    def _bare_value_follows(self) -> bool:
        """Tell `… or 'B'` from `… or 'B' eq title`."""
        if not self._is_word("or") or self._tokens[self._at + 1].kind not in _LITERAL_TOKENS:
            return False
        after = self._tokens[self._at + 2]
        return not (after.kind == "name" and (after.text.lower() in _COMPARISONS or after.text.lower() == "in"))

    # --- operands

    def _operand(self) -> Node:
        self._count_node()
        token = self._here
        if token.kind in _LITERAL_TOKENS:
            return self._literal()
        if self._is_symbol("("):
            return self._nested(self._or)
        if token.kind != "name":
            raise self._wrong("expected a condition or a value" + (f", found '{token.text}'" if token.text else ""))
        return self._named()

    def _named(self) -> Node:
        token, following = self._here, self._tokens[self._at + 1]
        if following.kind == "symbol" and following.text == "(":
            return self._call()
        if following.kind == "string" and "." in token.text:
            self._at += 1  # microsoft.graph.alertSeverity'high': the type follows from the property
            return self._literal()
        is_path = following.kind == "symbol" and following.text == "/"
        return self._literal() if token.text.lower() in _LITERAL_NAMES and not is_path else self._path()

    def _literal(self) -> Literal:
        token = self._next()
        kind = _LITERAL_TOKENS.get(token.kind) or _LITERAL_NAMES[token.text.lower()]
        return Literal(token.column, kind, token.text)

    def _call(self) -> Node:
        name = self._next()
        return Call(name.column, name.text.lower(), self._list())

    def _list(self) -> tuple[Node, ...]:
        return self._nested(self._items)

    def _items(self) -> tuple[Node, ...]:
        if self._is_symbol(")"):
            return ()
        items = [self._or()]
        while self._takes_symbol(","):
            items.append(self._or())
        return tuple(items)

    def _path(self) -> Node:
        first = self._next()
        segments = [Segment(first.column, first.text)]
        while self._takes_symbol("/"):
            name = self._expect("name", "a property name")
            so_far = Path(first.column, tuple(segments))
            word = name.text.lower()
            if word == "$count":
                return Count(name.column, so_far)
            if word in ("any", "all") and self._is_symbol("("):
                return self._nested(functools.partial(self._lambda, name, so_far))
            segments.append(Segment(name.column, name.text))
            self._count_node()
        return Path(first.column, tuple(segments))

    def _lambda(self, name: Token, collection: Path) -> Node:
        quantifier = name.text.lower()
        self._count_node(LAMBDA_WEIGHT)
        if self._is_symbol(")"):
            if quantifier == "all":
                raise self._wrong("'all' needs a condition, such as all(x: x/name eq 'a')")
            return Lambda(name.column, quantifier, collection, "", None)
        variable = self._expect("name", "a variable name")
        self._expect_symbol(":")
        self._lambdas += 1
        if self._lambdas > MAX_LAMBDAS:
            raise self._wrong(f"more than {MAX_LAMBDAS} lambdas inside one another")
        before = self._nodes
        body = self._or()
        self._lambdas -= 1
        return Lambda(name.column, quantifier, collection, variable.text, body, self._nodes - before)

    # --- tokens and limits

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is_word(self, word: str) -> bool:
        return self._here.kind == "name" and self._here.text.lower() == word

    def _is_symbol(self, symbol: str) -> bool:
        return self._here.kind == "symbol" and self._here.text == symbol

    def _takes_word(self, word: str) -> bool:
        taken = self._is_word(word)
        self._at += taken
        return taken

    def _takes_symbol(self, symbol: str) -> bool:
        taken = self._is_symbol(symbol)
        self._at += taken
        return taken

    def _expect(self, kind: str, what: str) -> Token:
        if self._here.kind != kind:
            raise self._wrong(f"expected {what}")
        return self._next()

    def _expect_symbol(self, symbol: str) -> None:
        if not self._takes_symbol(symbol):
            found = f", found '{self._here.text}'" if self._here.text else ""
            raise self._wrong(f"expected '{symbol}'{found}")

    def _nested(self, content: Callable[[], T]) -> T:
        self._expect_symbol("(")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._wrong(f"nested deeper than {MAX_DEPTH}")
        inner = content()
        self._depth -= 1
        self._expect_symbol(")")
        return inner

    def _count_node(self, weight: int = 1) -> None:
        self._nodes += weight
        if self._nodes > MAX_NODES:
            raise self._wrong(f"more than {MAX_NODES} parts")

    def _wrong(self, reason: str) -> InvalidQuery:
        return InvalidQuery(self._text, self._here.column, reason)
