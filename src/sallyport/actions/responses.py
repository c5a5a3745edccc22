"""What a response means for the action that asked: its outcome, its code, and whether asking again may help."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

from sallyport.actions import http_content, status_names
from sallyport.actions import inputs as read
from sallyport.actions.requests import Caller
from sallyport.engine.outcome import Failed, Outcome, Succeeded
from sallyport.errors import ReadTimedOut, SallyportError, StorageFull, StorageUnavailable, TooManyRequests
from sallyport.http_messages import ConnectionFailed, InboundResponse

#: The longest that the other side may ask us to wait.
_LONGEST_SECONDS = 86_400.0
#: What another workflow here may be refused with that asking again may help.
PASSING = (TooManyRequests, StorageUnavailable, StorageFull, ReadTimedOut)
#: Failures of a connection that a repeat would only meet again.
_LASTING = frozenset({"too_large", "redirects"})


def outcome_of(ctx: Caller, response: InboundResponse) -> Outcome:
    """Answer the outcome that a response means: 2xx succeeded, anything else failed with the status's name as code."""
    outputs = http_content.outputs(response.status, response.headers, response.body)
    name = status_names.name_of(response.status)
    if 200 <= response.status < 300:
        return Succeeded(outputs, name)
    return Failed(
        name,
        f"The request was answered with status {response.status} ({name}).{_detail(outputs.get('body'))}",
        outputs,
        retryable=response.is_retryable,
        retry_after_seconds=retry_after(ctx, response),
    )


def unreachable(error: ConnectionFailed) -> Failed:
    """Answer the outcome of a request that no response came to."""
    code = "GatewayTimeout" if error.kind == "timeout" else error.code
    return Failed(code, error.message, retryable=error.kind not in _LASTING)


def refused_for_now(error: SallyportError) -> Failed:
    """Answer the outcome of a call of another workflow here that was refused for a reason of `PASSING`."""
    seconds = error.retry_after_seconds if isinstance(error, TooManyRequests) else None
    return Failed(error.code, error.message, retryable=True, retry_after_seconds=seconds)


def retry_after(ctx: Caller, response: InboundResponse) -> float | None:
    """Answer for how many seconds, a day at the most, `Retry-After` asks to wait; None when it does not."""
    stated = response.headers.get("retry-after", "").strip()
    if not stated:
        return None
    if stated.isascii() and stated.isdigit():
        return _LONGEST_SECONDS if len(stated) > 6 else min(float(stated), _LONGEST_SECONDS)
    try:
        moment = parsedate_to_datetime(stated)
    except (ValueError, OverflowError):
        return None
    now = ctx.now() if moment.tzinfo is not None else ctx.now().replace(tzinfo=None)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_SECONDS)


def _detail(body: Any) -> str:
    """Answer what an error object of the usual shapes says, as a sentence of its own."""
    for path in ("error/message", "message", "error_description"):
        found = read.member(body, path)
        if isinstance(found, str) and found:
            return f" {found[:1_000]}"
    return ""
