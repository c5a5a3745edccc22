"""The token endpoint, v2.0 and v1.0: a form comes in, a bearer token or an error of RFC 6749 goes out.

The rule: neither a secret nor a token is ever logged or written to the audit trail, and no answer may be cached.
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote_plus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from sallyport import errors
from sallyport.auth import refusals
from sallyport.auth.authority import Authority
from sallyport.auth.grants import GRANTS, Exchange, Granted
from sallyport.auth.refusals import Refused
from sallyport.clock import Clock
from sallyport.store import audit, schema
from sallyport.store.audit import AuditEvent

_FORM_BYTES = 64 * 1024
_FIELDS = 100
_TENANT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,252}\Z")
_UNCACHED = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}

_log = structlog.stdlib.get_logger(__name__)


async def token(authority: Authority, request: Request) -> Response:
    """Answer a request for a token."""
    try:
        return JSONResponse(await _granted(authority, request), headers=_UNCACHED)
    except Refused as refusal:
        return _refused(request, authority.clock, refusal)
    except (errors.StorageFull, errors.StorageUnavailable) as error:
        # No token without its line in the audit trail.
        _log.warning("token.unavailable", reason=error.code)
        return _refused(request, authority.clock, refusals.Unavailable(error.status))


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
    except Refused as refusal:
        await _audit(authority, request, exchange, refusal)
        raise
    access_token = authority.tokens.mint(granted.subject, granted.audience)
    await _audit(authority, request, exchange, None)
    return _answer(request, authority, exchange, granted, access_token)


def drawn(clock: Clock, scope: Scope, error: errors.SallyportError) -> Response:
    """Answer an error that kept a request from this endpoint, or that nobody foresaw, as the endpoint would."""
    if error.status in (errors.StorageFull.status, errors.StorageUnavailable.status):
        return _refused(Request(scope), clock, refusals.Unavailable(error.status))
    return _refused(Request(scope), clock, refusals.RequestRefused(error))


def check_tenant(request: Request) -> None:
    """Raise `TenantNotFound` when the path's tenant cannot be a tenant's name.

    Deviation: every tenant id and domain name means the one tenant of this installation, so that scripts keep theirs.
    """
    tenant = str(request.path_params["tenant"])
    if not _TENANT.match(tenant):
        raise refusals.TenantNotFound(tenant[:64])


async def _exchange(request: Request, authority: Authority) -> Exchange:
    parameters = await _form(request)
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
        remote_address=request.client.host if request.client else "",
    )


async def _form(request: Request) -> Mapping[str, str]:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > _FORM_BYTES:
            raise refusals.FormUnreadable
        pieces.append(piece)
    try:
        pairs = parse_qsl(b"".join(pieces).decode(), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError as error:
        raise refusals.FormUnreadable from error
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters and not name.lower().startswith("x-client-"):
            raise refusals.ParameterRepeated(name[:64])
        parameters[name] = value
    return parameters


def _basic(authorization: str) -> tuple[str, str] | None:
    """Answer the id and secret of HTTP Basic authentication, each form-encoded as RFC 6749, section 2.3.1, says."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        return "", ""
    client_id, _, client_secret = decoded.partition(":")
    return unquote_plus(client_id), unquote_plus(client_secret)


def _answer(
    request: Request, authority: Authority, exchange: Exchange, granted: Granted, access_token: str
) -> dict[str, object]:
    seconds = authority.tokens.lifetime_seconds - 1
    if request.url.path.endswith("/v2.0/token"):
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": access_token,
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
    }


def _refused(request: Request, clock: Clock, refusal: Refused) -> Response:
    now = clock.now()
    trace_id = str(uuid.uuid4())
    correlation_id = request.headers.get("client-request-id", "")[:64] or str(uuid.uuid4())
    timestamp = f"{now:%Y-%m-%d %H:%M:%S}Z"
    body = {
        "error": refusal.code,
        "error_description": f"AADSTS{refusal.number}: {refusal.message} Trace ID: {trace_id} "
        f"Correlation ID: {correlation_id} Timestamp: {timestamp}",
        "error_codes": [refusal.number],
        "timestamp": timestamp,
        "trace_id": trace_id,
        "correlation_id": correlation_id,
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.number}",
    }
    headers = dict(_UNCACHED)
    if isinstance(refusal, refusals.TooManyFailures | refusals.Unavailable):
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.status == 405:
        headers["Allow"] = "POST"
    if refusal.status == 401 and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm=""'
    return JSONResponse(body, refusal.status, headers)


async def _audit(authority: Authority, request: Request, exchange: Exchange | None, refusal: Refused | None) -> None:
    """Write down who asked and what came of it; a flood that is refused for being one is only logged."""
    actor = exchange.client_id if exchange else ""
    address = request.client.host if request.client else ""
    if refusal is not None:
        _log.info("token.refused", client_id=actor, code=refusal.number, address=address)
        if exchange is None or isinstance(refusal, refusals.TooManyFailures):
            return
    event = AuditEvent(
        at=schema.instant(authority.clock.now()),
        actor=actor,
        activity="token.issued" if refusal is None else "token.refused",
        target=exchange.parameters.get("grant_type", "") if exchange else "",
        outcome="success" if refusal is None else "failure",
        remote_address=address,
        detail={} if refusal is None else {"code": f"AADSTS{refusal.number}"},
    )
    await authority.db.write(lambda connection: audit.append(connection, event))
