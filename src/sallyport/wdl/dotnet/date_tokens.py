"""The pieces of a .NET date format: what a standard letter stands for, and the specifiers and literals of a custom one.

Formatting and exact parsing both read formats through this module, so that they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from sallyport.wdl.dotnet.cultures import DateWords
from sallyport.wdl.dotnet.errors import FormatError

#: Deviation: a format longer than an expression can be is refused; .NET has no limit.
MAX_FORMAT_CHARACTERS = 8_192

ROUND_TRIP = "yyyy'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffK"
RFC_1123 = "ddd, dd MMM yyyy HH':'mm':'ss 'GMT'"
SORTABLE = "yyyy'-'MM'-'dd'T'HH':'mm':'ss"
UNIVERSAL_SORTABLE = "yyyy'-'MM'-'dd HH':'mm':'ss'Z'"

_SPECIFIERS = frozenset("dfFghHKmMstyz")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece: `letter` repeated `count` times, or literal `text` when the letter is empty.

    `:` and `/` are letters too: they stand for the separators of the culture.
    """

    letter: str
    count: int = 0
    text: str = ""


def expand(format: str, words: DateWords) -> str:  # noqa: A002
    """Put the pattern of the culture in place of a standard format of one letter; raises FormatError."""
    if not format:
        return f"{words.short_date} {words.long_time}"
    if len(format) > 1:
        return format
    pattern = _standard(words).get(format)
    if pattern is None:
        raise FormatError(format)
    return pattern


def _standard(words: DateWords) -> dict[str, str]:
    return {
        "d": words.short_date,
        "D": words.long_date,
        "f": f"{words.long_date} {words.short_time}",
        "F": f"{words.long_date} {words.long_time}",
        "g": f"{words.short_date} {words.short_time}",
        "G": f"{words.short_date} {words.long_time}",
        "m": words.month_day,
        "M": words.month_day,
        "o": ROUND_TRIP,
        "O": ROUND_TRIP,
        "r": RFC_1123,
        "R": RFC_1123,
        "s": SORTABLE,
        "t": words.short_time,
        "T": words.long_time,
        "u": UNIVERSAL_SORTABLE,
        "U": f"{words.long_date} {words.long_time}",
        "y": words.year_month,
        "Y": words.year_month,
    }


def tokens(pattern: str) -> list[Token]:
    """Cut a custom format into tokens; raises FormatError."""
    if len(pattern) > MAX_FORMAT_CHARACTERS:
        raise FormatError(pattern, f"it is longer than {MAX_FORMAT_CHARACTERS} characters")
    found: list[Token] = []
    index = 0
    while index < len(pattern):
        letter = pattern[index]
        if letter in _SPECIFIERS:
            # A `K` never repeats: `KK` is the zone twice.
            count = 1 if letter == "K" else _run_length(pattern, index)
            found.append(_specifier(pattern, letter, count))
            index += count
        elif letter == "%":
            index = _check_percent(pattern, index)
        else:
            token, index = _literal(pattern, index)
            found.append(token)
    return found


def _run_length(pattern: str, start: int) -> int:
    end = start
    while end < len(pattern) and pattern[end] == pattern[start]:
        end += 1
    return end - start


def _specifier(pattern: str, letter: str, count: int) -> Token:
    """Check how often a specifier may repeat; the longest form of most absorbs any further letters."""
    if letter in "fF" and count > 7:
        raise FormatError(pattern, "a fraction has at most seven digits")
    if letter == "y" and count > 9:
        raise FormatError(pattern, "a year has at most nine digits")
    longest = {"d": 4, "M": 4, "g": 1, "z": 3, "y": count, "f": count, "F": count}.get(letter, 2)
    return Token(letter, min(count, longest))


def _check_percent(pattern: str, index: int) -> int:
    if index + 1 >= len(pattern) or pattern[index + 1] == "%":
        raise FormatError(pattern, "a '%' must stand before a specifier")
    return index + 1


def _literal(pattern: str, index: int) -> tuple[Token, int]:
    """Read a separator, a quoted text, an escaped character or a plain one; answer where it ends."""
    letter = pattern[index]
    if letter in ":/":
        return Token(letter, 1), index + 1
    if letter in "'\"":
        return _quoted(pattern, index)
    if letter == "\\":
        if index + 1 >= len(pattern):
            raise FormatError(pattern, "nothing follows the last '\\'")
        return Token("", text=pattern[index + 1]), index + 2
    return Token("", text=letter), index + 1


def _quoted(pattern: str, start: int) -> tuple[Token, int]:
    quote, index = pattern[start], start + 1
    text: list[str] = []
    while index < len(pattern):
        if pattern[index] == quote:
            return Token("", text="".join(text)), index + 1
        if pattern[index] == "\\":
            index += 1
        text.append(pattern[index : index + 1])
        index += 1
    raise FormatError(pattern, "a quoted text is not closed")
