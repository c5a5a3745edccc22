"""Message bodies to JSON values and back: https://learn.microsoft.com/azure/logic-apps/logic-apps-content-type.

The rule: JSON stays JSON and plain text stays text; everything else travels as an envelope of `$content-type` and
base64, which as a whole body restores the very bytes it came from.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson

from sallyport.wdl import json_text, multipart, values
from sallyport.wdl.errors import BudgetExceeded

JSON_TYPE = "application/json"
TEXT_TYPE = "text/plain; charset=utf-8"
FORM_TYPE = "application/x-www-form-urlencoded"
FORM = "$formdata"
#: More fields than this are not taken apart.
_MOST_FIELDS = 10_000
#: JSON with fewer brackets than this cannot be too deep.
_SHALLOW = 200
# The fast reader makes floats of integers above 64 bits; so many digits in a row send the text to the exact one. With
# every digit made a zero they are found by a plain search, ten times as fast as by a pattern.
_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_DIGITS = b"0" * 19


def decode(content_type: str, content: bytes) -> Any:
    """Answer a body as the value that an action shows; what claims to be JSON and is not becomes text."""
    media_type = _media_type(content_type)
    shown = _part(content_type, content)
    if media_type == FORM_TYPE:
        shown[FORM] = _fields(content)
    elif media_type.startswith("multipart/"):
        parts = multipart.read(content_type, content)
        if parts is not None:
            shown[multipart.PARTS] = [
                {"headers": dict(headers), "body": _part(multipart.type_of(headers), part)} for headers, part in parts
            ]
    return shown


def encode(body: Any, content_type: str = "") -> tuple[bytes, str]:
    """Answer a value as bytes, with their content type: the one that is asked for, else what suits the value.

    Null is no body. Raises ValueError when an envelope's content is not base64.
    """
    if body is None:
        return b"", content_type
    if isinstance(body, str):
        return values.utf8(body), content_type or TEXT_TYPE
    if isinstance(body, dict):
        if values.is_envelope(body):
            return values.envelope_bytes(body), content_type or str(body[values.CONTENT_TYPE])
        if isinstance(body.get(multipart.PARTS), list):
            return _encode_parts(body, content_type)
        if isinstance(body.get(FORM), list):
            fields = [field for field in body[FORM] if isinstance(field, dict)]
            pairs = [(values.to_text(field.get("key")), values.to_text(field.get("value"))) for field in fields]
            return urlencode(pairs).encode(), content_type or FORM_TYPE
    return values.json_bytes(body), content_type or JSON_TYPE


def outputs(status: int, headers: Mapping[str, str], content: bytes) -> dict[str, Any]:
    """Answer what an action shows of an HTTP response: `statusCode`, `headers`, and `body` when there is one."""
    shown: dict[str, Any] = {"statusCode": status, "headers": dict(headers)}
    if content:
        shown["body"] = decode(headers.get("content-type", ""), content)
    return shown


def is_json(media_type: str) -> bool:
    """Answer whether a media type, without parameters and in lower case, means JSON."""
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")


def text_of(content_type: str, content: bytes) -> str:
    """Answer bytes as text, in the charset of their content type, without a byte order mark."""
    return values.decoded(content, content_type).removeprefix("\ufeff")


def read_json(content: bytes | str, *, line_breaks: bool = False) -> Any:
    """Answer the value of a JSON text, integers of any size exact; strings may hold `line_breaks` if that is said.

    Raises ValueError when it is none, or is nested too deep.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    if _LONG_DIGITS in data.translate(_AS_ZERO):
        try:
            value = json.loads(
                data.decode("utf-8"),
                parse_constant=json_text.refuse,
                parse_float=json_text.finite,
                strict=not line_breaks,
            )
        except RecursionError:
            raise ValueError("The JSON is nested too deep.") from None
    else:
        value = _loaded(data, line_breaks)
    if data.count(b"[") + data.count(b"{") > _SHALLOW:
        try:
            # The fast writer refuses what is nested deeper than 254, before anything later has to.
            orjson.dumps(value)
        except TypeError:
            _demand_shallow(value)
    return value


def _loaded(data: bytes, line_breaks: bool) -> Any:
    try:
        return orjson.loads(data)
    except ValueError as strict:
        if not line_breaks:
            raise
        try:
            return json.loads(data.decode("utf-8"), parse_constant=json_text.refuse, strict=False)
        except (RecursionError, ValueError):
            # The first reader says better what is wrong, and where.
            raise strict from None


def _demand_shallow(value: Any) -> None:
    try:
        values.dumps(value)
    except BudgetExceeded as error:
        raise ValueError(error.message) from None


def _part(content_type: str, content: bytes) -> Any:
    """Answer a body, or one part of it, without taking it apart any further."""
    media_type = _media_type(content_type)
    if media_type == "text/plain":
        return text_of(content_type, content)
    if not is_json(media_type):
        return values.envelope(content, content_type or values.OCTETS)
    text = text_of(content_type, content)
    try:
        return read_json(text)
    except ValueError:
        return text


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().casefold()


def _fields(content: bytes) -> list[Any]:
    try:
        pairs = parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []
    return [{"key": key, "value": value} for key, value in pairs]


def _encode_parts(body: Mapping[str, Any], content_type: str) -> tuple[bytes, str]:
    stated = content_type or str(body.get(values.CONTENT_TYPE) or "multipart/form-data")
    parts = [_encode_part(part if isinstance(part, dict) else {"body": part}) for part in body[multipart.PARTS]]
    # The same body has the same boundary, so that a repeated request is the same request.
    digest = hashlib.sha256(b"\0".join(content for _, content in parts)).hexdigest()[:32]
    boundary = values.parameter_of(stated, "boundary")
    if boundary:
        return multipart.write(boundary, parts), stated
    boundary = f"sallyport-{digest}"
    return multipart.write(boundary, parts), f"{stated}; boundary={boundary}"


def _encode_part(part: Mapping[str, Any]) -> multipart.Part:
    stated = part.get("headers")
    fields = {str(name): values.to_text(value) for name, value in stated.items()} if isinstance(stated, dict) else {}
    named = next((name for name in fields if name.casefold() == "content-type"), "Content-Type")
    content, content_type = encode(part.get("body"), fields.get(named, ""))
    return ({**fields, named: content_type} if content_type else fields), content
