"""JSON text as the store writes it: compact, exact, and never a surprise for what a run may hold.

The rule: integers of any size and decimals survive; the fast writer is used where it can, the exact one where it must.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

_OPTIONS = orjson.OPT_NON_STR_KEYS
# orjson reads an integer above 64 bits as a float; such digits send the text to the exact reader.
_LONG_DIGITS = re.compile(rb"[\d]{19}")


def dumps(value: Any) -> bytes:
    """Answer a value as compact JSON in UTF-8.

    Raises TypeError for what is not JSON.
    """
    try:
        return orjson.dumps(value, _decimal, _OPTIONS)
    except TypeError:
        try:
            return _exact(value, ensure_ascii=False)
        except UnicodeEncodeError:
            # Half of a surrogate pair, such as a substring may leave, is no UTF-8; as an escape it is JSON.
            return _exact(value, ensure_ascii=True)


def text(value: Any) -> str:
    """Answer a value as the text that a column holds."""
    return dumps(value).decode("utf-8", "surrogatepass")


def pretty(value: Any) -> str:
    """Answer a value as JSON that people read, every number digit by digit."""
    try:
        return orjson.dumps(value, _decimal, _OPTIONS | orjson.OPT_INDENT_2).decode()
    except TypeError:
        return json.dumps(_finite(value), default=_decimal, indent=2)


def loads(data: bytes | str) -> Any:
    """Answer the value that JSON text holds."""
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if _LONG_DIGITS.search(raw):
        return json.loads(raw.decode("utf-8", "surrogatepass"))
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw.decode("utf-8", "surrogatepass"))


def _exact(value: Any, *, ensure_ascii: bool) -> bytes:
    write = partial(json.dumps, default=_decimal, ensure_ascii=ensure_ascii, separators=(",", ":"))
    try:
        return write(value, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise
    except ValueError:
        return write(_finite(value)).encode()


def _finite(value: Any) -> Any:
    """Answer a value without NaN and infinities, which are no JSON: null, as the fast writer has it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, orjson.Fragment):
        raise TypeError("A fragment cannot be written exactly.")
    raise TypeError(f"A value of type '{type(value).__name__}' is not JSON.")
