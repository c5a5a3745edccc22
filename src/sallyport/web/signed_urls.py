"""Addresses that carry their own permission: a signature over what they allow, under the workflow's access key.

The rule: a signature is compared in constant time, and says nothing about which part of an address was wrong.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

from sallyport import errors

API_VERSION = "2016-10-01"
VERSION = "1.0"


class SignatureRefused(errors.Unauthenticated):
    """Raised when an address is not signed, or not for this."""

    code = "DirectApiAuthorizationRequired"

    def __init__(self) -> None:
        super().__init__("The request must be authenticated only by Shared Access scheme: its signature is not valid.")


@lru_cache(maxsize=4096)
def signature(access_key: bytes, permission: str, expires: str = "") -> str:
    """Answer the signature of a permission such as `/triggers/manual/run`."""
    signed = f"{VERSION}\n{permission}\n{expires}".encode()
    digest = hmac.new(access_key, signed, hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def check(access_key: bytes, permission: str, query: Mapping[str, str], now: datetime) -> None:
    """Raise SignatureRefused unless an address with such a query allows something, and does so still."""
    expires, given = query.get("se", ""), query.get("sig", "")
    if not hmac.compare_digest(signature(access_key, permission, expires).encode(), given.encode("utf-8", "replace")):
        raise SignatureRefused
    if expires and _passed(expires, now):
        raise SignatureRefused


def trigger_permission(trigger_name: str) -> str:
    """Answer what the address of a trigger allows."""
    return f"/triggers/{trigger_name}/run"


def trigger_url(origin: str, workflow_id: str, access_key: bytes, trigger_name: str, expires: str = "") -> str:
    """Answer the callback address of a trigger; `expires` is a UTC moment in ISO 8601, empty for never."""
    permission = trigger_permission(trigger_name)
    path = f"/workflows/{workflow_id}/triggers/{quote(trigger_name, safe='')}/paths/invoke"
    return origin + path + _query(access_key, permission, expires)


def action_permission(run_id: str, action: str, repetition: str) -> str:
    """Answer what the address of a waiting action allows."""
    return f"/runs/{run_id}/actions/{action}/{repetition or '-'}/report"


def action_url(origin: str, workflow_id: str, access_key: bytes, run_id: str, action: str, repetition: str) -> str:
    """Answer the address to which somebody reports to a waiting action."""
    permission = action_permission(run_id, action, repetition)
    path = f"/workflows/{workflow_id}/runs/{run_id}/actions/{quote(action, safe='')}/callback/{repetition or '-'}"
    return origin + path + _query(access_key, permission)


def response_permission(run_id: str) -> str:
    """Answer what the address of a run's response allows."""
    return f"/runs/{run_id}/response/read"


def response_url(origin: str, workflow_id: str, access_key: bytes, run_id: str) -> str:
    """Answer the address at which a run's response is, once there is one."""
    return f"{origin}/workflows/{workflow_id}/runs/{run_id}/response" + _query(access_key, response_permission(run_id))


def content_permission(run_id: str, action: str, repetition: str, part: str) -> str:
    """Answer what the address of a recorded content allows; `part` is `inputs` or `outputs`."""
    return f"/runs/{run_id}/contents/{action}/{repetition or '-'}/{part}/read"


def content_url(
    origin: str, workflow_id: str, access_key: bytes, place: tuple[str, str, str, str], expires: str
) -> str:
    """Answer the address of a recorded content, which is read without a token; `place` is what its permission names."""
    run_id, action, repetition, part = place
    path = f"/workflows/{workflow_id}/runs/{run_id}/contents/{quote(action, safe='')}/{repetition or '-'}/{part}"
    return origin + path + _query(access_key, content_permission(*place), expires)


def _passed(expires: str, now: datetime) -> bool:
    try:
        until = datetime.fromisoformat(expires)
    except ValueError:
        return True
    return (until if until.tzinfo else until.replace(tzinfo=UTC)) <= now


def _query(access_key: bytes, permission: str, expires: str = "") -> str:
    until = f"&se={quote(expires, safe='')}" if expires else ""
    signed = signature(access_key, permission, expires)
    return f"?api-version={API_VERSION}{until}&sp={quote(permission, safe='')}&sv={VERSION}&sig={signed}"
