"""Actions on many resources at once: each item succeeds or fails on its own, and the answer is in the request's order.

Deviation: the shape of a failed item is not documented; it is the submitted item with `Error` (code and message) added,
and for deletions a `resultInfo` with a code other than 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from sallyport import errors
from sallyport.graph import envelope, reading
from sallyport.graph.call import Call, answer

#: Documented for indicators.
MOST = 100
#: The context of what deletions answer.
RESULTS = "Collection(microsoft.graph.resultInfo)"


class TooManyItems(errors.BadRequest):
    """Raised when a bulk action is given more items than it takes; nothing of it was done."""

    def __init__(self, given: int, most: int) -> None:
        super().__init__(f"The request holds {given} items; at most {most} are accepted.")
        self.given = given
        self.most = most


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item."""

    value: dict[str, Any]
    failed: bool = False


def items(body: Any, most: int = MOST, alone: type = dict) -> list[Any]:
    """Answer the items of a bulk body: `{"value": [...]}`, a bare array, or one item of the type `alone` as `value`."""
    found = body
    if isinstance(body, dict):
        given = next((value for name, value in body.items() if name.lower() == "value"), None)
        found = [given] if isinstance(given, alone) else given
        if found is not None and not isinstance(found, list):
            # A text that holds a list is none, and counts as no item either: nothing of it would be done, with success.
            raise reading.InvalidProperty(("value",), "a list is expected")
    if not isinstance(found, list):
        raise reading.MissingProperty("value", "this action")
    if len(found) > most:
        raise TooManyItems(len(found), most)
    return found


def id_of(item: Any) -> str:
    """Answer the id that an item carries, or raise MissingProperty."""
    members = item if isinstance(item, dict) else {}
    given = next((value for name, value in members.items() if name.lower() == "id"), None)
    if not isinstance(given, str) or not given:
        raise reading.MissingProperty("id", "updating one of several resources")
    return given


def attempt(item: Any, act: Callable[[Any], dict[str, Any]]) -> Result:
    """Answer what an action made of an item, or the item with its error beside it."""
    try:
        return Result(act(item))
    except errors.SallyportError as error:
        if error.status >= 500:
            raise
        shown = item if isinstance(item, dict) else {"value": item}
        return Result({**shown, "Error": {"code": error.code, "message": error.message}}, failed=True)


def answered(call: Call, context: str, results: Sequence[Result]) -> Response:
    """Answer 200 with every result, or 206 when at least one item failed."""
    partial = any(result.failed for result in results)
    body: Mapping[str, Any] = {
        "@odata.context": envelope.context_url(call, context),
        "value": [result.value for result in results],
    }
    return answer(body, 206 if partial else 200)


def removal(key: Any, act: Callable[[str], None]) -> Result:
    """Answer the `resultInfo` of one deletion; a `code` other than 0 is the status that it would have had alone."""
    try:
        if not isinstance(key, str):
            raise reading.InvalidProperty((), "A string is expected")
        act(key)
    except errors.SallyportError as error:
        if error.status >= 500:
            raise
        return Result({"code": error.status, "message": error.message, "subcode": 0}, failed=True)
    return Result({"code": 0, "message": "", "subcode": 0})
