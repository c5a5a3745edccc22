"""Counts failed sign-ins, so that secrets cannot be guessed, nor the audit log filled, at the speed of the machine.

The rule: whoever compares a secret waits for a turn, and notes what came of it before anything else is awaited; so none
of many guesses that come at once goes uncounted.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sallyport.auth.refusals import TooManyFailures
from sallyport.clock import Clock

#: So many failures of one application from one address within the window, and the next attempt has to wait.
LIMIT = 10
#: The same for one address, whatever applications it names.
ADDRESS_LIMIT = 100
WINDOW_SECONDS = 60.0
_REMEMBERED = 10_000
#: Comparing a secret takes 16 MB and a twentieth of a second: so many at a time.
_AT_ONCE = 2


class Recent:
    """How often something happened within the window, by a key of two words."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def note(self, key: tuple[str, str], limit: int) -> None:
        """Count it once more; more than `limit` need not be told apart."""
        self._moments.setdefault(key, deque(maxlen=limit)).append(self._clock.monotonic())
        self._moments.move_to_end(key)
        while len(self._moments) > _REMEMBERED:
            self._moments.popitem(last=False)

    def forget(self, key: tuple[str, str]) -> None:
        """Begin to count anew."""
        self._moments.pop(key, None)

    def wait_seconds(self, key: tuple[str, str], limit: int) -> int:
        """Answer how long it takes until it happened less than `limit` times; 0 means that it did not."""
        moments = self._moments.get(key)
        if moments is None or len(moments) < limit:
            return 0
        left = moments[0] + WINDOW_SECONDS - self._clock.monotonic()
        return int(left) + 1 if left > 0 else 0


class Budget:
    """How often in a minute what anybody may ask for leaves a row behind: nobody may fill the disk with it."""

    def __init__(self, clock: Clock) -> None:
        self._recent = Recent(clock)

    def taken(self, address: str) -> bool:
        """Answer whether one more of an address is to be written down, and count it."""
        if self.wait_seconds(address):
            return False
        self._recent.note(("*", address), ADDRESS_LIMIT)
        return True

    def wait_seconds(self, address: str) -> int:
        """Answer how long an address has to wait for one more; 0 means not at all."""
        return self._recent.wait_seconds(("*", address), ADDRESS_LIMIT)


class Failures:
    """Failures by application and address: one caller's mistakes do not shut out another."""

    def __init__(self, clock: Clock) -> None:
        self._recent = Recent(clock)
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @asynccontextmanager
    async def turn(self, client_id: str, address: str) -> AsyncIterator[None]:
        """Wait for a turn to compare a secret; raises `TooManyFailures` for a caller that has failed too often."""
        self.check(client_id, address)
        async with self._turns:
            self.check(client_id, address)
            yield

    def check(self, client_id: str, address: str) -> None:
        """Raise `TooManyFailures` when the caller has to wait before its next attempt."""
        wait = self.wait_seconds(client_id, address)
        if wait:
            raise TooManyFailures(wait)

    def wait_seconds(self, client_id: str, address: str) -> int:
        """Answer how long the caller has to wait before its next attempt; 0 means not at all."""
        return max(self._recent.wait_seconds(key, limit) for key, limit in _counted(client_id, address))

    def note(self, client_id: str, address: str) -> None:
        """Count one more failure."""
        for key, limit in _counted(client_id, address):
            self._recent.note(key, limit)

    def forgive(self, client_id: str, address: str) -> None:
        """Forget the failures of a caller that succeeded."""
        self._recent.forget((client_id, address))


def _counted(client_id: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((client_id, address), LIMIT), (("*", address), ADDRESS_LIMIT)
