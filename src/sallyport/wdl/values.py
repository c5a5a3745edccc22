"""The values of the expression language, and how they become text, compare and are written as JSON.

A value is JSON plus `Decimal`. A boolean is never a number here, although Python thinks so.
"""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, TypeGuard

import orjson

from sallyport.wdl import json_text
from sallyport.wdl.errors import BudgetExceeded

if TYPE_CHECKING:
    from sallyport.wdl.budget import Meter

Json: TypeAlias = "bool | int | float | Decimal | str | list[Json] | dict[str, Json] | None"

CONTENT_TYPE = "$content-type"
CONTENT = "$content"
OCTETS = "application/octet-stream"
#: How the names of the charsets begin that are honoured; Python knows codecs that are not charsets at all.
CHARSETS = ("utf-16", "utf-32", "us-ascii", "iso-8859-", "windows-125", "koi8-", "shift_jis", "euc-", "gb", "big5")
TYPE_NAMES = {
    bool: "Boolean",
    int: "Integer",
    float: "Float",
    Decimal: "Float",
    str: "String",
    list: "Array",
    dict: "Object",
}
#: A parameter of a header value: its name, and its value in quotes or without.
PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*(?:("(?:[^"\\]|\\.)*+"?)|([^;]*))', re.DOTALL)


#: Types whose values Python compares as the language does; NaN, which is a float, is not among them.
SAME_KIND = frozenset({str, int, bool})


def type_name(value: Json) -> str:
    """Answer the name of the value's type as error messages spell it."""
    return "Null" if value is None else TYPE_NAMES.get(type(value), "Object")


def is_number(value: Json) -> TypeGuard[int | float | Decimal]:
    """Answer whether the value is an integer, a float or a decimal."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def to_text(value: Json, meter: Meter | None = None) -> str:
    """Answer the value as interpolation and `concat` show it."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return json_text.float_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if is_envelope(value):
        return envelope_text(value, meter)
    return dumps(value, meter)


def dumps(value: Json, meter: Meter | None = None) -> str:
    """Answer compact JSON as Newtonsoft prints it; floats keep a decimal place (`5.0`)."""
    return json_text.write(value, meter)


def json_bytes(value: Json) -> bytes:
    """Answer a value as JSON in UTF-8, every number digit by digit."""
    try:
        return orjson.dumps(value)
    except TypeError:
        # A decimal, a number beyond 64 bits, half of a surrogate pair, or a very deep value.
        return utf8(dumps(value))


def find_key(value: dict[str, Json], key: str) -> str | None:
    """Answer the stored spelling of a key: the exact one, otherwise the first without regard to case, or None."""
    if key in value:
        return key
    folded = key.casefold()
    for candidate in value:
        if candidate.casefold() == folded:
            return candidate
    return None


def is_envelope(value: Json) -> TypeGuard[dict[str, Json]]:
    """Answer whether the value carries bytes: an object with `$content-type` and `$content`."""
    return isinstance(value, dict) and isinstance(value.get(CONTENT_TYPE), str) and isinstance(value.get(CONTENT), str)


def envelope(content: bytes, content_type: str = OCTETS) -> dict[str, Json]:
    """Answer bytes as the object that carries them through JSON."""
    return {CONTENT_TYPE: content_type, CONTENT: base64.b64encode(content).decode("ascii")}


def envelope_bytes(value: dict[str, Json]) -> bytes:
    """Answer the bytes that an envelope carries; content that is not base64 raises ValueError."""
    return from_base64(str(value[CONTENT]))


def envelope_text(value: dict[str, Json], meter: Meter | None = None) -> str:
    """Answer the bytes of an envelope as text, in the charset of its content type (UTF-8 when it names none)."""
    if meter is not None:
        meter.text(len(str(value[CONTENT])))
    try:
        content = envelope_bytes(value)
    except ValueError:
        return dumps(value, meter)
    return decoded(content, str(value[CONTENT_TYPE]))


def decoded(content: bytes, content_type: str) -> str:
    """Answer bytes as text, in the charset of their content type (UTF-8 when it names none, or one that is none)."""
    charset = parameter_of(content_type, "charset").casefold() if ";" in content_type else ""
    if charset.startswith(CHARSETS):
        try:
            return content.decode(charset, "replace")
        except (LookupError, ValueError):
            return content.decode("utf-8", "replace")
    return content.decode("utf-8", "replace")


def parameter_of(header: str, name: str) -> str:
    """Answer a parameter of a header value such as `text/plain; charset=utf-8`, an empty string when it is absent."""
    for found in PARAMETER.finditer(header):
        if found[1].casefold() == name:
            return found[2][1:].removesuffix('"').replace('\\"', '"') if found[2] else found[3].strip()
    return ""


def from_base64(text: str) -> bytes:
    """Answer the bytes of base64 text; white space is ignored, anything else that does not belong raises ValueError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error


def utf8(text: str) -> bytes:
    """Answer the text in UTF-8; halves of surrogate pairs become U+FFFD, as .NET writes them."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return whole(text).encode("utf-8")


def whole(text: str) -> str:
    """Answer the text with surrogate pairs joined and lone halves replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def equal(left: Json, right: Json, meter: Meter | None = None, depth: int = 0) -> bool:
    """Answer whether two values are equal: numbers across kinds, a boolean and "True" or "False", deep for JSON."""
    kind, other = type(left), type(right)
    if kind in SAME_KIND and other in SAME_KIND:
        if kind is other:
            return left == right
        if bool not in (kind, other):
            return False
    if left is right:
        return True
    if isinstance(left, (list, dict)):
        if depth >= json_text.JSON_DEPTH:
            raise BudgetExceeded(f"A value nested more than {json_text.JSON_DEPTH} levels deep cannot be compared.")
        if meter is not None:
            meter.look(len(left))
        return _equal_containers(left, right, meter, depth + 1)
    return compare(left, right) == 0


def _equal_containers(left: list[Json] | dict[str, Json], right: Json, meter: Meter | None, depth: int) -> bool:
    if isinstance(left, list):
        if not isinstance(right, list) or len(left) != len(right):
            return False
        return all(equal(one, other, meter, depth) for one, other in zip(left, right, strict=True))
    if not isinstance(right, dict) or left.keys() != right.keys():
        return False
    return all(equal(value, right[key], meter, depth) for key, value in left.items())


def compare(left: Json, right: Json) -> int | None:
    """Answer -1, 0 or 1 for values that can be compared, None for values that cannot."""
    if is_number(left) and is_number(right):
        return _compare_numbers(left, right)
    if isinstance(left, str) and isinstance(right, str):
        one, other = ordinal(left), ordinal(right)
        return (one > other) - (one < other)
    if isinstance(left, bool) and isinstance(right, (bool, str)):
        return 0 if to_text(left) == to_text(right) else None
    if isinstance(left, str) and isinstance(right, bool):
        return 0 if left == to_text(right) else None
    return 0 if left is None and right is None else None


def _compare_numbers(left: int | float | Decimal, right: int | float | Decimal) -> int:
    # Only NaN differs from itself; .NET sorts it before every number and equal to itself.
    if left != left or right != right:
        return (left == left) - (right == right)
    if isinstance(left, Decimal) and isinstance(right, float):
        right = Decimal(repr(right))
    elif isinstance(left, float) and isinstance(right, Decimal):
        left = Decimal(repr(left))
    return (left > right) - (left < right)


def ordinal(text: str) -> bytes:
    """Answer a key that sorts texts by UTF-16 code unit, as .NET's ordinal comparison does."""
    return text.encode("utf-16-be", "surrogatepass")
