"""Says who is calling: puts a principal, or why there is none, beside each request.

The rule: this never answers a request. `principal.of(scope)` raises the reason where a surface needs a caller, and the
surface draws it in its own shape; the challenge header of a 401 is added here on its way out.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sallyport import errors
from sallyport.auth.authority import Authority
from sallyport.auth.tokens import TokenEmpty
from sallyport.principal import Principal

#: Where Microsoft sends callers without a token; clients that read it expect this form.
CHALLENGE = (
    b'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    b'client_id="00000003-0000-0000-c000-000000000000"'
)


class Bearer:
    """ASGI middleware that attaches `state["principal"]`: a `Principal`, or the `Unauthenticated` to raise."""

    def __init__(self, app: ASGIApp, authority: Authority, accept_bare: bool = False) -> None:
        self._app = app
        self._authority = authority
        #: One feeder of indicators sends its token without the word `Bearer` before it.
        self._accept_bare = accept_bare

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = self._caller(scope)
        scope.setdefault("state", {})["principal"] = caller
        await self._app(scope, receive, send if isinstance(caller, Principal) else _challenging(send))

    def _caller(self, scope: Scope) -> Principal | errors.Unauthenticated:
        authorization = next((value for name, value in scope["headers"] if name == b"authorization"), None)
        if authorization is None:
            return TokenEmpty()
        try:
            return self._authority.tokens.verify(self._token(authorization.decode("latin-1").strip()))
        except errors.Unauthenticated as reason:
            # Kept and raised later: without its frames, which would keep the token alive.
            return reason.with_traceback(None)

    def _token(self, authorization: str) -> str:
        scheme, separator, token = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        if self._accept_bare and not separator and scheme.count(".") == 2:
            return scheme
        raise TokenEmpty


def _challenging(send: Send) -> Send:
    async def challenge(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 401:
            fields = list(message.get("headers", ()))
            if not any(name.lower() == b"www-authenticate" for name, _ in fields):
                message = {**message, "headers": [*fields, (b"www-authenticate", CHALLENGE)]}
        await send(message)

    return challenge
