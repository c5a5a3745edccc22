"""The loop that reminds owners of subscriptions that end soon, and forgets what nobody needs any more.

The rule: an owner is reminded once of each expiry. `reauthorizationRequired` is sent an hour before it, or when half of
a life shorter than two hours is over.
Deviation: Microsoft sends it before the token expires that made the subscription; here a subscription outlives it.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.graph import notification_rules
from sallyport.graph.couriers import Couriers
from sallyport.graph.shares import Shares
from sallyport.odata import instants
from sallyport.rounds import Rounds
from sallyport.store import deliveries, outbox, schema, subscriptions
from sallyport.store.database import Database
from sallyport.store.subscriptions import Subscription

log = structlog.stdlib.get_logger(__name__)

AHEAD = timedelta(hours=1)
#: How long dead letters, and expired subscriptions, are kept.
DEAD_KEPT = timedelta(days=3)
_REST_SECONDS = 15.0
_PORTION = 2_000
#: How often the addresses are forgotten that nothing is on its way to.
_LANES_SECONDS = 3600.0


class Lifecycle:
    """The loop; of several processes, one works at a time."""

    def __init__(self, database: Database, clock: Clock, couriers: Couriers, shares: Shares) -> None:
        self._database = database
        self._clock = clock
        self._couriers = couriers
        self._shares = shares
        #: The last notice that was looked at; what is behind it is forgotten with the letter that holds it.
        self._looked_at = 0
        self._lanes_at = clock.monotonic()
        self._rounds = Rounds(log, "lifecycle", self._turn, lambda: clock.sleep(_REST_SECONDS))

    async def open(self) -> None:
        """Begin."""
        self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    async def remind(self) -> int:
        """Tell the owners of subscriptions that end soon; answers how many."""
        now = self._clock.now()
        at, before = instants.of_datetime(now), instants.of_datetime(now + AHEAD)

        def work(connection: Connection) -> int:
            # What another process deletes meanwhile is not there any more.
            schema.ordered(connection, outbox.SEQUENCE)
            soon = [each for each in subscriptions.ending(connection, at, before) if _is_soon(each, at)]
            parcels = notification_rules.lifecycle_parcels(soon, "reauthorizationRequired")
            deliveries.tell(connection, (), parcels, at)
            for each in soon:
                subscriptions.reminded(connection, each)
            return len(parcels)

        if not await self._database.read(lambda connection: subscriptions.ending(connection, at, before)):
            return 0
        told = await self._database.write(work)
        if told:
            self._couriers.ring()
        return told

    async def forget(self) -> int:
        """Forget old dead letters, expired subscriptions and what was dealt with; answers how many rows that was."""
        before = instants.of_datetime(self._clock.now() - DEAD_KEPT)
        gone = await self._database.write(lambda connection: subscriptions.forget_expired(connection, before))
        for forget in (
            lambda connection: deliveries.forget_dead(connection, before, _PORTION),
            lambda connection: outbox.forget_read(connection, _PORTION),
        ):
            while portion := await self._database.write(forget):
                gone += portion
        await self._forget_told()
        if self._clock.monotonic() - self._lanes_at >= _LANES_SECONDS:
            self._lanes_at = self._clock.monotonic()
            gone += await self._database.write(deliveries.forget_lanes)
        return gone

    async def _forget_told(self) -> None:
        """Forget the notices that every address is done with."""
        while True:
            behind = self._looked_at
            last = await self._database.write(lambda connection: deliveries.forget_told(connection, behind, _PORTION))  # noqa: B023
            if last is None:
                return
            self._looked_at = last

    async def _turn(self) -> None:
        if self._shares.leads:
            await self.remind()
            await self.forget()


def _is_soon(subscription: Subscription, at: str) -> bool:
    created, expires = schema.moment(subscription.created_at), schema.moment(subscription.expires_at)
    return schema.moment(at) >= expires - min(AHEAD, (expires - created) / 2)
