"""Everything that tells subscribers, as one thing that is opened and closed."""

from __future__ import annotations

import random
from collections.abc import Callable

from sallyport.clock import Clock
from sallyport.engine.ports import HttpPort
from sallyport.graph.courier import Courier
from sallyport.graph.couriers import Couriers
from sallyport.graph.lifecycle import Lifecycle
from sallyport.graph.notification_bodies import ValidationToken
from sallyport.graph.notifier import Notifier
from sallyport.graph.sender import Sender
from sallyport.graph.shares import Shares
from sallyport.graph.standing import Rights, Standing
from sallyport.recorder import Recorder, Silent
from sallyport.store.database import Database


class Notifications:
    """The loops that hold changes against subscriptions, bring notifications, and remind owners."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        http: HttpPort,
        validation_token: ValidationToken,
        *,
        chance: Callable[[], float] = random.random,
        recorder: Recorder | None = None,
        rights: Rights,
    ) -> None:
        recorder = recorder or Silent()
        self.shares = Shares(database, clock)
        self.sender = Sender(database, clock, http, recorder)
        courier = Courier(database, clock, self.sender, validation_token, chance, recorder)
        self.couriers = Couriers(database, clock, courier, self.shares)
        self.notifier = Notifier(database, clock, self.couriers, self.sender, recorder, self.shares)
        self.lifecycle = Lifecycle(database, clock, self.couriers, self.shares)
        self.standing = Standing(database, clock, self.couriers, rights, self.shares)

    async def open(self) -> None:
        """Begin where the last process stopped."""
        for each in (self.shares, self.couriers, self.notifier, self.lifecycle, self.standing):
            await each.open()

    async def close(self) -> None:
        """Stop."""
        for each in (self.standing, self.lifecycle, self.notifier, self.couriers, self.shares):
            await each.close()
