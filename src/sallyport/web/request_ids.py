"""Gives every request an id, keeps the caller's own, and sends both back.

https://learn.microsoft.com/graph/best-practices-concept: clients log `request-id` and look for `client-request-id`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LONGEST = 128


class RequestIds:
    """ASGI middleware that sets `state["request_id"]` and `state["client_request_id"]`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        client_request_id = _given(scope) or request_id
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["client_request_id"] = client_request_id

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with(
                    message.get("headers", ()),
                    (b"request-id", request_id.encode()),
                    (b"client-request-id", client_request_id.encode("latin-1")),
                )
            await send(message)

        await self._app(scope, receive, tell)


def _given(scope: Scope) -> str:
    """Answer the caller's own id when it is one that can be sent back and logged as it is."""
    for name, value in scope["headers"]:
        if name == b"client-request-id":
            text: str = value.decode("latin-1").strip()
            return text if len(text) <= _LONGEST and text.isascii() and text.isprintable() else ""
    return ""


def _with(fields: Iterable[tuple[bytes, bytes]], *more: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    present = list(fields)
    names = {name for name, _ in present}
    present.extend(field for field in more if field[0] not in names)
    return present
