"""Cuts `$expand` into what is to be expanded and the options that stand in parentheses behind it.

The rule: a parenthesis, a semicolon or a comma inside a literal or inside parentheses belongs to the option that it
stands in; what an option means is read where the options of a request are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sallyport.odata.errors import InvalidQuery
from sallyport.odata.lexer import MAX_CHARACTERS

_CLAUSE = "expand"
_HEAD = re.compile(r"\s*(\*|[^\W\d]\w*)(/\$?\w+)?\s*+(\(.*\))?\s*", re.DOTALL)
_OPTION = re.compile(r"\s*(\$?\w+)\s*=(.*)", re.DOTALL)
#: What a literal may be written between.
_QUOTES = "'\""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of an expansion: its name folded and without the dollar sign, its value, and where that begins."""

    name: str
    value: str
    column: int


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to expand, and its options."""

    name: str
    column: int
    options: tuple[Option, ...]


def items(text: str) -> Iterator[Item]:
    """Answer what `$expand` names, in order.

    Raises InvalidQuery. See OData 4.01, URL Conventions, section 5.1.3.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidQuery(text, MAX_CHARACTERS + 1, f"more than {MAX_CHARACTERS} characters", _CLAUSE)
    for start, part in _parts(text, 0, len(text), ","):
        yield _item(text, start, part)


def _item(text: str, start: int, part: str) -> Item:
    column = start + len(part) - len(part.lstrip()) + 1
    match = _HEAD.fullmatch(part)
    if match is None:
        raise InvalidQuery(text, column, f"'{part.strip()}' is not what can be expanded", _CLAUSE)
    if match[2]:
        raise InvalidQuery(text, column, f"'{match[1]}{match[2]}': only whole resources are expanded", _CLAUSE)
    options: tuple[Option, ...] = ()
    if match[3]:
        inside = start + match.start(3) + 1
        options = tuple(
            _option(text, at, each) for at, each in _parts(text, inside, start + match.end(3) - 1, ";") if each.strip()
        )
    return Item(match[1], column, options)


def _option(text: str, start: int, part: str) -> Option:
    match = _OPTION.fullmatch(part)
    if match is None:
        raise InvalidQuery(text, start + 1, f"'{part.strip()}' is not an option with its value", _CLAUSE)
    value = match[2]
    column = start + match.start(2) + len(value) - len(value.lstrip()) + 1
    return Option(match[1].lower().removeprefix("$"), value.strip(), column)


def _parts(text: str, start: int, end: int, separator: str) -> Iterator[tuple[int, str]]:
    """Answer the parts of a stretch of text between separators that stand outside of parentheses and literals."""
    begun, opened, quote = start, list[int](), ""
    for at in range(start, end):
        character = text[at]
        if quote:
            # A doubled quote closes the literal and opens it again.
            quote = "" if character == quote else quote
        elif character in _QUOTES:
            quote, quoted = character, at
        elif character == "(":
            opened.append(at)
        elif character == ")":
            if not opened:
                raise InvalidQuery(text, at + 1, "this parenthesis was not opened", _CLAUSE)
            opened.pop()
        elif character == separator and not opened:
            yield begun, text[begun:at]
            begun = at + 1
    if quote:
        raise InvalidQuery(text, quoted + 1, "this string is not closed", _CLAUSE)
    if opened:
        raise InvalidQuery(text, opened[-1] + 1, "this parenthesis is not closed", _CLAUSE)
    if begun > start or text[begun:end].strip():
        yield begun, text[begun:end]
