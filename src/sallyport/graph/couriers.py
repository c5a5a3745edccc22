"""Brings notifications to their endpoints: a worker for each, so that one that is dead never delays another.

The rule: a delivery is forgotten only after its endpoint has answered 2xx; until then it stands in the database.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Alarm, Clock
from sallyport.engine.ports import HttpPort
from sallyport.errors import SallyportError
from sallyport.graph import endpoint_health, notification_rules, rich_content, shapes
from sallyport.graph.endpoint_health import Health
from sallyport.http_messages import OutboundRequest
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.security import alert_shapes
from sallyport.store import alerts, deliveries, subscriptions
from sallyport.store.database import Database
from sallyport.store.deliveries import Delivery
from sallyport.store.subscriptions import Subscription

log = structlog.stdlib.get_logger(__name__)

#: How many notifications one POST holds, and about how many bytes.
MOST = 1_000
_MOST_BYTES = 1024 * 1024
#: How many POSTs are on their way at the same time, to all endpoints together.
_AT_ONCE = 256
_ROWS = 50
_REST_SECONDS = 0.5
_HEADERS = {"content-type": "application/json; charset=utf-8"}
_TOO_OLD = "Nobody took it for four hours"

#: Answers a token that proves to an application that the house sent a notification.
ValidationToken = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class _Load:
    """What the head of an endpoint's line needs to be told."""

    rows: Sequence[Delivery]
    subscriptions: Mapping[str, Subscription]
    #: Contents of alerts for those who subscribed to them.
    alerts: Mapping[str, dict[str, Any]]


class Couriers:
    """The workers; one set for each process."""

    def __init__(
        self, database: Database, clock: Clock, http: HttpPort, validation_token: ValidationToken | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._http = http
        self._validation_token = validation_token
        self._alarm = Alarm(clock)
        self._health: dict[str, Health] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)
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
        return self._health.setdefault(endpoint, Health(self._clock.monotonic))

    async def look(self) -> None:
        """Give every endpoint that something is due for a worker, unless it has one."""
        now = instants.of_datetime(self._clock.now())
        for endpoint, due_at in await self._database.read(deliveries.waiting):
            if due_at <= now and endpoint not in self._workers:
                self._workers[endpoint] = asyncio.create_task(self._serve(endpoint))

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
            await self._alarm.rest(_REST_SECONDS)

    async def _serve(self, endpoint: str) -> None:
        """Bring what is due to one endpoint, in order, until nothing is due or it fails."""
        try:
            while await self._bring(endpoint):
                pass
        except SallyportError as error:
            log.warning("deliveries.stalled", endpoint=endpoint, error=error.message)
        except Exception:
            log.exception("deliveries.broken", endpoint=endpoint)
        finally:
            self._workers.pop(endpoint, None)

    async def _bring(self, endpoint: str) -> bool:
        now = self._clock.now()
        at = instants.of_datetime(now)
        load = await self._database.read(lambda connection: self._load(connection, endpoint, at))
        if not load.rows or load.rows[0].due_at > at:
            return False
        ids = [each.id for each in load.rows]
        failure = await self._send(load)
        if failure is None:
            await self._database.write(lambda connection: deliveries.delivered(connection, ids))
            return True
        await self._failed(load.rows, failure)
        return False

    async def _failed(self, rows: Sequence[Delivery], failure: str) -> None:
        now = self._clock.now()
        oldest = instants.of_datetime(now - timedelta(seconds=endpoint_health.LONGEST_SECONDS))
        old = [each.id for each in rows if each.created_at <= oldest]
        young = [each for each in rows if each.created_at > oldest]
        attempts = max((each.attempts for each in young), default=0) + 1
        wait = endpoint_health.wait_seconds(attempts, random.random())  # noqa: S311 - spreads repeats, keeps no secret
        at, due_at = instants.of_datetime(now), instants.of_datetime(now + timedelta(seconds=wait))

        def store(connection: Connection) -> None:
            deliveries.bury(connection, old, at, f"{_TOO_OLD}: {failure}")
            deliveries.repeat(connection, [each.id for each in young], due_at)

        await self._database.write(store)
        log.info("notifications.refused", url=rows[0].endpoint, failure=failure, attempts=attempts, buried=len(old))

    async def _send(self, load: _Load) -> str | None:
        """Send everything of a load; answers what went wrong, None when all of it was taken."""
        for body in self._bodies(load):
            failure = await self._post(load.rows[0], body)
            if failure is not None:
                return failure
        return None

    async def _post(self, row: Delivery, body: bytes) -> str | None:
        request = OutboundRequest(
            "POST", row.url, _HEADERS, body, timeout_seconds=endpoint_health.SLOW_SECONDS, follow_redirects=False
        )
        began = self._clock.monotonic()
        failure = None
        async with self._places:
            try:
                answer = await self._http.send(request)
                if not 200 <= answer.status < 300:
                    failure = f"the endpoint answered {answer.status}"
            except SallyportError as error:
                failure = error.message
        self.health(row.endpoint).note(self._clock.monotonic() - began)
        return failure

    def _load(self, connection: Connection, endpoint: str, now: str) -> _Load:
        rows: list[Delivery] = []
        size = 0
        for row in deliveries.head(connection, endpoint, _ROWS):
            size += sum(len(places) for places in row.wanted.values())
            if rows and (size > MOST or row.body is not None or rows[0].body is not None):
                break
            rows.append(row)
        named = subscriptions.of_ids(connection, {each for row in rows for each in row.wanted}, now)
        rich = {each.id for each in named.values() if each.document.get("includeResourceData")}
        ids = {
            row.events[at].resource_id
            for row in rows
            for each, places in row.wanted.items()
            if each in rich
            for at in places
        }
        contents = alerts.of_ids(connection, ids) if ids else {}
        shown = {
            key: shapes.shown(alert_shapes.without_private(each.document), ALERT) for key, each in contents.items()
        }
        return _Load(rows, named, shown)

    def _bodies(self, load: _Load) -> Iterator[bytes]:
        if load.rows[0].body is not None:
            yield notification_rules.whole(load.rows[0].body)
            return
        waiting: list[dict[str, Any]] = []
        apps: set[str] = set()
        size = 0
        for notification, app_id in self._notifications(load):
            waiting.append(notification)
            encrypted = notification.get("encryptedContent")
            if encrypted is not None:
                apps.add(app_id)
            size += 600 + (len(encrypted["data"]) if encrypted is not None else 0)
            if len(waiting) >= MOST or size >= _MOST_BYTES:
                yield notification_rules.body(waiting, self._tokens(apps))
                waiting, apps, size = [], set(), 0
        if waiting:
            yield notification_rules.body(waiting, self._tokens(apps))

    def _notifications(self, load: _Load) -> Iterator[tuple[dict[str, Any], str]]:
        for row in load.rows:
            for subscription_id, places in row.wanted.items():
                subscription = load.subscriptions.get(subscription_id)
                if subscription is None:
                    # It has expired or is gone: nobody is to hear of it any more.
                    continue
                watch = notification_rules.watch(subscription)
                for at in places:
                    told = notification_rules.notification(watch, row.events[at])
                    content = load.alerts.get(row.events[at].resource_id)
                    if content is not None and subscription.document.get("includeResourceData"):
                        told["encryptedContent"] = _encrypted(subscription, content)
                    yield told, subscription.app_id

    def _tokens(self, apps: set[str]) -> list[str]:
        return [self._validation_token(each) for each in sorted(apps)] if self._validation_token is not None else []


def _encrypted(subscription: Subscription, content: dict[str, Any]) -> dict[str, Any]:
    document = subscription.document
    return rich_content.encrypted(content, document["encryptionCertificate"], document["encryptionCertificateId"])
