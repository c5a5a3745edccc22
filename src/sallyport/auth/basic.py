"""Sign-in with an application's id and secret in every request, as TAXII clients know nothing else: RFC 7617.

The rule: only where it was let in, and only over TLS or on one machine; whoever fails too often waits, as at the token
endpoint. A secret that was checked is known again by a digest under a key of this process; what the application may do,
and whether its secrets still hold, is read anew each time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable

import structlog
from sqlalchemy.engine import Connection
from starlette.types import ASGIApp, Receive, Scope, Send

from sallyport import errors
from sallyport.auth import applications, refusals
from sallyport.auth.applications import Application
from sallyport.auth.authority import Authority
from sallyport.auth.exchange import Exchange
from sallyport.principal import Principal
from sallyport.store import audit, credentials, schema
from sallyport.store.audit import AuditEvent, Outcome
from sallyport.store.credentials import ClientSecret
from sallyport.web import nearness

#: So many secrets are known again.
_REMEMBERED = 1_000
_LENGTH_LIMIT = 4_096

_log = structlog.stdlib.get_logger(__name__)


class SecretRefused(errors.Unauthenticated):
    """Raised when an application's id and secret do not belong together, or do not hold."""

    def __init__(self) -> None:
        super().__init__("The user name must be the id of an application, and the password one of its secrets.")


class InTheClear(errors.Unauthenticated):
    """Raised when a secret comes over a network without TLS."""

    def __init__(self) -> None:
        super().__init__("Basic authentication is accepted over https only, or on the same machine.")


class Basic:
    """ASGI middleware behind the bearer check: makes a principal of an id and a secret on the paths that it takes."""

    def __init__(self, app: ASGIApp, authority: Authority, takes: Callable[[str], bool]) -> None:
        self._app = app
        self._authority = authority
        self._takes = takes
        self._key = secrets.token_bytes(32)
        #: Secrets that were checked, by their digests, with what they were checked against.
        self._known: OrderedDict[bytes, tuple[ClientSecret, ...]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = _given(scope) if scope["type"] == "http" and self._takes(scope["path"]) else None
        if given is not None:
            if not _is_private(scope):
                raise InTheClear
            caller = await self._caller(*given, (scope.get("client") or ("", 0))[0])
            scope.setdefault("state", {})["principal"] = caller
        await self._app(scope, receive, send)

    async def _caller(self, client_id: str, secret: str, address: str) -> Principal:
        digest = hashlib.blake2b(f"{client_id}:{secret}".encode(), key=self._key).digest()
        application = await self._known_again(digest, client_id)
        if application is None:
            application = await self._proved(digest, client_id, secret, address)
        client = application.client
        roles = frozenset(application.roles)
        return Principal(client.client_id, None, client.display_name, self._authority.tenant_id, roles)

    async def _known_again(self, digest: bytes, client_id: str) -> Application | None:
        """Answer the application of a secret that was checked before, unless anything about it has changed."""
        known = self._known.get(digest)
        if known is None:
            return None
        stored, application = await self._read(client_id)
        if application is None or not application.client.enabled or stored != known:
            # Another request of the same client may have done so meanwhile.
            self._known.pop(digest, None)
            return None
        if digest in self._known:
            self._known.move_to_end(digest)
        return application

    async def _proved(self, digest: bytes, client_id: str, secret: str, address: str) -> Application:
        exchange = Exchange(self._authority, {}, client_id, secret, address)
        # As they are before the secret is checked: one that is taken away meanwhile is not known again.
        stored, _ = await self._read(client_id)
        try:
            application = await exchange.proved()
        except refusals.TooManyFailures as refusal:
            # A flood is not written down.
            raise errors.TooManyRequests(refusal.message, refusal.retry_after_seconds) from refusal
        except refusals.Refused as refusal:
            _log.info("basic.refused", client_id=client_id, code=refusal.number, address=address)
            await self._audit(client_id, address, "failure", {"code": f"AADSTS{refusal.number}"})
            raise SecretRefused from refusal
        await self._audit(client_id, address, "success", {})
        self._known[digest] = stored
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return application

    async def _read(self, client_id: str) -> tuple[tuple[ClientSecret, ...], Application | None]:
        """Answer the secrets of an application that count now, and the application."""
        now = schema.instant(self._authority.clock.now())

        def read(connection: Connection) -> tuple[tuple[ClientSecret, ...], Application | None]:
            stored = credentials.secrets(connection, client_id)
            usable = tuple(each for each in stored if (each.starts_at or "") <= now < (each.expires_at or "9"))
            return usable, applications.read(connection, client_id)

        return await self._authority.db.read(read)

    async def _audit(self, client_id: str, address: str, outcome: Outcome, detail: dict[str, str]) -> None:
        at = schema.instant(self._authority.clock.now())
        activity = "basic.accepted" if outcome == "success" else "basic.refused"
        event = AuditEvent(at, client_id, activity, "taxii", outcome, address, detail)
        await self._authority.db.write(lambda connection: audit.append(connection, event))


def _given(scope: Scope) -> tuple[str, str] | None:
    """Answer the id and secret of a request; None when it brings something else."""
    authorization = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        if len(encoded) > _LENGTH_LIMIT:
            raise SecretRefused
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (ValueError, binascii.Error):
        raise SecretRefused from None
    # No database keeps a name with U+0000 in it.
    if not (colon and client_id and secret) or "\0" in client_id:
        raise SecretRefused
    return client_id.strip().lower()[:256], secret


def _is_private(scope: Scope) -> bool:
    """Answer whether nobody on a network can read along."""
    return bool(scope["scheme"] == "https") or nearness.is_here(scope)
