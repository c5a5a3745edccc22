"""Conversion functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#conversion-functions.

Binary content travels as an envelope, `{"$content-type": ..., "$content": <base64>}`.
"""

from __future__ import annotations

import base64
import re
from decimal import Decimal, InvalidOperation
from urllib.parse import quote, unquote_to_bytes

from sallyport.wdl import errors, values
from sallyport.wdl.budget import SMALL_TEXT
from sallyport.wdl.dotnet import number_parse
from sallyport.wdl.dotnet.errors import DotnetError
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

_TAIL = "%[89ab][0-9a-f]"
#: Percent escapes that are characters in UTF-8: one to four bytes, neither overlong nor halves of surrogate pairs.
ESCAPED_TEXT = re.compile(
    rf"(?:%[0-7][0-9a-f]|%(?:c[2-9a-f]|d[0-9a-f]){_TAIL}"
    rf"|(?:%e0%[ab][0-9a-f]|%e[1-9abcef]{_TAIL}|%ed%[89][0-9a-f]){_TAIL}"
    rf"|(?:%f0%[9ab][0-9a-f]|%f[1-3]{_TAIL}|%f4%8[0-9a-f]){_TAIL}{_TAIL}){{1,100}}",
    re.ASCII | re.IGNORECASE,
)
UNRESERVED = "-_.~"
TEXT_TYPE = "text/plain;charset=utf-8"
JSON_TYPE = "application/json;charset=utf-8"


@function("int")
def int_(value: Json) -> int:
    """Answer a string or number as an integer; a fraction is an error."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, (float, Decimal)):
        return _parsed_integer(_plain(value))
    return _parsed_integer(arguments.text("int", value))


@function("float", parameters="a string and optionally a locale")
def float_(value: Json, locale: Json = None) -> float:
    """Answer a string, written as in a locale, or a number as a float."""
    culture = "en-US" if locale is None else arguments.text("float", locale, 2)
    if values.is_number(value):
        return _double(value)
    try:
        return number_parse.parse_float(arguments.text("float", value, 1), culture)
    except DotnetError as error:
        raise _unparsed("float", error) from None


@function("decimal")
def decimal(value: Json) -> Decimal:
    """Answer a string or number as a decimal, which keeps its scale.

    Deviation: in an array or object that an expression writes as text a decimal keeps all its digits, where Azure cuts
    it to a double.
    """
    if isinstance(value, Decimal):
        return value
    text = _plain(value) if values.is_number(value) else arguments.text("decimal", value)
    try:
        return number_parse.parse_decimal(text)
    except DotnetError as error:
        raise _unparsed("decimal", error) from None


@function("isInt")
def is_int(text: Json) -> bool:
    """Answer whether a string is an integer."""
    return number_parse.is_integer(arguments.text("isInt", text))


@function("isFloat", parameters="a string and optionally a locale")
def is_float(text: Json, locale: Json = None) -> bool:
    """Answer whether a string is a floating-point number as written in a locale."""
    culture = "en-US" if locale is None else arguments.text("isFloat", locale, 2)
    try:
        return number_parse.is_float(arguments.text("isFloat", text, 1), culture)
    except DotnetError as error:
        raise _unparsed("isFloat", error) from None


@function("bool")
def bool_(value: Json) -> bool:
    """Answer a boolean: of 0 false and of other numbers true, of a string what it says."""
    if isinstance(value, bool):
        return value
    if values.is_number(value):
        return value != 0
    word = arguments.text("bool", value).strip().casefold()
    if word not in {"true", "false"}:
        raise errors.failed("bool", "The provided string is neither 'true' nor 'false'")
    return word == "true"


@function("string")
def string(scope: Scope, value: Json) -> str:
    """Answer any value as text."""
    return values.to_text(value, scope.meter)


@function("binary")
def binary(scope: Scope, value: Json) -> dict[str, Json]:
    """Answer a string, or other content, as binary content."""
    if value is None:
        raise arguments.unfit("binary", "a string or content", value)
    return _envelope(scope, _content(scope, "binary", value), values.OCTETS)


@function("base64")
def base64_(scope: Scope, value: Json) -> str:
    """Answer a string, or binary content, in base64."""
    if isinstance(value, str):
        return _encoded(scope, values.utf8(value))
    if values.is_envelope(value):
        return _encoded(scope, _content(scope, "base64", value))
    raise arguments.unfit("base64", "a string", value)


@function("base64ToString", "decodeBase64")
def base64_to_string(scope: Scope, value: Json) -> str:
    """Answer the text whose UTF-8 bytes are given in base64."""
    return _decoded(scope, "base64ToString", value).decode("utf-8", "replace")


@function("base64ToBinary")
def base64_to_binary(scope: Scope, value: Json) -> dict[str, Json]:
    """Answer base64 as binary content."""
    return _envelope(scope, _decoded(scope, "base64ToBinary", value), values.OCTETS)


@function("dataUri")
def data_uri(scope: Scope, value: Json) -> str:
    """Answer a value as a data URI: text, XML, other content by its type, everything else as JSON."""
    if value is None:
        raise arguments.unfit("dataUri", "a string or content", value)
    if isinstance(value, str):
        return f"data:{TEXT_TYPE};base64,{_encoded(scope, values.utf8(value))}"
    if values.is_envelope(value):
        media_type = str(value[values.CONTENT_TYPE]).replace(" ", "")
        return f"data:{media_type};base64,{_encoded(scope, _content(scope, 'dataUri', value))}"
    return f"data:{JSON_TYPE};base64,{_encoded(scope, values.utf8(values.dumps(value, scope.meter)))}"


@function("dataUriToBinary", "decodeDataUri")
def data_uri_to_binary(scope: Scope, value: Json) -> dict[str, Json]:
    """Answer the content of a data URI, with its media type."""
    media_type, content = _data_uri(scope, "dataUriToBinary", value)
    return _envelope(scope, content, media_type)


@function("dataUriToString")
def data_uri_to_string(scope: Scope, value: Json) -> str:
    """Answer the text of a data URI, which must be in UTF-8."""
    media_type, content = _data_uri(scope, "dataUriToString", value)
    charset = values.parameter_of(media_type, "charset").casefold()
    if charset not in {"", "utf-8", "utf8", "us-ascii"}:
        raise errors.failed("dataUriToString", f"The charset '{charset[:40]}' is not supported, only 'utf-8' is")
    return content.decode("utf-8", "replace")


@function("uriComponent", "encodeUriComponent", at_least=1, parameters="a string")
def uri_component(scope: Scope, *parts: Json) -> str:
    """Answer a string with everything escaped that is not unreserved in RFC 3986.

    Several strings are combined first: designers save a path of several pieces so, and the service takes it.
    """
    text = "".join(arguments.text("uriComponent", part) for part in parts)
    if len(text) > SMALL_TEXT:
        scope.meter.text(len(text) * (3 if text.isascii() else 12))
    return quote(values.utf8(text), safe=UNRESERVED)


@function("uriComponentToString", "decodeUriComponent")
def uri_component_to_string(scope: Scope, value: Json) -> str:
    """Answer a string with its percent escapes undone; those that are not UTF-8 stay as they are written."""
    text = arguments.text("uriComponentToString", value)
    scope.meter.piece(text, len(text))
    return ESCAPED_TEXT.sub(lambda found: bytes.fromhex(found[0].replace("%", "")).decode("utf-8"), text)


@function("uriComponentToBinary")
def uri_component_to_binary(scope: Scope, value: Json) -> dict[str, Json]:
    """Answer a string with its percent escapes undone, as binary content."""
    return _envelope(scope, _unescaped(scope, "uriComponentToBinary", value), values.OCTETS)


def _plain(value: int | float | Decimal) -> str:
    """Draw a number without an exponent, as the parsers of integers and decimals want it."""
    try:
        return format(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), "f")
    except InvalidOperation:
        return str(value)


def _double(value: int | float | Decimal) -> float:
    try:
        return float(value)
    except OverflowError:
        raise errors.failed("float", "The number is out of the range of a double") from None


def _parsed_integer(text: str) -> int:
    try:
        return number_parse.parse_integer(text)
    except DotnetError as error:
        raise _unparsed("int", error) from None


def _unparsed(name: str, error: DotnetError) -> errors.EvaluationError:
    return errors.failed(name, error.message.removesuffix("."))


def _encoded(scope: Scope, content: bytes) -> str:
    if len(content) > SMALL_TEXT:
        scope.meter.text((len(content) + 2) // 3 * 4)
    return base64.b64encode(content).decode("ascii")


def _decoded(scope: Scope, name: str, value: Json) -> bytes:
    text = arguments.text(name, value)
    if len(text) > SMALL_TEXT:
        scope.meter.memory(len(text) * 2)
    try:
        return values.from_base64(text)
    except ValueError:
        raise errors.failed(name, "The provided string is not a valid base64 text") from None


def _envelope(scope: Scope, content: bytes, media_type: str) -> dict[str, Json]:
    return {values.CONTENT_TYPE: media_type, values.CONTENT: _encoded(scope, content)}


def _content(scope: Scope, name: str, value: Json) -> bytes:
    if not values.is_envelope(value):
        text = values.to_text(value, scope.meter)
        if len(text) > SMALL_TEXT:
            scope.meter.memory(len(text))
        return values.utf8(text)
    return _decoded(scope, name, value[values.CONTENT])


def _unescaped(scope: Scope, name: str, value: Json) -> bytes:
    text = arguments.text(name, value)
    if len(text) > SMALL_TEXT:
        scope.meter.text(len(text), wide=not text.isascii())
    return unquote_to_bytes(values.utf8(text))


def _data_uri(scope: Scope, name: str, value: Json) -> tuple[str, bytes]:
    text = arguments.text(name, value)
    head, comma, data = text.partition(",")
    if not comma or head[:5].casefold() != "data:":
        raise errors.failed(name, "The provided string is not a data URI")
    media_type = head[5:]
    if media_type.casefold().endswith(";base64"):
        return media_type[:-7] or "text/plain;charset=US-ASCII", _decoded(scope, name, data)
    return media_type or "text/plain;charset=US-ASCII", _unescaped(scope, name, data)
