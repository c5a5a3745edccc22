"""The token endpoint, v2.0 and v1.0: a form comes in, a bearer token or an error of RFC 6749 goes out.

The rule: neither a secret nor a token is ever logged or written to the audit trail, and no answer may be cached.
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_plus

import orjson
import structlog
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from sallyport import errors
from sallyport.auth import forms, refusals, scopes, user_grants
from sallyport.auth.authority import Authority
from sallyport.auth.discovery import address, issuer
from sallyport.auth.exchange import Exchange, Granted
from sallyport.auth.grants import GRANTS
from sallyport.auth.refusals import Refused
from sallyport.auth.refused import UNCACHED, refused
from sallyport.auth.tenant import check_tenant
from sallyport.clock import Clock
from sallyport.store import audit, grants, schema
from sallyport.store.audit import AuditEvent

_log = structlog.stdlib.get_logger(__name__)


async def token(authority: Authority, request: Request) -> Response:
    """Answer a request for a token."""
    try:
        return JSONResponse(await _granted(authority, request), headers=UNCACHED)
    except Refused as refusal:
        return refused(request, authority.clock, refusal)
    except (errors.StorageFull, errors.StorageUnavailable) as error:
        # No token without its line in the audit trail.
        _log.warning("token.unavailable", reason=error.code)
        return refused(request, authority.clock, refusals.Unavailable(error.status))


async def _granted(authority: Authority, request: Request) -> dict[str, object]:
    exchange: Exchange | None = None
    try:
        if request.method != "POST":
            raise refusals.MethodNotAllowed(request.method)
        check_tenant(request)
        exchange = await _exchange(request, authority)
        grant_type = exchange.parameter("grant_type")
        grant = GRANTS.get(grant_type)
        if grant is None:
            raise refusals.GrantUnsupported(grant_type[:64])
        granted = await grant(exchange)
        await _settle(exchange, granted)
    except Refused as refusal:
        await _note(authority, request, exchange, refusal)
        raise
    access_token = authority.tokens.mint(
        granted.subject, granted.audience, authority.tokens.issuer_at(address(request))
    )
    return _answer(request, authority, exchange, granted, access_token)


def drawn(clock: Clock, scope: Scope, error: errors.SallyportError) -> Response:
    """Answer an error that kept a request from this endpoint, or that nobody foresaw, as the endpoint would."""
    if error.status in (errors.StorageFull.status, errors.StorageUnavailable.status):
        return refused(Request(scope), clock, refusals.Unavailable(error.status))
    return refused(Request(scope), clock, refusals.RequestRefused(error))


async def _exchange(request: Request, authority: Authority) -> Exchange:
    parameters = await forms.read(request)
    client_id, client_secret = parameters.get("client_id", ""), parameters.get("client_secret", "")
    basic = _basic(request.headers.get("authorization", ""))
    if basic is not None:
        if client_secret or (client_id and client_id != basic[0]):
            raise refusals.ParameterRepeated("client_id")
        client_id, client_secret = basic
    return Exchange(
        authority=authority,
        parameters=parameters,
        client_id=client_id.strip().lower()[:256],
        client_secret=client_secret,
        remote_address=_address(request),
        endpoint=f"{address(request)}{request.url.path}",
    )


def _basic(authorization: str) -> tuple[str, str] | None:
    """Answer the id and secret of HTTP Basic authentication, each form-encoded as RFC 6749, section 2.3.1, says."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        return "", ""
    client_id, client_secret = (unquote_plus(each) for each in decoded.partition(":")[::2])
    # No database keeps a name with U+0000 in it.
    return ("", "") if "\0" in client_id else (client_id, client_secret)


def _answer(
    request: Request, authority: Authority, exchange: Exchange, granted: Granted, access_token: str
) -> dict[str, object]:
    seconds = authority.tokens.lifetime_seconds - 1
    more = _of_user(request, authority, granted)
    if request.url.path.endswith("/v2.0/token"):
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": access_token,
            **more,
        }
    # The v1.0 endpoint writes its numbers as text.
    now = int(authority.clock.now().timestamp())
    return {
        "token_type": "Bearer",
        "expires_in": str(seconds),
        "ext_expires_in": str(seconds),
        "expires_on": str(now + seconds),
        "not_before": str(now),
        "resource": exchange.parameters.get("resource") or granted.audience,
        "access_token": access_token,
        **more,
    }


def _of_user(request: Request, authority: Authority, granted: Granted) -> dict[str, object]:
    """Answer what only a token in a user's name comes with."""
    person = granted.subject.person
    if person is None:
        return {}
    client_info = orjson.dumps({"uid": person.id, "utid": authority.tenant_id})
    found: dict[str, object] = {
        "scope": scopes.told(granted.scope, granted.audience, person.scopes),
        "client_info": base64.urlsafe_b64encode(client_info).decode().rstrip("="),
    }
    if granted.refresh_token is not None:
        found["refresh_token"] = granted.refresh_token
    if granted.identity:
        found["id_token"] = authority.tokens.identity(granted.subject, issuer(authority, request), granted.nonce)
    return found


async def _settle(exchange: Exchange, granted: Granted) -> None:
    """Use up what the token is given for, store what comes in its place and write it down, all or nothing.

    Raises `GrantInvalid` for all but one of those who bring the same at once.
    """
    person, used, stored = granted.subject.person, granted.used, granted.stored
    event = _event(exchange, "token.issued", {"user": person.name} if person is not None else {})

    def settle(connection: Connection) -> bool:
        if used is not None and not grants.use(connection, used):
            return False
        if stored is not None:
            grants.insert(connection, stored)
        audit.append(connection, event)
        return True

    if not await exchange.authority.db.write(settle):
        assert used is not None
        await user_grants.end(exchange, used)
        raise user_grants.GrantInvalid(used.kind)


async def _note(authority: Authority, request: Request, exchange: Exchange | None, refusal: Refused) -> None:
    """Write down who asked and was refused; of a flood the rest is only logged."""
    actor, address = exchange.client_id if exchange else "", _address(request)
    _log.info("token.refused", client_id=actor, code=refusal.number, address=address)
    if exchange is not None and refusal.audited and authority.audit_budget.taken(address):
        event = _event(exchange, "token.refused", {"code": f"AADSTS{refusal.number}"})
        await authority.db.write(lambda connection: audit.append(connection, event))


def _event(exchange: Exchange, activity: str, detail: dict[str, str]) -> AuditEvent:
    return AuditEvent(
        at=schema.instant(exchange.authority.clock.now()),
        actor=exchange.client_id,
        activity=activity,
        target=exchange.parameters.get("grant_type", ""),
        outcome="success" if activity == "token.issued" else "failure",
        remote_address=exchange.remote_address,
        detail=detail,
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
