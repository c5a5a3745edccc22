"""The loop that holds changes against subscriptions, in the order of commits, and puts what follows on its way.

The rule: the place in the outbox moves in the transaction that stores what is to be delivered; a crash repeats a round
or does not, and never loses one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.errors import SallyportError
from sallyport.graph import notification_rules, shapes
from sallyport.graph.couriers import Couriers
from sallyport.graph.notification_rules import Watch, Watches
from sallyport.graph.sender import Sender
from sallyport.graph.shares import Shares
from sallyport.odata import instants
from sallyport.recorder import Recorder
from sallyport.rounds import Rounds
from sallyport.security import alert_shapes
from sallyport.store import alerts, deliveries, lanes, outbox, subscriptions
from sallyport.store.database import Database
from sallyport.store.deliveries import Parcel
from sallyport.store.notices import Event
from sallyport.store.subscriptions import Subscription

log = structlog.stdlib.get_logger(__name__)

CURSOR = "notifications"
#: How many changes a round takes.
ROUND = 1_000
#: How many changes a notice holds: few enough to be told again from its beginning.
_BLOCK = 100
#: How long to rest when there was no change.
_REST_SECONDS = 0.25
#: Later than any subscription ends.
_NEVER = "9999"
_DROPPED = "The endpoint answered too slowly too often: what was new was dropped."
_MISSED = "missed"


@dataclass(frozen=True, slots=True)
class _Block:
    """Events that are kept together, and what follows from them."""

    events: Sequence[Event] = ()
    parcels: Sequence[Parcel] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """Who subscribes, as everything up to a place in the outbox has left it."""

    through: int
    #: When the first of them expires.
    until: str
    #: Everybody's subscriptions, by id, and ready to be held against changes.
    subscriptions: Mapping[str, Subscription]
    watches: Watches


@dataclass(frozen=True, slots=True)
class _Round:
    """What one look at the outbox found."""

    before: int
    after: int
    known: _Known
    blocks: tuple[_Block, ...] = ()
    #: The endpoints that are spared what is new, each with until when.
    spared: Mapping[str, str] = field(default_factory=dict)


class Notifier:
    """The loop; of several processes, one works at a time."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        couriers: Couriers,
        sender: Sender,
        recorder: Recorder,
        shares: Shares,
    ) -> None:
        self._database = database
        self._clock = clock
        self._couriers = couriers
        self._sender = sender
        self._shares = shares
        self._recorder = recorder
        self._known = _Known(-1, "", {}, Watches(()))
        #: By endpoint that is spared: until when, and which subscriptions will then be told that they missed something.
        self._told: dict[str, tuple[str, set[str]]] = {}
        self._rounds = Rounds(log, "notifications", self._turn, lambda: clock.sleep(_REST_SECONDS))

    async def open(self) -> None:
        """Begin behind the last change that was dealt with."""
        self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    async def round(self) -> bool:
        """Deal with the next changes; answers whether there were any."""
        now = instants.of_datetime(self._clock.now())
        found = await self._database.read(lambda connection: self._look(connection, now))
        if found.after == found.before:
            return False
        self._known = found.known
        blocks = [self._held(found, each) for each in found.blocks]

        def store(connection: Connection) -> bool:
            if not outbox.advance(connection, CURSOR, found.before, found.after):
                return False
            for each in blocks:
                deliveries.tell(connection, each.events, each.parcels, now)
            return True

        if await self._database.write(store):
            dropped = sum(parcel.dropped is not None for each in blocks for parcel in each.parcels)
            self._recorder.count("notifications_total", "dropped", amount=dropped)
        if blocks:
            self._couriers.ring()
        return True

    def _look(self, connection: Connection, now: str) -> _Round:
        before = outbox.place(connection, CURSOR)
        changes = outbox.after(connection, before, ROUND)
        if not changes:
            return _Round(before, before, self._known)
        after = changes[-1].sequence
        known = replace(self._known_at(connection, before, changes, now), through=after)
        mine = [each for each in changes if each.kind == alerts.KIND]
        if not known.subscriptions or not mine:
            return _Round(before, after, known)
        stored = alerts.of_ids(connection, {each.resource_id for each in mine})
        documents = {alert_id: alert_shapes.without_private(each.document) for alert_id, each in stored.items()}
        blocks = []
        for first in range(0, len(mine), _BLOCK):
            events = [_event(each, stored) for each in mine[first : first + _BLOCK]]
            parcels = known.watches.parcels(events, documents)
            if parcels:
                blocks.append(_Block(events, parcels))
        return _Round(before, after, known, tuple(blocks), lanes.spared(connection, now))

    def _known_at(self, connection: Connection, before: int, changes: Sequence[outbox.Event], now: str) -> _Known:
        """Answer who subscribes now: read again only when somebody's subscription has changed or expired."""
        known = self._known
        changed = any(each.kind == subscriptions.KIND for each in changes)
        # Another process may have gone through the events before these.
        if known.through == before and not changed and now < known.until:
            return known
        active = subscriptions.active(connection, now)
        until = min((each.expires_at for each in active), default=_NEVER)
        watches = Watches(watch for each in active if (watch := _read(each)) is not None)
        return _Known(before, until, {each.id: each for each in active}, watches)

    def _held(self, found: _Round, block: _Block) -> _Block:
        """Answer a block without what is dropped, because its endpoint is spared, and with what tells of that."""
        parcels: list[Parcel] = []
        for parcel in block.parcels:
            until = self._spared_until(found, parcel.endpoint)
            if until is None:
                self._told.pop(parcel.endpoint, None)
                parcels.append(parcel)
            else:
                parcels.append(replace(parcel, dropped=_DROPPED))
                parcels += self._missed(found, parcel, until)
        return _Block(block.events, parcels)

    def _spared_until(self, found: _Round, endpoint: str) -> str | None:
        """Answer until when an endpoint is not told of what is new: this process knows, or another one has noted it."""
        health = self._sender.health(endpoint)
        return self._later(health.dropping_seconds) if health.is_dropping else found.spared.get(endpoint)

    def _missed(self, found: _Round, parcel: Parcel, due_at: str) -> list[Parcel]:
        """Answer what tells subscribers that notifications of theirs were dropped, once that is over.

        It is stored now, with what was dropped, so that no crash forgets it.
        """
        until, told = self._told.get(parcel.endpoint, ("", set[str]()))
        if until <= self._later(0):
            # It was spared before, and they have been told so: what is dropped from now on they have not.
            told = set()
        news = [each for each in parcel.wanted or () if each not in told]
        self._told[parcel.endpoint] = due_at, told.union(news)
        missing = [found.known.subscriptions[each] for each in news]
        return notification_rules.lifecycle_parcels(missing, _MISSED, due_at)

    def _later(self, seconds: float) -> str:
        return instants.of_datetime(self._clock.now() + timedelta(seconds=seconds))

    async def _turn(self) -> None:
        # Only one of several processes needs to; if two ever do, one of them finds its place moved.
        while self._shares.leads and await self.round():
            pass


def _read(subscription: Subscription) -> Watch | None:
    """Answer a subscription, ready to be held against changes, or None when what was accepted once is no more."""
    try:
        return notification_rules.watch(subscription)
    except SallyportError as error:
        # One that an earlier version took must not keep everybody else from hearing.
        log.error("notifications.unreadable", subscription_id=subscription.id, error=error.message)
        return None


def _event(change: outbox.Event, stored: Mapping[str, Any]) -> Event:
    alert = stored.get(change.resource_id)
    etag = None if alert is None else shapes.etag(alert.id, alert.version)
    return Event(change.sequence, change.resource_id, change.change_type, etag)
