"""Forms, read with bounds: so many bytes, so many fields, each named once."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from sallyport.auth import refusals

_BYTES = 64 * 1024
_FIELDS = 100


async def read(request: Request) -> Mapping[str, str]:
    """Answer the fields of a request's form.

    Raises FormUnreadable when it is none or too large, and ParameterRepeated; clients repeat `x-client-…` at will.
    """
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > _BYTES:
            raise refusals.FormUnreadable
        pieces.append(piece)
    return parse(b"".join(pieces))


def parse(data: bytes) -> Mapping[str, str]:
    """Answer the fields of a form or of a query string; raises FormUnreadable and ParameterRepeated."""
    try:
        pairs = parse_qsl(data.decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise refusals.FormUnreadable from error
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters and not name.lower().startswith("x-client-"):
            raise refusals.ParameterRepeated(name[:64])
        if "\0" in name or "\0" in value:
            # No database keeps such a text, and no client means one.
            raise refusals.FormUnreadable
        parameters[name] = value
    return parameters
