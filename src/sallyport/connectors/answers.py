"""Answers that a connector gives itself, in the shape that Azure's connectors answer in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport import errors
from sallyport.http_messages import Headers, InboundResponse
from sallyport.wdl import values


class InvalidCall(errors.BadRequest):
    """Raised when a call lacks what its operation needs, or gives it something that cannot be; answered with 400."""


def answer(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> InboundResponse:
    """Answer a response with a JSON body, or without any."""
    if body is None:
        return InboundResponse(status, Headers(headers or {}), b"")
    fields = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    return InboundResponse(status, Headers(fields), values.json_bytes(body))


def refusal(error: errors.SallyportError) -> InboundResponse:
    """Answer the response that shows an error."""
    headers = {"Retry-After": "30"} if error.status == 503 else {}
    return answer(error.status, {"error": {"code": error.code, "message": error.message}}, headers)
