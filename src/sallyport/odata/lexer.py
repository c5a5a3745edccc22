"""Cuts a filter into tokens.

A literal is told by its first characters alone, never by what stands beside it; what it means is decided later.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sallyport.odata.errors import InvalidQuery

#: Filters longer than this are refused unread.
MAX_CHARACTERS = 16_384

# The blank in a zone stands for a plus sign that a URL decoder has eaten: no other reading of `T10:00:00 02:00` exists.
_TOKENS = re.compile(
    r"""
      (?P<blank>\s+)
    | (?P<string>'(?:[^']|'')*'|"(?:[^"]|"")*")
    | (?P<guid>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![\w-]))
    | (?P<datetime>\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:[Zz]|[+\- ]\d\d:\d\d)?)?(?![\w.:-]))
    | (?P<decimal>[+-]?\d+(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?![\w.-]))
    | (?P<integer>[+-]?\d+(?![\w.-]))
    | (?P<name>[$@]?[^\W\d]\w*(?:\.[^\W\d]\w*)*)
    | (?P<symbol>[(),:/])
    """,
    re.VERBOSE,
)


#: What other languages write, and the word for it here; the longest of those that begin alike stands first.
_ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        "==": "eq",
        "!=": "ne",
        "<>": "ne",
        ">=": "ge",
        "<=": "le",
        "&&": "and",
        "||": "or",
        "=": "eq",
        ">": "gt",
        "<": "lt",
        "&": "and",
        "|": "or",
        "!": "not",
    }
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a filter; `kind` is the name of its group above, or `end`."""

    kind: str
    text: str
    column: int


def tokens(text: str) -> list[Token]:
    """Answer the tokens of a filter, closed by one of kind `end`.

    Raises InvalidQuery where no token begins.
    """
    _check_characters(text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            raise InvalidQuery(text, at + 1, _complaint(text, at))
        kind = match.lastgroup or ""
        if kind != "blank":
            found.append(Token(kind, _unquoted(match.group()) if kind == "string" else match.group(), at + 1))
        at = match.end()
    found.append(Token("end", "", len(text) + 1))
    return found


def _check_characters(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuery(text, MAX_CHARACTERS + 1, f"more than {MAX_CHARACTERS} characters")
    for index, character in enumerate(text):
        # Neither can be stored, so that neither can be found, and a database driver refuses both.
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise InvalidQuery(text, index + 1, f"the character U+{ord(character):04X} cannot be part of a query")


def _unquoted(text: str) -> str:
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote)


def _complaint(text: str, at: int) -> str:
    character = text[at]
    if character in "'\"":
        return "this string is not closed"
    if character.isdigit() or character in "+-":
        return "this is neither a number nor a date; a text stands in single quotes"
    for sign, word in _ELSEWHERE.items():
        if text.startswith(sign, at):
            return f"unexpected character '{character}': write {word}"
    return f"unexpected character '{character}'"
