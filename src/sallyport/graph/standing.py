"""The loop that ends the subscriptions of those who may no longer have them, and tells their addresses so.

The rule: a subscription outlives the token that made it, but not the right to make it: neither the application, nor the
user in whose name it asked, nor what was granted to them.
Deviation: Microsoft sends `subscriptionRemoved` for some resources only; here also for alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.graph import notification_rules
from sallyport.graph.couriers import Couriers
from sallyport.graph.shares import Shares
from sallyport.odata import instants
from sallyport.rounds import Rounds
from sallyport.store import audit, deliveries, outbox, schema, subscriptions
from sallyport.store.audit import AuditEvent
from sallyport.store.database import Database
from sallyport.store.subscriptions import Owner, Subscription

log = structlog.stdlib.get_logger(__name__)

#: Answers the permissions of an application now, or of one that acts for a user.
Rights = Callable[[Connection, str, str | None], Collection[str]]

#: How soon after a right is lost.
EVERY_SECONDS = 10.0
#: What whoever subscribes must be allowed.
_NEEDED = "SecurityEvents.ReadWrite.All"


class Standing:
    """The loop; of several processes, one works at a time."""

    def __init__(self, database: Database, clock: Clock, couriers: Couriers, rights: Rights, shares: Shares) -> None:
        self._database = database
        self._clock = clock
        self._couriers = couriers
        self._rights = rights
        self._shares = shares
        self._rounds = Rounds(log, "standing", self._turn, lambda: clock.sleep(EVERY_SECONDS))

    async def open(self) -> None:
        """Begin."""
        self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    async def check(self) -> int:
        """End the subscriptions of those who may no longer have them; answers how many."""
        at = instants.of_datetime(self._clock.now())
        if not await self._database.read(lambda connection: self._without(connection, at)):
            return 0
        ended = await self._database.write(lambda connection: self._end(connection, at))
        self._couriers.ring()
        return ended

    def _without(self, connection: Connection, at: str) -> list[Owner]:
        owners = subscriptions.owners(connection, at)
        return [each for each in owners if _NEEDED not in self._rights(connection, each.app_id, each.user_id)]

    def _end(self, connection: Connection, at: str) -> int:
        # Whoever subscribes meanwhile is seen, and told as well.
        schema.ordered(connection, outbox.SEQUENCE)
        gone: list[Subscription] = []
        for owner in self._without(connection, at):
            gone += subscriptions.remove_of(connection, owner, at)
            detail = {"user": owner.user_id} if owner.user_id is not None else {}
            ended = AuditEvent(at, "server", "subscriptions.ended", owner.app_id, "success", detail=detail)
            audit.append(connection, ended)
        parcels = notification_rules.lifecycle_parcels(gone, "subscriptionRemoved")
        deliveries.tell(connection, (), parcels, at)
        return len(gone)

    async def _turn(self) -> None:
        if self._shares.leads:
            await self.check()
