"""Brings notifications to their addresses: a worker for each, so that one that is dead never delays another.

The rule: a delivery is forgotten only after its address has answered 2xx; until then it stands in the database. An
address that does not answer holds a connection for ten seconds at a time, and nothing in memory in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Alarm, Clock
from sallyport.engine.ports import HttpPort
from sallyport.errors import SallyportError
from sallyport.graph import endpoint_health, notification_bodies, shapes
from sallyport.graph.endpoint_health import Health
from sallyport.graph.gates import Gates
from sallyport.graph.notification_bodies import Load, ValidationToken
from sallyport.http_messages import OutboundRequest
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.recorder import Recorder
from sallyport.security import alert_shapes
from sallyport.store import alerts, deliveries, lanes, subscriptions
from sallyport.store.database import Database
from sallyport.store.deliveries import Delivery, Event
from sallyport.store.lanes import Lane

log = structlog.stdlib.get_logger(__name__)

#: How many deliveries a worker takes at a time: they are forgotten in one transaction.
_ROWS = 10
#: How many notices are remembered: whoever hears of the same events mostly does so at about the same time.
_NOTICES = 256
#: Above so many endpoints, those that nothing is known of any more are forgotten.
_ENDPOINTS = 1_000
_REST_SECONDS = 0.5
_HEADERS = {"content-type": "application/json; charset=utf-8"}
_TOO_OLD = "nobody took it for four hours; last"


class Couriers:
    """The workers; one set for each process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        http: HttpPort,
        validation_token: ValidationToken,
        chance: Callable[[], float],
        recorder: Recorder,
    ) -> None:
        self._database = database
        self._clock = clock
        self._http = http
        self._validation_token = validation_token
        self._chance = chance
        self._recorder = recorder
        self._alarm = Alarm(clock)
        self._gates = Gates()
        self._health: dict[str, Health] = {}
        self._notices: dict[int, Sequence[Event]] = {}
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin with whatever waits."""
        self._loop = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop; what was under way is brought again after the next start."""
        tasks = [each for each in (self._loop, *self._workers.values()) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def ring(self) -> None:
        """Look at once: there is something to bring."""
        self._alarm.ring()

    def health(self, endpoint: str) -> Health:
        """Answer how an endpoint is doing."""
        if len(self._health) > _ENDPOINTS:
            self._health = {key: each for key, each in self._health.items() if not each.is_idle}
        return self._health.setdefault(endpoint, Health(self._clock.monotonic))

    async def look(self) -> None:
        """Give every address that something is due for a worker, unless it has one."""
        now = instants.of_datetime(self._clock.now())
        for lane in await self._database.read(lambda connection: deliveries.ready(connection, now)):
            if lane.id not in self._workers:
                self._workers[lane.id] = asyncio.create_task(self._serve(lane))

    async def settled(self) -> None:
        """Wait until no worker has anything to do now."""
        while self._workers:
            await asyncio.wait(set(self._workers.values()))

    async def _work(self) -> None:
        while True:
            try:
                await self.look()
            except SallyportError as error:
                log.warning("deliveries.stalled", error=error.message)
            except Exception:
                # Whatever it is, it must not keep everybody from being told for ever.
                log.exception("deliveries.broken")
            await self._alarm.rest(_REST_SECONDS)

    async def _serve(self, lane: Lane) -> None:
        """Bring what is due to one address, in order, until nothing is due or it fails."""
        try:
            more = True
            while more:
                async with self._gates.through(lane.endpoint, failing=lane.attempts > 0):
                    more = await self._bring(lane)
                lane = replace(lane, attempts=0)
        except SallyportError as error:
            log.warning("deliveries.stalled", endpoint=lane.endpoint, error=error.message)
        except Exception:
            log.exception("deliveries.broken", endpoint=lane.endpoint)
        finally:
            self._workers.pop(lane.id, None)

    async def _bring(self, lane: Lane) -> bool:
        """Bring one load; answers whether all of it was taken, so that there may be more to bring."""
        load = await self._loaded(lane)
        taken: list[int] = []
        failure: str | None = None
        for group in notification_bodies.groups(load.rows):
            failure = await self._deliver(lane, load, group)
            if failure is not None:
                break
            taken += [each.id for each in group]
        if load.rows:
            await self._settle(lane, taken, failure)
        return bool(load.rows) and failure is None

    async def _loaded(self, lane: Lane) -> Load:
        now = instants.of_datetime(self._clock.now())
        # Who failed last time shows first, with the least there is, that it takes something.
        limit = 1 if lane.attempts else _ROWS
        load = await self._database.read(lambda connection: self._load(connection, lane, now, limit))
        self._notices.update(load.events)
        while len(self._notices) > _NOTICES:
            self._notices.pop(next(iter(self._notices)))
        return load

    def _load(self, connection: Connection, lane: Lane, now: str, limit: int) -> Load:
        rows = deliveries.head(connection, lane.id, now, limit)
        noticed = {each.notice_id for each in rows if each.notice_id is not None}
        events = {each: known for each in noticed if (known := self._notices.get(each)) is not None}
        if missing := noticed - events.keys():
            events.update(deliveries.events_of(connection, missing))
        named = subscriptions.of_ids(connection, {each for row in rows for each in row.wanted}, now)
        return Load(rows, events, named)

    async def _settle(self, lane: Lane, taken: Sequence[int], failure: str | None) -> None:
        now = self._clock.now()
        at, oldest = (instants.of_datetime(each) for each in (now, now - endpoint_health.LONGEST))
        attempts = 1 if taken else lane.attempts + 1
        wait = timedelta(seconds=endpoint_health.wait_seconds(attempts, self._chance()))

        def store(connection: Connection) -> int:
            deliveries.forget(connection, taken)
            if failure is None:
                if lane.attempts:
                    lanes.recovered(connection, [lane.id])
                return 0
            lanes.put_off(connection, lane.id, attempts, instants.of_datetime(now + wait))
            return deliveries.bury(connection, lane.id, oldest, at, f"{_TOO_OLD}: {failure}")

        buried = await self._database.write(store)
        self._recorder.count("notifications_total", "delivered", amount=len(taken))
        if failure is not None:
            self._recorder.count("notifications_total", "refused")
            self._recorder.count("notifications_total", "given_up", amount=buried)
            log.info("notifications.refused", endpoint=lane.endpoint, failure=failure, attempts=attempts, buried=buried)

    async def _deliver(self, lane: Lane, load: Load, group: Sequence[Delivery]) -> str | None:
        """Send what a group says; answers what went wrong, None when all of it was taken."""
        ids = notification_bodies.with_contents(load, group)
        contents = await self._database.read(lambda connection: _contents(connection, ids)) if ids else {}
        for body in notification_bodies.bodies(load, group, contents, self._validation_token):
            failure = await self._post(lane, body)
            if failure is not None:
                return failure
        return None

    async def _post(self, lane: Lane, body: bytes) -> str | None:
        request = OutboundRequest(
            "POST", lane.url, _HEADERS, body, timeout_seconds=endpoint_health.SLOW_SECONDS, follow_redirects=False
        )
        began = self._clock.monotonic()
        try:
            answer = await self._http.send(request)
            failure = None if 200 <= answer.status < 300 else f"the endpoint answered {answer.status}"
        except SallyportError as error:
            failure = error.message
        self.health(lane.endpoint).note(self._clock.monotonic() - began)
        return failure


def _contents(connection: Connection, ids: set[str]) -> dict[str, dict[str, Any]]:
    found = alerts.of_ids(connection, ids)
    return {key: shapes.shown(alert_shapes.without_private(each.document), ALERT) for key, each in found.items()}
