"""Turns a literal of a filter into a constant of the kind that its surroundings ask for."""

from __future__ import annotations

from sallyport.odata import ast, instants, typed
from sallyport.odata.ast import LiteralKind
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.fields import Enumeration
from sallyport.odata.kinds import Kind

_INT64 = 2**63
#: Positions in a text end here: no stored text is longer, and every database can count so far.
_MAX_POSITION = 1_000_000

_NATURAL = {
    LiteralKind.STRING: Kind.STRING,
    LiteralKind.GUID: Kind.STRING,
    LiteralKind.INTEGER: Kind.NUMBER,
    LiteralKind.DECIMAL: Kind.NUMBER,
    LiteralKind.BOOLEAN: Kind.BOOLEAN,
    LiteralKind.DATETIME: Kind.DATETIME,
}


def natural(text: str, literal: ast.Literal) -> typed.Constant:
    """Answer a literal in the kind that it has where nothing else decides."""
    if literal.kind is LiteralKind.NULL:
        raise InvalidQuery(text, literal.column, "null is not a value here")
    return of_kind(text, literal, _NATURAL[literal.kind])


def constant(text: str, literal: ast.Literal, beside: typed.Value) -> typed.Constant:
    """Answer a literal in the kind of the value that it is compared with."""
    if beside.kind is Kind.ENUM and isinstance(beside, typed.Property) and beside.enum is not None:
        return _member(text, literal, beside.enum)
    return of_kind(text, literal, beside.kind)


def of_kind(text: str, literal: ast.Literal, kind: Kind) -> typed.Constant:
    """Answer a literal as a constant of a kind.

    Raises InvalidQuery when it cannot be one.
    """
    value = _converted(literal, kind)
    if value is None:
        raise InvalidQuery(text, literal.column, _complaint(literal, kind))
    return typed.Constant(kind, value)


def position(text: str, node: ast.Node) -> typed.Constant:
    """Answer a position or length in a text: a whole number written out, not below zero."""
    if not isinstance(node, ast.Literal) or node.kind is not LiteralKind.INTEGER or node.text.startswith("-"):
        raise InvalidQuery(text, node.column, "expected a whole number, zero or more")
    return typed.Constant(Kind.NUMBER, min(_MAX_POSITION, _integer(node.text)))


def _converted(literal: ast.Literal, kind: Kind) -> str | int | float | bool | None:
    text = literal.text
    match kind:
        case Kind.STRING if literal.kind in (LiteralKind.STRING, LiteralKind.GUID):
            return text
        case Kind.NUMBER if literal.kind in (LiteralKind.INTEGER, LiteralKind.DECIMAL, LiteralKind.STRING):
            return _number(text)
        case Kind.BOOLEAN if literal.kind in (LiteralKind.BOOLEAN, LiteralKind.STRING):
            return {"true": True, "false": False}.get(text.lower())
        case Kind.DATETIME | Kind.DATE if literal.kind in (LiteralKind.DATETIME, LiteralKind.STRING):
            # A plus sign that a URL decoder has eaten stands before a zone of five characters.
            moment = instants.sortable(_with_plus(text))
            return moment if moment is None or kind is Kind.DATETIME else moment[:10]
        case _:
            return None


def _with_plus(text: str) -> str:
    return f"{text[:-6]}+{text[-5:]}" if len(text) > 19 and text[-6] == " " and text[-3] == ":" else text


def _integer(text: str) -> int:
    # Thousands of digits would take long to read; beyond twenty the value no longer matters.
    return int(text) if len(text) <= 20 else _INT64


def _number(text: str) -> int | float | None:
    try:
        if len(text) <= 19 and text.lstrip("+-").isdecimal() and text.isascii():
            return int(text)
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= 1e308 else None


def _member(text: str, literal: ast.Literal, enum: Enumeration) -> typed.Constant:
    rank = enum.rank(literal.text) if literal.kind is LiteralKind.STRING else None
    if rank is None:
        members = ", ".join(enum.members)
        raise InvalidQuery(text, literal.column, f"'{literal.text}' is not a value of {enum.name}: {members}")
    return typed.Constant(Kind.ENUM, rank)


def _complaint(literal: ast.Literal, kind: Kind) -> str:
    if literal.kind is LiteralKind.NULL:
        return "null cannot stand here"
    if kind is Kind.STRING:
        return f"{literal.text} is not a string: write '{literal.text}'"
    if kind in (Kind.COMPLEX, Kind.COLLECTION):
        return f"{kind} cannot be compared with a value"
    return f"'{literal.text}' is not {kind}"
