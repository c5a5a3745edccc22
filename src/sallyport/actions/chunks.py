"""Chunked transfer: a large body sent or fetched in pieces, when `contentTransfer` asks for it.

https://learn.microsoft.com/azure/logic-apps/logic-apps-handle-large-messages: an announcement, then one PATCH for each
piece; in the other direction a partial response (206), then one GET for each further range.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sallyport.actions import http_content
from sallyport.actions import inputs as read
from sallyport.actions.requests import Request, Send
from sallyport.engine.context import ActionContext
from sallyport.errors import PayloadTooLarge
from sallyport.http_messages import InboundResponse
from sallyport.wdl import values

#: What is sent at a time when the other side does not say.
CHUNK_BYTES = 4 * 1024 * 1024
#: The documented bound of a chunked message.
MESSAGE_BYTES = 1_073_741_824
_PARTIAL = 206
_RANGE = re.compile(r"bytes[ =](\d{1,15})-(\d{1,15})(?:/(\d{1,15}))?\s*\Z")


async def transfer(ctx: ActionContext, request: Request, send: Send) -> InboundResponse:
    """Send a request, in pieces when its action asks for it, and answer the whole response.

    Raises ConnectionFailed, or PayloadTooLarge.
    """
    if not _chunked(ctx):
        return await send(request)
    if request.body is not None and request.method in ("POST", "PUT"):
        return await _upload(request, send)
    return await _download(request, await send(request), send)


def _chunked(ctx: ActionContext) -> bool:
    configuration = ctx.action.raw.get("runtimeConfiguration")
    mode = read.member(configuration, "contentTransfer/transferMode")
    return isinstance(mode, str) and mode.casefold() == "chunked"


async def _upload(request: Request, send: Send) -> InboundResponse:
    content, content_type = http_content.encode(request.body, _content_type(request))
    announced = {"x-ms-transfer-mode": "chunked", "x-ms-content-length": str(len(content))}
    answer = await send(replace(request, headers={**request.headers, **announced}, body=None))
    location = answer.headers.get("location", "")
    if not 200 <= answer.status < 300 or not location:
        return answer
    position = 0
    while position < len(content):
        piece = content[position : position + _size(answer)]
        where = f"bytes={position}-{position + len(piece) - 1}/{len(content)}"
        headers = {**request.headers, "Content-Type": content_type, "Content-Range": where}
        body = values.envelope(piece, content_type)
        answer = await send(Request("PATCH", location, headers=headers, body=body, part=str(position)))
        if not 200 <= answer.status < 300:
            return answer
        position = _received(answer, position + len(piece), position)
        location = answer.headers.get("location", "") or location
    return answer


async def _download(request: Request, first: InboundResponse, send: Send) -> InboundResponse:
    whole, answer = bytearray(first.body), first
    while answer.status == _PARTIAL and (found := _RANGE.match(answer.headers.get("content-range", ""))):
        if len(whole) > MESSAGE_BYTES:
            raise PayloadTooLarge(f"The message is larger than {MESSAGE_BYTES} bytes.")
        if found[3] is None or len(whole) >= int(found[3]) or not answer.body:
            break
        onward = {**request.headers, "Range": f"bytes={len(whole)}-"}
        answer = await send(replace(request, headers=onward, body=None))
        if answer.status != _PARTIAL:
            # An error; or all of it, from a server that has not heeded the range this time.
            return answer
        whole += answer.body
    return first if answer is first else replace(first, body=bytes(whole))


def _content_type(request: Request) -> str:
    return next((value for name, value in request.headers.items() if name.casefold() == "content-type"), "")


def _size(answer: InboundResponse) -> int:
    stated = answer.headers.get("x-ms-chunk-size", "")
    asked = int(stated) if stated.isascii() and stated.isdigit() and len(stated) < 12 else 0
    return asked if 0 < asked <= CHUNK_BYTES else CHUNK_BYTES


def _received(answer: InboundResponse, sent: int, before: int) -> int:
    """Answer up to where the other side says to have received, which must be further than before."""
    found = _RANGE.match(answer.headers.get("range", ""))
    received = int(found[2]) + 1 if found is not None else sent
    return received if before < received <= sent else sent
