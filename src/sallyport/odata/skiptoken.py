"""Writes and reads `$skiptoken`: the sort values of the last row of a page, so that the next page begins after them.

A token names a place in an order, not a number of rows: rows that arrive meanwhile neither repeat nor hide any. It is
not secret and not trusted; whatever is in it is checked and bound as a value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sallyport.odata.errors import InvalidQuery
from sallyport.odata.kinds import Kind
from sallyport.odata.orderby import OrderTerm

#: Longer tokens than this are never ours: an order has few properties, and knows a few hundred characters of a text.
MAX_CHARACTERS = 32_768

Key = str | int | float | bool | None

_KINDS: dict[Kind, tuple[type, ...]] = {
    Kind.NUMBER: (int, float),
    Kind.ENUM: (int,),
    # SQLite gives a stored boolean back as a number.
    Kind.BOOLEAN: (bool, int),
}


def encode(terms: Sequence[OrderTerm], values: Sequence[Any]) -> str:
    """Answer the token of the row that has these sort values, one for each term."""
    if len(terms) != len(values):
        raise ValueError(f"{len(terms)} terms, but {len(values)} values")
    plain = json.dumps([_mark(terms), *(_plain(value) for value in values)], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(plain.encode()).rstrip(b"=").decode()


def decode(terms: Sequence[OrderTerm], token: str) -> tuple[Key, ...]:
    """Answer the sort values that a token holds.

    Raises InvalidQuery when the token was not made for this order.
    """
    try:
        if len(token) > MAX_CHARACTERS:
            raise ValueError("too long")
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        mark, *values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True), parse_constant=_refuse)
    except (ValueError, TypeError, RecursionError, binascii.Error) as error:
        raise _invalid(token, "this is not a token that was given out") from error
    if mark != _mark(terms) or len(values) != len(terms):
        raise _invalid(token, "this token belongs to another order")
    for term, value in zip(terms, values, strict=True):
        if not _fits(value, term.property.kind):
            raise _invalid(token, f"a value of this token is not {term.property.kind}")
    return tuple(values)


def _mark(terms: Sequence[OrderTerm]) -> str:
    return hashlib.sha256(", ".join(map(str, terms)).encode()).hexdigest()[:8]


def _plain(value: Any) -> Key:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{type(value).__name__} cannot be in a token")


def _fits(value: Key, kind: Kind) -> bool:
    if value is None:
        return True
    if kind not in _KINDS:
        return isinstance(value, str) and not any(each == "\0" or "\ud800" <= each <= "\udfff" for each in value)
    if isinstance(value, str) or (isinstance(value, bool) and kind is not Kind.BOOLEAN):
        return False
    return isinstance(value, _KINDS[kind]) and -(2**63) <= value < 2**63


def _refuse(text: str) -> None:
    raise ValueError(text)


def _invalid(token: str, reason: str) -> InvalidQuery:
    return InvalidQuery(token, 1, reason, "skiptoken")
