"""The grant of a client that speaks for itself, RFC 6749 section 4.4, as playbooks and connectors use it.

The rule: no message repeats a secret or a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

from sallyport import errors
from sallyport.http_messages import ConnectionFailed, InboundResponse, OutboundRequest

#: How long a token is taken to hold when its issuer does not say, in seconds.
_LIFETIME_SECONDS = 300.0


class AuthenticationFailed(errors.SallyportError):
    """Raised when the authentication of a request cannot be had: unknown, incomplete, or refused by who issues it."""

    code = "AuthorizationFailed"
    status = 401


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and for how many seconds it holds."""

    text: str = field(repr=False)
    lifetime_seconds: float


def asking(url: str, form: Mapping[str, str], timeout_seconds: float) -> OutboundRequest:
    """Answer the request for a token; `form` holds what the grant needs beside its type."""
    return OutboundRequest(
        "POST",
        url,
        {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
        urlencode({"grant_type": "client_credentials", **form}).encode(),
        timeout_seconds=timeout_seconds,
        follow_redirects=False,
    )


def answered(url: str, response: InboundResponse) -> Token:
    """Answer the token in a response.

    Raises AuthenticationFailed, or ConnectionFailed when asking again may help.
    """
    if response.is_retryable:
        detail = f"It answered with status {response.status} instead of a token."
        raise ConnectionFailed("unreachable", urlsplit(url).hostname or url, detail)
    try:
        answer = response.json()
    except ValueError:
        answer = None
    answer = answer if isinstance(answer, dict) else {}
    token = answer.get("access_token")
    if response.status == 200 and isinstance(token, str) and token:
        return Token(token, _seconds(answer.get("expires_in")))
    reason = answer.get("error_description") or answer.get("error")
    said = f": {reason[:500]}" if isinstance(reason, str) else ""
    raise AuthenticationFailed(f"The authority gave no token; it answered with status {response.status}{said}.")


def _seconds(stated: object) -> float:
    # The older endpoint of Microsoft's identity platform writes it as text.
    text = str(stated)
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else _LIFETIME_SECONDS
