"""The functions of a filter: for each its kinds, its meaning in Python, in SQLite and in PostgreSQL, side by side.

All three meanings must agree to the last character; that is why letter case folds over ASCII only, why nothing is
matched with LIKE, and why datetimes arrive as sortable text.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Integer, cast, collate, func

from sallyport.odata.kinds import Kind

Column = ColumnElement[Any]

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)
_BLANKS = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Function:
    """One function: argument kinds (the last `optional` may be left out), result, and three implementations."""

    name: str
    takes: tuple[Kind, ...]
    gives: Kind
    python: Callable[..., Any]
    sqlite: Callable[..., Column]
    postgresql: Callable[..., Column]
    optional: int = 0


def ascii_lower(text: str) -> str:
    """Answer a text with the letters A to Z made small.

    Deviation: `tolower` and `toupper` change the letters A to Z only, so that every database answers alike.
    """
    return text.translate(_LOWER)


def _c(column: Column) -> Column:
    # The collation "C" makes PostgreSQL fold ASCII only, whatever the database was created with.
    return collate(column, "C")


def _substring(text: str, start: int, length: int | None = None) -> str:
    return text[start:] if length is None else text[start : start + length]


def _sql_substring(text: Column, start: Column, *length: Column) -> Column:
    return func.substr(text, start + 1, *length)


_S, _N, _B, _T = Kind.STRING, Kind.NUMBER, Kind.BOOLEAN, Kind.DATETIME


def _part(name: str, start: int, length: int) -> Function:
    """Answer a function that reads a number out of a sortable datetime."""

    def in_python(text: str) -> int:
        return int(text[start - 1 : start - 1 + length])

    def in_sql(text: Column) -> Column:
        return cast(func.substr(text, start, length), Integer)

    return Function(name, (_T,), _N, in_python, in_sql, in_sql)


_ALL = (
    Function(
        "contains",
        (_S, _S),
        _B,
        lambda text, part: part in text,
        lambda text, part: func.instr(text, part) > 0,
        lambda text, part: func.strpos(text, part) > 0,
    ),
    Function(
        "startswith",
        (_S, _S),
        _B,
        lambda text, part: text.startswith(part),
        lambda text, part: func.substr(text, 1, func.length(part)) == part,
        lambda text, part: func.left(text, func.length(part)) == part,
    ),
    Function(
        "endswith",
        (_S, _S),
        _B,
        lambda text, part: text.endswith(part),
        lambda text, part: func.substr(text, -func.length(part), func.length(part)) == part,
        lambda text, part: func.right(text, func.length(part)) == part,
    ),
    Function("tolower", (_S,), _S, ascii_lower, func.lower, lambda text: func.lower(_c(text))),
    Function("toupper", (_S,), _S, lambda text: text.translate(_UPPER), func.upper, lambda text: func.upper(_c(text))),
    Function(
        "trim",
        (_S,),
        _S,
        lambda text: text.strip(_BLANKS),
        lambda text: func.trim(text, _BLANKS),
        lambda text: func.btrim(text, _BLANKS),
    ),
    Function("length", (_S,), _N, len, func.length, func.length),
    Function(
        "indexof",
        (_S, _S),
        _N,
        lambda text, part: text.find(part),
        lambda text, part: func.instr(text, part, type_=Integer) - 1,
        lambda text, part: func.strpos(text, part, type_=Integer) - 1,
    ),
    Function("substring", (_S, _N, _N), _S, _substring, _sql_substring, _sql_substring, optional=1),
    Function(
        "concat",
        (_S, _S),
        _S,
        lambda left, right: left + right,
        lambda left, right: left.concat(right),
        lambda left, right: left.concat(right),
    ),
    _part("year", 1, 4),
    _part("month", 6, 2),
    _part("day", 9, 2),
    _part("hour", 12, 2),
    _part("minute", 15, 2),
    _part("second", 18, 2),
    Function(
        "date",
        (_T,),
        Kind.DATE,
        lambda text: text[:10],
        lambda text: func.substr(text, 1, 10),
        lambda text: func.substr(text, 1, 10),
    ),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType({each.name: each for each in _ALL})
