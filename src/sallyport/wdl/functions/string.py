"""String functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#string-functions.

Positions and lengths count UTF-16 code units, as .NET does. `indexOf` and its relatives ignore case; `replace`, `split`
and `contains` do not.
"""

from __future__ import annotations

import bisect
import uuid

from sallyport.wdl import errors, utf16, values
from sallyport.wdl.budget import SMALL_TEXT
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

#: An occurrence beyond this one is found by counting, not one by one.
FAR = 1_000
#: .NET's `Trim()` takes these, which Python's `strip` leaves or takes differently.
WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


@function("concat", at_least=1, parameters="the values to combine")
def concat(scope: Scope, *parts: Json) -> str:
    """Combine values of any kind into one string."""
    texts = [part if type(part) is str else values.to_text(part, scope.meter) for part in parts]
    characters = sum(map(len, texts))
    if characters > SMALL_TEXT:
        scope.meter.text(characters, wide=not all(map(str.isascii, texts)))
    return "".join(texts)


@function("substring", parameters="a string, the starting index and optionally the length")
def substring(scope: Scope, text: Json, start: Json, length: Json = None) -> str:
    """Answer the characters from a position on, as many as `length` says, or all."""
    units = utf16.spread(arguments.text("substring", text, 1))
    first = arguments.integer("substring", start, 2)
    count = len(units) - first if length is None else arguments.integer("substring", length, 3)
    if first < 0 or count < 0 or first + count > len(units):
        raise errors.failed(
            "substring",
            f"The start index '{first}' and the length '{count}' must be non-negative integers and their sum must be "
            f"no larger than the length of the string, which is '{len(units)}'",
        )
    scope.meter.piece(units, count)
    return utf16.gather(units[first : first + count])


@function("slice", parameters="a string, the starting index and optionally the ending index")
def slice_(scope: Scope, text: Json, start: Json, end: Json = None) -> str:
    """Answer the characters between two positions; negative ones count from the end, and what is outside is cut off."""
    units = utf16.spread(arguments.text("slice", text, 1))
    first = arguments.integer("slice", start, 2)
    last = len(units) if end is None else arguments.integer("slice", end, 3)
    scope.meter.piece(units, len(range(*slice(first, last).indices(len(units)))))
    return utf16.gather(units[first:last])


@function("replace", parameters="a string, the text to replace and its replacement")
def replace(scope: Scope, text: Json, old: Json, new: Json) -> str:
    """Replace every occurrence of a text by another; case counts."""
    whole = arguments.text("replace", text, 1)
    sought = arguments.text("replace", old, 2)
    other = arguments.text("replace", new, 3)
    if not sought:
        raise errors.failed("replace", "The text to replace, its second parameter, must not be an empty string")
    count = whole.count(sought)
    characters = len(whole) + count * (len(other) - len(sought))
    if characters > SMALL_TEXT:
        scope.meter.text(characters, wide=not (whole.isascii() and other.isascii()))
    return whole.replace(sought, other)


@function("guid", pure=False, parameters="optionally a format")
def guid(format: Json = "D") -> str:
    """Answer a new globally unique identifier in one of the formats N, D, B, P, X."""
    made = uuid.uuid4()
    style = "D" if format is None else arguments.text("guid", format).upper()
    if style == "X":
        tail = ",".join(f"0x{octet:02x}" for octet in made.bytes[8:])
        return f"{{0x{made.time_low:08x},0x{made.time_mid:04x},0x{made.time_hi_version:04x},{{{tail}}}}}"
    shapes = {"N": made.hex, "D": str(made), "": str(made), "B": f"{{{made}}}", "P": f"({made})"}
    if style not in shapes:
        raise errors.failed("guid", f"The format '{style}' is not one of 'N', 'D', 'B', 'P' and 'X'")
    return shapes[style]


@function("toLower")
def to_lower(scope: Scope, text: Json) -> str:
    """Answer the string in lower case, in the invariant culture."""
    whole = arguments.text("toLower", text)
    scope.meter.piece(whole, len(whole))
    return utf16.lower(whole)


@function("toUpper")
def to_upper(scope: Scope, text: Json) -> str:
    """Answer the string in upper case, in the invariant culture."""
    whole = arguments.text("toUpper", text)
    scope.meter.piece(whole, len(whole))
    return utf16.upper(whole)


@function("trim")
def trim(scope: Scope, text: Json) -> str:
    """Answer the string without white space at its ends."""
    whole = arguments.text("trim", text)
    scope.meter.piece(whole, len(whole))
    return whole.strip(WHITE_SPACE)


@function("trimByteOrderMark")
def trim_byte_order_mark(scope: Scope, content: Json) -> str:
    """Answer the content as text without the byte order mark at its start."""
    if not isinstance(content, str) and not values.is_envelope(content):
        raise arguments.unfit("trimByteOrderMark", "a string or binary content", content)
    text = values.to_text(content, scope.meter)
    scope.meter.piece(text, len(text))
    return text.removeprefix("\ufeff")


@function("indexOf", parameters="a string and the text to find")
def index_of(text: Json, sought: Json) -> int:
    """Answer the position of the first occurrence, -1 when there is none; case does not count."""
    whole, part = _folded("indexOf", text, sought)
    return whole.find(part)


@function("lastIndexOf", parameters="a string and the text to find")
def last_index_of(text: Json, sought: Json) -> int:
    """Answer the position of the last occurrence, -1 when there is none; case does not count."""
    whole, part = _folded("lastIndexOf", text, sought)
    if not part:
        return max(0, len(whole) - 1)
    return _from_end(whole, part, 1)


@function("nthIndexOf", parameters="a string, the text to find and the number of the occurrence")
def nth_index_of(text: Json, sought: Json, occurrence: Json) -> int:
    """Answer the position of the n-th occurrence, counted from the end when n is negative; -1 when there is none."""
    whole, part = _folded("nthIndexOf", text, sought)
    number = arguments.integer("nthIndexOf", occurrence, 3)
    if not part or not number:
        return 0 if number and not part else -1
    return _nth(whole, part, number) if number > 0 else _from_end(whole, part, -number)


@function("startsWith", parameters="a string and the text that it may start with")
def starts_with(text: Json, sought: Json) -> bool:
    """Answer whether the string starts with a text; case does not count."""
    whole, part = _folded("startsWith", text, sought)
    return whole.startswith(part)


@function("endsWith", parameters="a string and the text that it may end with")
def ends_with(text: Json, sought: Json) -> bool:
    """Answer whether the string ends with a text; case does not count."""
    whole, part = _folded("endsWith", text, sought)
    return whole.endswith(part)


@function("split", parameters="a string and the delimiter")
def split(scope: Scope, text: Json, delimiter: Json) -> list[Json]:
    """Cut a string at each delimiter; empty parts are kept."""
    whole = arguments.text("split", text, 1)
    separator = arguments.text("split", delimiter, 2)
    if not separator:
        return [whole]
    count = whole.count(separator) + 1
    scope.meter.items(count, 57)
    scope.meter.text(len(whole), wide=not whole.isascii())
    return list(whole.split(separator))


@function("utf8Length")
def utf8_length(text: Json) -> int:
    """Answer how many bytes the string has in UTF-8."""
    return len(values.utf8(arguments.text("utf8Length", text)))


@function("utf16Length")
def utf16_length(text: Json) -> int:
    """Answer how many code units the string has in UTF-16."""
    return utf16.length(arguments.text("utf16Length", text))


def _folded(name: str, text: Json, sought: Json) -> tuple[str, str]:
    whole = arguments.text(name, text, 1)
    part = arguments.text(name, sought, 2)
    return utf16.upper(utf16.spread(whole)), utf16.upper(utf16.spread(part))


def _nth(whole: str, part: str, number: int) -> int:
    """Find an occurrence, none overlapping another, in linear time."""
    if number > FAR:
        # The occurrence ends where the text up to there first has so many.
        ends = range(len(whole) + 1)
        end = bisect.bisect_left(ends, number, key=lambda end: whole.count(part, 0, end))
        return end - len(part) if end < len(ends) else -1
    found = -len(part)
    for _ in range(number):
        found = whole.find(part, found + len(part))
        if found < 0:
            return -1
    return found


def _from_end(whole: str, part: str, number: int) -> int:
    # Python finds forwards in linear time, but backwards in quadratic time at worst: so both are turned around.
    found = _nth(whole[::-1], part[::-1], number)
    return -1 if found < 0 else len(whole) - found - len(part)
