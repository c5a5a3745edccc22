"""Headers that keep a browser from doing what nobody meant it to do with an answer.

The rule: what an answer says itself stays; these are for all that say nothing.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALWAYS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_OVER_TLS = (*_ALWAYS, (b"strict-transport-security", b"max-age=31536000"))


class SecurityHeaders:
    """ASGI middleware that adds the headers that an answer lacks."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        wanted = _OVER_TLS if scope.get("scheme") == "https" and not _names_this_machine(scope) else _ALWAYS

        async def guard(message: Message) -> None:
            if message["type"] == "http.response.start":
                fields = list(message.get("headers", ()))
                names = {name for name, _ in fields}
                fields.extend(field for field in wanted if field[0] not in names)
                message["headers"] = fields
            await send(message)

        await self._app(scope, receive, guard)


def _names_this_machine(scope: Scope) -> bool:
    """Answer whether the caller knows us as its own machine, where other programs speak plain http."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    return re.fullmatch(rb"(?i)(localhost|127\.[\d.]+|\[::1\])(:\d*)?", host) is not None
