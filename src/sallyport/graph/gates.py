"""How many POSTs may be on their way at the same time, to all endpoints together and to each.

The rule: addresses that failed last time wait for one another at a gate of their own, so that those that hang, however
many they are, never take the places of those that answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

#: To all endpoints together: addresses that answer, and those that failed last time.
_ALL = (128, 64)
#: To one endpoint, likewise.
_EACH = (16, 4)


@dataclass(slots=True)
class _Pair:
    """The places for who answers, and for who failed."""

    answering: asyncio.Semaphore
    failing: asyncio.Semaphore
    #: How many are inside or wait.
    users: int = field(default=0)

    def of(self, failing: bool) -> asyncio.Semaphore:
        return self.failing if failing else self.answering


def _pair(places: tuple[int, int]) -> _Pair:
    return _Pair(asyncio.Semaphore(places[0]), asyncio.Semaphore(places[1]))


class Gates:
    """The gates of one process."""

    def __init__(self) -> None:
        self._all = _pair(_ALL)
        self._each: dict[str, _Pair] = {}

    @asynccontextmanager
    async def through(self, endpoint: str, *, failing: bool) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        pair = self._each.setdefault(endpoint, _pair(_EACH))
        pair.users += 1
        try:
            async with pair.of(failing), self._all.of(failing):
                yield
        finally:
            pair.users -= 1
            if not pair.users:
                self._each.pop(endpoint, None)
