"""String functions.

https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-string
"""

from __future__ import annotations

import base64 as base64_codec
import json as json_codec
import re
import uuid
from hashlib import sha256
from urllib.parse import quote, unquote, urljoin

from sallyport.arm import values
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import function
from sallyport.arm.values import Json

#: The name space in which ARM makes `guid()`.
_GUID_NAMESPACE = uuid.UUID("11fb06fb-712d-4ddd-98c7-e71bbd588830")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


@function("base64")
def base64(text: Json) -> str:
    """Encode UTF-8 text."""
    return base64_codec.b64encode(values.text(text, "base64").encode()).decode()


@function("base64ToString")
def base64_to_string(text: Json) -> str:
    """Decode to UTF-8 text."""
    return _decoded(text, "base64ToString")


@function("base64ToJson")
def base64_to_json(text: Json) -> Json:
    """Decode to JSON."""
    return parse_json(_decoded(text, "base64ToJson"), "base64ToJson")


def _decoded(text: Json, name: str) -> str:
    try:
        return base64_codec.b64decode(values.text(text, name), validate=True).decode()
    except ValueError:
        raise TemplateError(f"The argument of '{name}' is not base64 of UTF-8 text.") from None


@function("dataUri", looks_deep=True)
def data_uri(value: Json) -> str:
    """Write a value as a data URI."""
    return "data:text/plain;charset=utf8;base64," + base64_codec.b64encode(values.to_text(value).encode()).decode()


@function("dataUriToString")
def data_uri_to_string(text: Json) -> str:
    """Read the text of a data URI."""
    head, comma, body = values.text(text, "dataUriToString").partition(",")
    if not comma or not head.startswith("data:"):
        raise TemplateError("The argument of 'dataUriToString' is not a data URI.")
    return _decoded(body, "dataUriToString") if head.endswith(";base64") else unquote(body)


@function("format", looks_deep=True)
def format_text(pattern: Json, *arguments: Json) -> str:
    """Fill the `{0}`, `{0,8}` and `{0:D4}` of a pattern."""
    text = values.text(pattern, "format")
    pieces: list[str] = []
    length = end = 0
    for match in re.finditer(r"\{\{|\}\}|\{(\d{1,4})(?:,(-?\d{1,9}))?(?::([^{}]*))?\}|[{}]", text):
        piece = _formatted(match, arguments)
        pieces += [text[end : match.start()], piece]
        length += len(piece) + match.start() - end
        values.demand_length(length)
        end = match.end()
    return "".join([*pieces, text[end:]])


def _formatted(match: re.Match[str], arguments: tuple[Json, ...]) -> str:
    if match[0] in ("{{", "}}"):
        return match[0][0]
    if match[1] is None:
        raise TemplateError("The pattern of 'format' has a brace that does not belong to a placeholder.")
    index, alignment = int(match[1]), int(match[2] or 0)
    if index >= len(arguments):
        raise TemplateError(f"The pattern of 'format' asks for argument {index}, which is not given.")
    values.demand_length(abs(alignment))
    text = _number_formatted(arguments[index], match[3]) if match[3] else values.to_text(arguments[index])
    return text.ljust(-alignment) if alignment < 0 else text.rjust(alignment)


def _number_formatted(value: Json, specification: str) -> str:
    letter, digits = specification[0].upper(), specification[1:]
    if isinstance(value, int) and not isinstance(value, bool) and letter in "DNFX" and (digits or "0").isdecimal():
        width = int((digits or "0")[:4])
        values.demand_length(width)
        if letter == "D":
            return f"{'-' if value < 0 else ''}{abs(value):0{width}d}"
        if letter == "X":
            return f"{value & 0xFFFFFFFFFFFFFFFF:0{width}{specification[0]}}"
        places = min(width if digits else 2, 99)
        return f"{value:,.{places}f}" if letter == "N" else f"{value:.{places}f}"
    if isinstance(value, str):
        return value
    raise TemplateError(f"The function 'format' cannot write {values.type_name(value)} as '{specification[:20]}'.")


@function("guid")
def guid(*texts: Json) -> str:
    """Make the same identifier from the same texts (UUID version 5, in ARM's name space)."""
    return str(uuid.uuid5(_GUID_NAMESPACE, "-".join(values.texts(texts, "guid"))))


@function("uniqueString")
def unique_string(*texts: Json) -> str:
    """Make the same 13 characters from the same texts.

    Deviation: the characters differ from those that Azure makes, whose hash is not published.
    """
    digest = int.from_bytes(sha256("-".join(values.texts(texts, "uniqueString")).encode()).digest()[:9], "big")
    return "".join(_BASE32[digest >> (5 * place) & 31] for place in range(13))


@function("json")
def json(text: Json) -> Json:
    """Read JSON."""
    return parse_json(values.text(text, "json"), "json")


def parse_json(text: str, name: str) -> Json:
    """Answer the value of JSON text, which may nest 200 deep."""
    try:
        value: Json = json_codec.loads(text)
        if "\\u" in text:
            # Half of a surrogate pair is no text that could be stored.
            values.to_text(value).encode()
    except (ValueError, RecursionError):
        raise TemplateError(f"The argument of '{name}' is not JSON.") from None
    level = [value]
    for _ in range(200):
        level = [inner for each in level for inner in _members(each)]
        if not level:
            return value
    raise TemplateError(f"The argument of '{name}' is nested too deeply.")


def _members(value: Json) -> list[Json]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []


@function("string", looks_deep=True)
def string(value: Json) -> str:
    """Write a value as text; arrays and objects as JSON."""
    return values.to_text(value)


@function("toLower")
def to_lower(text: Json) -> str:
    """Write in small letters."""
    return values.text(text, "toLower").lower()


@function("toUpper")
def to_upper(text: Json) -> str:
    """Write in capital letters."""
    return values.text(text, "toUpper").upper()


@function("trim")
def trim(text: Json) -> str:
    """Remove blanks from both ends."""
    return values.text(text, "trim").strip()


@function("padLeft", looks_deep=True)
def pad_left(value: Json, total: Json, padding: Json = " ") -> str:
    """Fill up on the left."""
    width = values.integer(total, "padLeft")
    values.demand_length(width)
    filler = values.text(padding, "padLeft")
    if len(filler) != 1:
        raise TemplateError("The padding of 'padLeft' must be one character.")
    return values.to_text(value).rjust(width, filler)


@function("replace")
def replace(text: Json, old: Json, new: Json) -> str:
    """Replace every occurrence, by case."""
    whole, was, becomes = values.texts([text, old, new], "replace")
    if not was:
        raise TemplateError("The text that 'replace' looks for is empty.")
    values.demand_length(len(whole) + whole.count(was) * (len(becomes) - len(was)))
    return whole.replace(was, becomes)


@function("split")
def split(text: Json, delimiter: Json) -> list[Json]:
    """Cut at a delimiter, or at any of several."""
    whole = values.text(text, "split")
    marks = values.texts(delimiter if isinstance(delimiter, list) else [delimiter], "split")
    pattern = "|".join(re.escape(mark) for mark in sorted(filter(None, marks), key=len, reverse=True))
    if not pattern:
        return [whole]
    pieces: list[Json] = list(re.split(pattern, whole, maxsplit=values.MOST_ITEMS))
    values.demand_items(len(pieces))
    return pieces


@function("startsWith")
def starts_with(text: Json, start: Json) -> bool:
    """Tell whether text starts with another, whatever the case."""
    return values.text(text, "startsWith").casefold().startswith(values.text(start, "startsWith").casefold())


@function("endsWith")
def ends_with(text: Json, end: Json) -> bool:
    """Tell whether text ends with another, whatever the case."""
    return values.text(text, "endsWith").casefold().endswith(values.text(end, "endsWith").casefold())


@function("substring")
def substring(text: Json, start: Json, length: Json = None) -> str:
    """Take a part of text."""
    whole = values.text(text, "substring")
    first = values.integer(start, "substring")
    count = len(whole) - first if length is None else values.integer(length, "substring")
    if first < 0 or count < 0 or first + count > len(whole):
        raise TemplateError("The start and length of 'substring' must lie within the string.")
    return whole[first : first + count]


@function("uri")
def uri(start: Json, relative: Json) -> str:
    """Put an absolute and a relative address together."""
    try:
        return urljoin(values.text(start, "uri"), values.text(relative, "uri"))
    except ValueError:
        raise TemplateError("The arguments of 'uri' do not make an address.") from None


@function("uriComponent")
def uri_component(text: Json) -> str:
    """Escape for an address."""
    return quote(values.text(text, "uriComponent"), safe="")


@function("uriComponentToString")
def uri_component_to_string(text: Json) -> str:
    """Read escaped text."""
    return unquote(values.text(text, "uriComponentToString"))
