"""Request bodies, read with bounds: so many bytes, so deep, every member named once, nothing that cannot be stored.

The rule: what `parse` answers can be written as JSON to either database and read back unchanged.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
from starlette.requests import Request

from sallyport import clock, errors
from sallyport.web import inflate

#: One request's JSON, unless a handler asks for another bound.
LIMIT_BYTES = 4 * 1024 * 1024
#: How deep arrays and objects may nest: far beyond any documented resource.
MAX_DEPTH = 64

_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
#: As few digits may be more than 64 bits; with every digit a 0, they are found fastest.
_LONG_DIGITS = b"0" * 19
_AS_ZERO = bytes.maketrans(b"123456789", b"0" * 9)
_BLANKS_BEFORE_COLON = (b" :", b"\t:", b"\r:", b"\n:")
#: What the header says of a body that is not encoded.
_AS_IT_IS = frozenset({"", "identity"})
_OTHER_MEDIA = ("application/xml", "text/xml", "text/html", "multipart/", "image/", "audio/", "video/", "font/")


class BodyTooLarge(errors.PayloadTooLarge):
    """Raised when a body has more bytes than the call accepts."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request body is larger than the {limit_bytes} bytes that this call accepts.")
        self.limit_bytes = limit_bytes


class MalformedJson(errors.BadRequest):
    """Raised when a body is not the JSON that a call needs; `reason` says in what way."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"Unable to read JSON request payload. {reason}")
        self.reason = reason


async def chunks(request: Request, limit_bytes: int) -> AsyncIterator[bytes]:
    """Answer a body piece by piece as it arrives, and raise BodyTooLarge as soon as it is over the bound.

    The bound holds for what a compressed body becomes as well, and so does one on how much it grows: that raises
    PayloadTooLarge too.
    """
    stream = inflate.Stream(_encoding(request), limit_bytes)
    _check_announced(request, limit_bytes)
    try:
        async for chunk in request.stream():
            for piece in stream.feed(chunk):
                if piece:
                    yield piece
                if stream.decoded:
                    # What arrived at once may have become very much: nobody else waits for all of it.
                    await clock.give_way()
    except inflate.TooLarge as error:
        raise BodyTooLarge(limit_bytes) from error
    stream.finish()


async def read_bytes(request: Request, limit_bytes: int = LIMIT_BYTES) -> bytes:
    """Answer a whole body of at most `limit_bytes`."""
    if _encoding(request) not in _AS_IT_IS:
        return b"".join([chunk async for chunk in chunks(request, limit_bytes)])
    # The way of nearly all bodies, and so without what only a compressed one needs.
    _check_announced(request, limit_bytes)
    received: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit_bytes:
            raise BodyTooLarge(limit_bytes)
        received.append(chunk)
    return b"".join(received)


async def read_json(
    request: Request, limit_bytes: int = LIMIT_BYTES, max_depth: int = MAX_DEPTH, *, exact: bool = False
) -> Any:
    """Answer a body's JSON; the content type is believed only where it names something that is never JSON.

    Some clients send JSON under `application/x-www-form-urlencoded`, others under no type at all.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media.startswith(_OTHER_MEDIA):
        raise MalformedJson(f"The content type '{media}' is not JSON.")
    return parse(await read_bytes(request, limit_bytes), max_depth, exact=exact)


def parse(data: bytes, max_depth: int = MAX_DEPTH, *, exact: bool = False) -> Any:
    """Answer the value of one JSON text; an integer beyond 64 bits is a double, unless integers must be `exact`.

    Raises MalformedJson for bad UTF-8, NaN, a member named twice, more nesting than `max_depth`, and U+0000.
    """
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
    if not data.strip():
        raise MalformedJson("The body is empty.")
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise MalformedJson(_reason(error, data, max_depth)) from error
    _demand_sound(data, value, max_depth)
    # What has more digits than Python reads is beyond a double, and refused by now.
    return json.loads(data) if exact and _LONG_DIGITS in data.translate(_AS_ZERO) else value


def _demand_sound(data: bytes, value: Any, max_depth: int) -> None:
    if _is_plain(data, value, max_depth):
        return
    if isinstance(value, dict | list) and _names_twice(data, _members(value, max_depth)):
        raise MalformedJson("An object names a member twice.")
    if b"\\u0000" in data and _holds_nul(value):
        raise MalformedJson("A string holds the character U+0000.")


def _is_plain(data: bytes, value: Any, max_depth: int) -> bool:
    """Answer, quickly, whether a text needs no closer look: it cannot be too deep, name a member twice or hold U+0000.

    A member that came twice is missing from what is written again, and so is its colon; what is written again as it
    was has none. Escapes of quotes and NUL might deceive; a text that has them is looked at closely.
    """
    if b"\\u00" in data or data.count(b"{") + data.count(b"[") > max_depth:
        return False
    written = orjson.dumps(value)
    if written == data:
        return True
    if b" :" in data or b"\t:" in data or b"\r:" in data or b"\n:" in data:
        return False
    return data.count(b'":') == written.count(b'":')


def _check_announced(request: Request, limit_bytes: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit_bytes:
        raise BodyTooLarge(limit_bytes)


def _encoding(request: Request) -> str:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in _AS_IT_IS and encoding not in inflate.ENCODINGS:
        accepted = ", ".join(inflate.ENCODINGS)
        raise errors.BadRequest(f"The content encoding '{encoding[:80]}' is not accepted: send one of {accepted}.")
    return encoding


def _reason(error: orjson.JSONDecodeError, data: bytes, max_depth: int) -> str:
    # JSON is UTF-8, whatever charset a header names (RFC 8259, section 8.1).
    try:
        data.decode()
    except UnicodeDecodeError as wrong:
        return f"It is not UTF-8: byte {wrong.start + 1} cannot be read."
    if b"\0" in data:
        return f"It is not UTF-8: byte {data.index(0) + 1} is NUL, as in UTF-16."
    if "depth" in error.msg.lower() or "recursion" in error.msg.lower():
        return f"It nests deeper than {max_depth} levels."
    return f"{error.msg.capitalize()} (line {error.lineno}, column {error.colno})."


def _members(value: Any, max_depth: int) -> int:
    """Answer how many members all objects together have; level by level, so that depth costs no stack.

    What is empty is no level of its own.
    """
    members = depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > max_depth:
            raise MalformedJson(f"It nests deeper than {max_depth} levels.")
        below: list[Any] = []
        for container in level:
            children = container
            if type(container) is dict:
                members += len(container)
                children = container.values()
            below += [child for child in children if child and (type(child) is dict or type(child) is list)]
        level = below
    return members


def _names_twice(data: bytes, members: int) -> bool:
    """Answer whether a valid JSON text writes out more members than were read from it."""
    # Cutting out the strings is dear. Where no blank stands before a colon, quote-colon pairs are never fewer than
    # the members written (a string may hold such a pair as well), so equality already proves that none came twice.
    if data.count(b'":') == members and not any(each in data for each in _BLANKS_BEFORE_COLON):
        return False
    return _STRINGS.sub(b"", data).count(b":") != members


def _holds_nul(value: Any) -> bool:
    level = [value]
    while level:
        node = level.pop()
        if isinstance(node, str):
            if "\x00" in node:
                return True
        elif isinstance(node, dict):
            level.extend(node.keys())
            level.extend(node.values())
        elif isinstance(node, list):
            level.extend(node)
    return False
