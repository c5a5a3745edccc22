"""Who subscribes, asked again at least every second while something is sent.

The rule: who has expired or is gone hears nothing any more, from a second later on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from sallyport.clock import Clock
from sallyport.odata import instants
from sallyport.store import subscriptions
from sallyport.store.database import Database
from sallyport.store.subscriptions import Subscription

_FRESH_SECONDS = 1.0
#: How many are asked about together.
_TOGETHER = 1_000


class Addressees:
    """The subscriptions that something is sent to."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._known: dict[str, Subscription | None] = {}
        self._asked_at = 0.0
        self._asking = asyncio.Lock()

    async def named(self, ids: Iterable[str]) -> Mapping[str, Subscription]:
        """Answer those of some subscriptions that are there and have not expired."""
        wanted = set(ids)
        # Whoever waits here finds that somebody else has asked meanwhile.
        async with self._asking:
            if self._is_stale or not wanted <= self._known.keys():
                await self._ask(wanted)
        now = instants.of_datetime(self._clock.now())
        found = {each: known for each in wanted if (known := self._known.get(each)) is not None}
        return {key: each for key, each in found.items() if each.expires_at > now}

    @property
    def _is_stale(self) -> bool:
        return self._clock.monotonic() - self._asked_at >= _FRESH_SECONDS

    async def _ask(self, wanted: set[str]) -> None:
        """Ask about what is wanted, and with it about what was wanted lately: so everybody's is asked about at once."""
        if self._is_stale or len(self._known) > _TOGETHER:
            lately = list(self._known)[: max(0, _TOGETHER - len(wanted))]
            asked, self._known, self._asked_at = wanted.union(lately), {}, self._clock.monotonic()
        else:
            asked = wanted - self._known.keys()
        now = instants.of_datetime(self._clock.now())
        found = await self._database.read(lambda connection: subscriptions.of_ids(connection, asked, now))
        self._known.update({each: found.get(each) for each in asked})
