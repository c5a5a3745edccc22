"""How large a value would be when it is written, found without writing it.

The rule: values share parts, so that a few steps of `createArray(outputs('A'), outputs('A'))` make a value that would
never be written to its end. Whatever is measured is gone through once, not once for each place where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sallyport.errors import SallyportError

#: Arrays and objects inside one another; what is nested deeper cannot be written, nor read by others.
DEEPEST = 200
#: Arrays and objects altogether: each takes many times as much in memory as in writing when it is read again.
MOST = 1_000_000


class ResultTooLarge(SallyportError):
    """Raised when the inputs or outputs of an action are larger than a message may be, or nested too deep."""

    code = "ActionResultsSizeLimitExceeded"
    status = 413

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(
            f"The {what} are larger than {limit} bytes, nested more than {DEEPEST} levels deep, or made of more than "
            f"{MOST} arrays and objects, and cannot be kept."
        )
        self.what = what
        self.limit = limit


def check(value: Any, limit: int, what: str) -> None:
    """Raise ResultTooLarge when a value would take more than `limit` bytes; `what` names it in the plural."""
    kind = type(value)
    if kind is str:
        # A character takes four bytes at the most.
        exceeds = len(value) > limit or (len(value) * 4 > limit and len(value.encode("utf-8", "replace")) > limit)
    elif kind is dict or kind is list:
        exceeds = _exceeds(value, limit)
    else:
        return
    if exceeds:
        raise ResultTooLarge(what, limit)


def _exceeds(value: Any, limit: int) -> bool:
    """Go through a value level by level, looking at an array or object once a level, however often it stands there."""
    size = count = 0
    times = {id(value): 1}
    parts = {id(value): value}
    for _ in range(DEEPEST):
        count += sum(times.values())
        times_below: dict[int, int] = {}
        below: dict[int, Any] = {}
        for key, each in parts.items():
            found, inner = _own_size(each)
            size += times[key] * found
            for part in inner:
                times_below[id(part)] = times_below.get(id(part), 0) + times[key]
                below[id(part)] = part
        if size > limit or count > MOST:
            return True
        if not below:
            return False
        times, parts = times_below, below
    return True


def _own_size(each: dict[str, Any] | list[Any]) -> tuple[int, list[Any]]:
    """Answer the bytes that an array or object takes without the arrays and objects inside it, and those."""
    size = 2 + 2 * len(each)
    values: Iterable[Any] = each
    if type(each) is dict:
        size += sum(map(len, each)) + 2 * len(each)
        values = each.values()
    inner = []
    for value in values:
        kind = type(value)
        if kind is str:
            size += len(value)
        elif kind is dict or kind is list:
            inner.append(value)
    return size, inner
