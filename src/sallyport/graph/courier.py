"""Brings to one address what is first, in order: what goes to it alone, then what it wants of the notices.

The rule: nothing counts as told before the address has answered 2xx. What a POST holds grows while an address is behind
and takes it, and shrinks at once when it says that it was too large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.graph import endpoint_health, notification_bodies, sender, shapes
from sallyport.graph.addressees import Addressees
from sallyport.graph.addresses import Address
from sallyport.graph.notice_window import PORTION, NoticeWindow
from sallyport.graph.notification_bodies import Telling, ValidationToken
from sallyport.graph.receipts import Receipts
from sallyport.graph.sender import Sender
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.recorder import Recorder
from sallyport.security import alert_shapes
from sallyport.store import alerts, deliveries, lanes, notices, schema
from sallyport.store.database import Database
from sallyport.store.deliveries import Delivery
from sallyport.store.notices import Event, Notice

log = structlog.stdlib.get_logger(__name__)

#: How many rows that go to one address alone are taken at a time: they are forgotten in one transaction.
_ROWS = 10
#: How many dead letters are made in one transaction.
_BURIED = 256
_TOO_OLD = "nobody took it for four hours; last"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was not taken, and how much had been by then."""

    why: str
    told: int


class Courier:
    """What all addresses of a process have in common."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sender: Sender,
        validation_token: ValidationToken,
        chance: Callable[[], float],
        recorder: Recorder,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sender = sender
        self._validation_token = validation_token
        self._chance = chance
        self._recorder = recorder
        #: The newest notices, and what of them was taken.
        self.window = NoticeWindow()
        self.receipts = Receipts(database, clock)
        self._addressees = Addressees(database, clock)

    async def bring(self, address: Address) -> bool:
        """Bring what is first; answers whether there is more to bring now."""
        failing = address.attempts
        refusal = await (self._bring_own(address) if address.own else self._bring_news(address))
        if refusal is not None:
            await self._put_off(address, refusal)
            return False
        if failing and not address.attempts:
            self.receipts.recovered(address.lane.id)
        return address.is_due(self._now())

    def _now(self, less: timedelta = timedelta()) -> str:
        return instants.of_datetime(self._clock.now() - less)

    async def _bring_news(self, address: Address) -> Refusal | None:
        room = address.room
        found, through = await self._news(address, room)
        ids = {each for notice in found for each in notice.wanted[address.lane.id]}
        named = await self._addressees.named(ids) if ids else {}
        told: list[Telling] = []
        for each in found:
            told += notification_bodies.tellings(each.id, each.events, each.wanted[address.lane.id], named)
        refusal = await self._tell(address, told)
        whole = through if refusal is None else _whole(told, refusal.told)
        if whole is not None and whole > address.position:
            address.position = whole
            self.receipts.moved(address.lane.id, whole)
        # Who is to be told nothing any more, because nobody subscribes, has not failed to take it.
        if refusal is None and (told or not address.is_behind):
            address.took(len(told), room)
        return refusal

    async def _news(self, address: Address, room: int) -> tuple[list[Notice], int]:
        """Answer what one POST has room for of what an address wants, and how far that is; one notice may be larger."""
        last, through, found = address.newest, address.position, list[Notice]()
        address.held_until = None
        delay = timedelta(seconds=self._sender.health(address.lane.endpoint).delay_seconds)
        ready = self._now(delay)
        behind, complete = await self._behind(address.position)
        for notice in behind:
            wanted = notice.wanted.get(address.lane.id)
            if wanted:
                if delay and notice.created_at > ready:
                    address.held_until = schema.instant(schema.moment(notice.created_at) + delay)
                    return found, through
                room -= sum(len(places) for places in wanted.values())
                if found and room < 0:
                    return found, through
                found.append(notice)
            through = notice.id
        return found, max(through, last) if complete else through

    async def _behind(self, position: int) -> tuple[Iterable[Notice], bool]:
        """Answer what follows a place, and whether that is all there is."""
        if self.window.reaches(position):
            return self.window.after(position), True
        found = await self._database.read(lambda connection: notices.after(connection, position, PORTION))
        return found, len(found) < PORTION

    async def _bring_own(self, address: Address) -> Refusal | None:
        # Who failed last time shows first, with the least there is, that it takes something.
        limit = 1 if address.attempts else _ROWS
        now, lane_id = self._now(), address.lane.id
        rows, events = await self._database.read(lambda connection: _rows(connection, lane_id, now, limit))
        address.own = len(rows) == limit
        done: list[int] = []
        refusal = None
        for row in rows:
            refusal = await self._deliver(address, row, events.get(row.notice_id or 0, ()))
            if refusal is not None:
                address.own = True
                break
            done.append(row.id)
            address.took(0, address.room)
        if done:
            await self._database.write(lambda connection: deliveries.forget(connection, done))
        return refusal if refusal is None else Refusal(refusal.why, len(done))

    async def _deliver(self, address: Address, row: Delivery, events: Sequence[Event]) -> Refusal | None:
        if row.body is not None:
            why = await self._sender.send(address, orjson.dumps(row.body), 1)
            return None if why is None else Refusal(why, 0)
        named = await self._addressees.named(row.wanted)
        return await self._tell(address, list(notification_bodies.tellings(row.id, events, row.wanted, named)))

    async def _tell(self, address: Address, told: Sequence[Telling]) -> Refusal | None:
        """Send some notifications, in as many POSTs as it takes."""
        done = 0
        while done < len(told):
            part = told[done : done + address.room]
            contents = await self._contents({each.event.resource_id for each in part if each.is_rich})
            for post in notification_bodies.posts(part, contents, self._validation_token):
                why = await self._sender.send(address, post.body, post.count)
                if why == sender.SMALLER:
                    break
                if why is not None:
                    address.refused(post.count)
                    return Refusal(why, done)
                done += post.count
        return None

    async def _contents(self, ids: set[str]) -> dict[str, dict[str, Any]]:
        return await self._database.read(lambda connection: _contents(connection, ids)) if ids else {}

    async def _put_off(self, address: Address, refusal: Refusal) -> None:
        lane_id, at = address.lane.id, self._now()
        attempts = 1 if refusal.told else address.attempts + 1
        wait = timedelta(seconds=endpoint_health.wait_seconds(attempts, self._chance()))
        due_at, oldest = self._now(-wait), self._now(endpoint_health.LONGEST)
        reason = f"{_TOO_OLD}: {refusal.why}"

        def store(connection: Connection) -> int:
            lanes.put_off(connection, lane_id, attempts, due_at)
            return deliveries.bury(connection, lane_id, oldest, at, reason)

        self.receipts.refused(lane_id)
        buried = await self._database.write(store)
        address.attempts, address.due_at = attempts, due_at
        buried += await self._bury_news(address, oldest, reason)
        self._recorder.count("notifications_total", "refused")
        self._recorder.count("notifications_total", "given_up", amount=buried)
        endpoint = address.lane.endpoint
        log.info("notifications.refused", endpoint=endpoint, failure=refusal.why, attempts=attempts, buried=buried)

    async def _bury_news(self, address: Address, oldest: str, reason: str) -> int:
        """Keep what an address has wanted for too long as dead letters; answers how many there are."""
        lane_id, at, buried = address.lane.id, self._now(), 0
        while address.is_behind:
            behind, _ = await self._behind(address.position)
            old = [each for each in behind if each.created_at <= oldest][:_BURIED]
            if not old:
                break
            wanted = {each.id: (each.created_at, each.wanted[lane_id]) for each in old if lane_id in each.wanted}
            through = old[-1].id

            def store(connection: Connection, through: int = through, wanted: Any = wanted) -> int:
                return deliveries.bury_notices(connection, lane_id, through, wanted, at, reason)

            buried += await self._database.write(store)
            address.position = through
        return buried


def _whole(told: Sequence[Telling], count: int) -> int | None:
    """Answer the last notice of which everything is among the first so many notifications."""
    whole = [each.of for each in told[:count] if each.of != told[count].of]
    return whole[-1] if whole else None


def _rows(
    connection: Connection, lane_id: int, now: str, limit: int
) -> tuple[list[Delivery], dict[int, tuple[Event, ...]]]:
    rows = deliveries.head(connection, lane_id, now, limit)
    numbers = {each.notice_id for each in rows if each.notice_id is not None}
    return rows, notices.events_of(connection, numbers)


def _contents(connection: Connection, ids: set[str]) -> dict[str, dict[str, Any]]:
    found = alerts.of_ids(connection, ids)
    return {key: shapes.shown(alert_shapes.without_private(each.document), ALERT) for key, each in found.items()}
