"""Draws what the endpoints refuse as RFC 6749, section 5.2, has it, with what Microsoft Entra ID adds."""

from __future__ import annotations

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sallyport.auth import refusals
from sallyport.auth.refusals import Refused
from sallyport.clock import Clock

UNCACHED = {"Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}


def refused(request: Request, clock: Clock, refusal: Refused) -> Response:
    """Answer a refusal."""
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
    headers = dict(UNCACHED)
    if isinstance(refusal, refusals.TooManyFailures | refusals.Unavailable):
        headers["Retry-After"] = str(refusal.retry_after_seconds)
    if refusal.status == 405:
        headers["Allow"] = "POST"
    if refusal.status == 401 and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm=""'
    return JSONResponse(body, refusal.status, headers)
