"""The tree of a filter as it was written, before any property is looked up.

Every node knows its column, counted from 1, so that whoever rejects it later can point at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LiteralKind(StrEnum):
    """How a literal was written; what it means depends on what it is compared with."""

    STRING = "string"
    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    NULL = "null"
    DATETIME = "datetime"
    GUID = "guid"


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written out; `text` is unescaped."""

    column: int
    kind: LiteralKind
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
    """One name of a path; a name with a dot in it is a type."""

    column: int
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """Names joined by slashes."""

    column: int
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """`collection/$count`."""

    column: int
    collection: Path


@dataclass(frozen=True, slots=True)
class Call:
    """A function with its arguments."""

    column: int
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`; the operator is one of eq, ne, gt, ge, lt, le, has."""

    column: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Membership:
    """`left in (…)`, and the shorthand `left eq 'a' or 'b'` after it was read."""

    column: int
    left: Node
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Logic:
    """Two or more operands joined by one operator, `and` or `or`."""

    column: int
    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`not operand`."""

    column: int
    operand: Node


@dataclass(frozen=True, slots=True)
class Lambda:
    """`collection/any(variable: body)` or `…/all(…)`; `any()` has neither variable nor body."""

    column: int
    quantifier: str
    collection: Path
    variable: str
    body: Node | None
    #: How many parts the body has.
    parts: int = 1


Node = Literal | Path | Count | Call | Comparison | Membership | Logic | Not | Lambda
