"""The scheme by which a caller reached us, where a reverse proxy in front ends TLS.

The rule: no header of a caller is trusted for it. A request that names the host of `public_url` came by its scheme; any
other came as it arrived, or as one of `trusted_proxies` says.
"""

from __future__ import annotations

import httpx
from starlette.types import ASGIApp, Receive, Scope, Send


class PublicScheme:
    """ASGI middleware that sets the scheme of requests to the public address, so that links in answers lead back."""

    def __init__(self, app: ASGIApp, public_url: str) -> None:
        self._app = app
        public = httpx.URL(public_url)
        self._scheme = public.scheme
        #: As clients write it: in ASCII, and without the scheme's usual port.
        self._host = public.netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, under the scheme that its caller used."""
        if scope["type"] == "http" and self._names_public_host(scope):
            scope = {**scope, "scheme": self._scheme}
        await self._app(scope, receive, send)

    def _names_public_host(self, scope: Scope) -> bool:
        return any(name == b"host" and value.lower() == self._host for name, value in scope["headers"])
