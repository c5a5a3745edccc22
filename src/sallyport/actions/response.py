"""Response: the answer to whoever called the workflow and waits.

The rule: the answer goes out only after it is committed, which is the engine's business.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Failed, Outcome, Skipped, Succeeded

#: RFC 9110, sections 5.1 and 5.5.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SKIPPED = "ActionResponseSkipped"
_REASONS = {
    _SKIPPED: "the client application is not waiting for a response from service",
    "ActionResponseTimedOut": "the client application had stopped waiting for it",
    "ActionResponseAlreadyDefined": "another response was sent already",
}


@action("Response", responds=True, derives=True)
async def response(inputs: Any, ctx: ActionContext) -> Outcome:
    """Answer the caller with `statusCode`, `headers` and `body`; skipped when nobody waits."""
    status = read.integer(inputs, "statusCode")
    if not (200 <= status < 300 or 400 <= status < 600):
        raise read.InvalidInputs(f"The status code of a response is 2xx, 4xx or 5xx; it is {status}.")
    outputs: dict[str, Any] = {"statusCode": status}
    headers = read.texts(inputs, "headers")
    _demand_sendable(headers)
    if headers:
        outputs["headers"] = headers
    if read.member(inputs, "body") is not None:
        outputs["body"] = read.member(inputs, "body")
    refused = ctx.respond(status, headers, outputs.get("body"))
    if refused is None:
        return Succeeded(outputs)
    reason = _REASONS.get(refused, refused)
    if refused == _SKIPPED:
        return Skipped(refused, f"The execution of template action '{ctx.action.name}' is skipped: {reason}.")
    return Failed(refused, f"The response of action '{ctx.action.name}' was not sent: {reason}.")


def _demand_sendable(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if _NAME.fullmatch(name) is None or _BAD_VALUE.search(value) or not _is_latin(value):
            message = f"The header '{name[:80]}' of the response has a name or a value that HTTP refuses."
            raise read.InvalidInputs(message)


def _is_latin(value: str) -> bool:
    return all(ord(character) < 256 for character in value)
