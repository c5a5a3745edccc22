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
#: So few arrays and objects are gone through one by one: sharing cannot make much of them, nor are they too deep.
_FEW = 64
#: What an array or object takes in memory, and each of its members beside its text.
_EACH = 64
_MEMBER = 32


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


def check(value: Any, limit: int, what: str) -> int:
    """Answer about how many bytes a value takes; `what` names it in the plural.

    Raises ResultTooLarge when it would be written in more than `limit` bytes.
    """
    kind = type(value)
    size: int | None = 0
    if kind is str:
        size = len(value)
        # A character takes four bytes at the most.
        if size > limit or (size * 4 > limit and len(value.encode("utf-8", "replace")) > limit):
            size = None
    elif kind is dict or kind is list:
        size = _weight(value, limit)
    if size is None:
        raise ResultTooLarge(what, limit)
    return size


def _weight(value: Any, limit: int) -> int | None:
    """Answer the bytes of an array or object, None when they are too many."""
    size = count = members = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        count += 1
        if count > _FEW:
            return _weight_of_many(value, limit)
        own, inside = _own_size(each)
        size += own
        members += len(each)
        waiting += inside
    return size + count * _EACH + members * _MEMBER if size <= limit else None


def _weight_of_many(value: Any, limit: int) -> int | None:
    """Answer the bytes of an array or object, None when they are too many.

    It is gone through level by level, and each part looked at once a level, however often it stands there.
    """
    size = count = members = 0
    times = {id(value): 1}
    parts = {id(value): value}
    for _ in range(DEEPEST):
        count += sum(times.values())
        members += sum(times[key] * len(each) for key, each in parts.items())
        times_below: dict[int, int] = {}
        below: dict[int, Any] = {}
        for key, each in parts.items():
            found, inner = _own_size(each)
            size += times[key] * found
            for part in inner:
                times_below[id(part)] = times_below.get(id(part), 0) + times[key]
                below[id(part)] = part
        if size > limit or count > MOST:
            return None
        if not below:
            return size + count * _EACH + members * _MEMBER
        times, parts = times_below, below
    return None


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
