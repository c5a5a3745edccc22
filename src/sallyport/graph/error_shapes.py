"""The shapes of errors that are not Graph's: those of the STIX upload and of TAXII, chosen by the path of a request.

The rule: whoever draws an error asks here first; None means that the shape is Graph's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from sallyport import errors

TAXII = "application/taxii+json;version=2.1"
#: The last segment of the upload as it was before.
OLD_UPLOAD = "threatintelligence:upload-indicators"
_BEARER = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)
#: Roots of paths whose errors have other shapes.
UPLOAD_ROOT, TAXII_ROOT = "workspaces", "taxii2"


def challenge(scope: Scope) -> str:
    """Answer what a caller that is not known is asked for on a path."""
    return f'{_BEARER}, Basic realm="sallyport", charset="UTF-8"' if is_taxii(str(scope.get("path", ""))) else _BEARER


def is_taxii(path: str) -> bool:
    """Answer whether a path is one of TAXII, known or not."""
    return next((each for each in path.lower().split("/") if each), "") == TAXII_ROOT


def drawn(scope: Scope, error: errors.SallyportError) -> Response | None:
    """Answer an error in the shape of the path's own standard, or None when that is Graph's."""
    segments = [each for each in str(scope.get("path", "")).lower().split("/") if each]
    first, last = (segments[0], segments[-1]) if segments else ("", "")
    if first == TAXII_ROOT:
        return _as_taxii(error)
    if first == UPLOAD_ROOT or last == OLD_UPLOAD:
        return _as_upload(error)
    return None


def _as_upload(error: errors.SallyportError) -> Response:
    """Answer as the gateway before Sentinel's upload does; feeders cut the waiting time out of the sentence."""
    message = error.message
    if isinstance(error, errors.TooManyRequests):
        message = f"Rate limit is exceeded. Try again in {error.retry_after_seconds} seconds."
    return _json({"statusCode": error.status, "message": message}, error.status, "application/json")


def _as_taxii(error: errors.SallyportError) -> Response:
    """Answer an error message of TAXII 2.1, section 3.6.1."""
    shown = {"title": error.message, "error_code": error.code, "http_status": str(error.status)}
    return _json(shown, error.status, TAXII)


def _json(content: Mapping[str, Any], status: int, media_type: str) -> Response:
    return Response(orjson.dumps(content), status, media_type=media_type)
