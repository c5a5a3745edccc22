"""Reads the text of a file as JSON, and says exactly where it is not.

The rule to know: JSON to the letter, but for a byte order mark and comments (`//`, `/* */`), which Azure's own tools
accept; an object or array whose key stands twice is refused, because one of the two would silently be lost. Of a simple
value that stands twice the last one counts, with a note: real files do that.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, NoReturn

from sallyport.errors import BadRequest

if TYPE_CHECKING:
    from sallyport.wdl.values import Json

#: The largest file, in bytes. (ARM's own limit for a template is 4 MB.)
LARGEST = 8 * 1024 * 1024
#: Arrays and objects inside one another.
DEEPEST = 200

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_STRING = r'"(?:[^"\\]|\\.)*+"?'
_COMMENTS = re.compile(rf"{_STRING}|//[^\n]*|/\*(?:[^*]|\*(?!/))*+(?:\*/)?", re.DOTALL)
_STRUCTURE = re.compile(rf"(?P<key>{_STRING})(?=\s*:\s*(?P<container>[{{\[])?)|{_STRING}|[{{}}\[\]]", re.DOTALL)


class InvalidJsonError(BadRequest):
    """Raised when the text of a file is not JSON; `line` and `column` (from 1) say where, 0 when there is no place."""

    code = "InvalidRequestContent"

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"{message} (line {line}, column {column})" if line else message)
        self.line = line
        self.column = column


def read(data: bytes | str) -> tuple[Json, list[str]]:
    """Answer the value of a file's text, and notes about what is unusual in it; raises InvalidJsonError."""
    text = _decoded(data)
    if len(text) > LARGEST:
        raise InvalidJsonError(f"The file is larger than {LARGEST // 1024 // 1024} MB.")
    text = _COMMENTS.sub(_blanked, text)
    notes = _check_structure(text)
    try:
        value: Json = json.loads(text, parse_constant=_refuse_constant, parse_float=_float, parse_int=_int)
    except json.JSONDecodeError as error:
        raise InvalidJsonError(_sentence(error), error.lineno, error.colno) from None
    return value, notes


def _decoded(data: bytes | str) -> str:
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    if len(data) > LARGEST + 3:
        raise InvalidJsonError(f"The file is larger than {LARGEST // 1024 // 1024} MB.")
    if data.startswith(_UTF_16):
        raise InvalidJsonError("The file is UTF-16 text, as Windows PowerShell writes it; save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidJsonError(f"The file is not UTF-8 text: byte {error.start} cannot be read.") from None


def _blanked(match: re.Match[str]) -> str:
    """Answer blanks of the same shape for a comment, so that lines and columns stay true; a string as it is."""
    return match[0] if match[0][0] == '"' else re.sub(r"[^\n]", " ", match[0])


def _check_structure(text: str) -> list[str]:
    # Before the parser, which would recurse, and would keep the last of two equal keys without a word.
    notes: list[str] = []
    open_objects: list[dict[str, bool] | None] = []
    for match in _STRUCTURE.finditer(text):
        first = match[0][0]
        if first in "{[":
            open_objects.append({} if first == "{" else None)
            if len(open_objects) > DEEPEST:
                raise _error(f"The document is nested more than {DEEPEST} deep.", text, match.start())
        elif first in "}]":
            if open_objects:
                open_objects.pop()
        elif match["key"] and open_objects:
            keys = open_objects[-1]
            if keys is not None:
                notes += _add_key(keys, match, text)
    return notes


def _add_key(keys: dict[str, bool], match: re.Match[str], text: str) -> list[str]:
    """Remember a key, and whether its value is an object or array; answer what there is to note about it."""
    key = match[0]
    if "\\" in key:
        try:
            key = f'"{json.loads(key)}"'
        except ValueError:
            return []
    holds_more = match["container"] is not None
    if key not in keys:
        keys[key] = holds_more
        return []
    twice = _error(f"The key {key[:100]} stands twice in the same object.", text, match.start())
    if holds_more or keys[key]:
        raise twice
    return [f"{twice.message}; the last one counts"]


def _error(message: str, text: str, position: int) -> InvalidJsonError:
    start = text.rfind("\n", 0, position)
    return InvalidJsonError(message, text.count("\n", 0, position) + 1, position - start)


def _sentence(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "There is text after the end of the document."
    if error.doc[: error.pos].rstrip().endswith(",") and error.doc[error.pos : error.pos + 1] in ("}", "]"):
        return f"The file is not JSON: there is a comma before the closing '{error.doc[error.pos]}'."
    return f"The file is not JSON: {error.msg[:1].lower()}{error.msg[1:]}."


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJsonError(f"The file is not JSON: {name} is not a number.")


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise InvalidJsonError("The file holds a number that is too large.")
    return value


def _int(digits: str) -> int:
    if len(digits) > 1000:
        raise InvalidJsonError("The file holds a number that is too large.")
    return int(digits)
