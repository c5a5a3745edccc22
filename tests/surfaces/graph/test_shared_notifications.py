"""Two processes on one PostgreSQL database share what is to be told, and take over from each other."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

import databases
from graph_surface import CALLERS, Surface, alert, echoing
from sallyport.graph import shares
from sallyport.graph.notifications import Notifications
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.recorder import SILENT
from sallyport.store import deliveries, lanes, notices, subscriptions
from sallyport.store.database import Database
from sallyport.store.deliveries import Parcel

pytestmark = pytest.mark.postgresql
ENDPOINTS = 20


@pytest.fixture
def database(postgresql_store: str) -> Iterator[Database]:
    """A store that is empty, on PostgreSQL: SQLite has one process."""
    with databases.emptied(postgresql_store) as opened:
        yield opened


@pytest.fixture
def other_database(database: Database) -> Iterator[Database]:
    """The same database, as another process opens it."""
    opened = Database(database.url)
    yield opened
    opened.close()


class Pair:
    """Two processes and the endpoints that they tell."""

    def __init__(self, surface: Surface, other: Database) -> None:
        self.surface = surface
        self.heard: Counter[tuple[str, str]] = Counter()
        surface.outside.answer = self._answer
        self.one, self.two = self._started(surface.database), self._started(other)

    def _started(self, database: Database) -> Notifications:
        rights = {(each.app_id, each.user_id): each.roles | each.scopes for each in CALLERS.values()}
        return Notifications(
            database,
            self.surface.clock,
            self.surface.outside,
            str,
            chance=lambda: 0.0,
            recorder=SILENT,
            rights=lambda _connection, app_id, user_id: rights.get((app_id, user_id), ()),
        )

    def _answer(self, request: OutboundRequest) -> InboundResponse:
        if "validationToken=" in request.url:
            return echoing(request)
        for note in json.loads(request.body)["value"]:
            self.heard[request.url, note["resourceData"]["id"]] += 1
        return InboundResponse(202, Headers(), b"")

    async def subscribe(self) -> None:
        for number in range(ENDPOINTS):
            given = {
                "changeType": "created",
                "notificationUrl": f"https://host-{number}.contoso.com/hook",
                "resource": "security/alerts?$filter=severity eq 'high'",
                "expirationDateTime": "2026-12-01T00:00:00Z",
            }
            assert (await self.surface.client.post("/v1.0/subscriptions", json=given)).status_code == 201

    async def divide(self) -> None:
        """Let both beat until each has its part: the first one takes everything, and gives half of it away."""
        for each in (self.one, self.two, self.one, self.one, self.two):
            await each.shares.beat()

    async def arrive(self, *ids: str) -> None:
        """Let alerts arrive, and whoever leads hold them against subscriptions."""
        await self.surface.ingest(alert(each, severity="high") for each in ids)
        for each in (self.one, self.two):
            while each.shares.leads and await each.notifier.round():
                pass

    async def bring(self, *processes: Notifications) -> None:
        for each in processes:
            await each.couriers.look()
        for each in processes:
            await each.couriers.settled()

    def times(self, alert_id: str) -> list[int]:
        """Answer how often each endpoint has heard of an alert."""
        return sorted(self.heard[f"https://host-{number}.contoso.com/hook", alert_id] for number in range(ENDPOINTS))


@pytest.fixture
def pair(surface: Surface, other_database: Database) -> Pair:
    return Pair(surface, other_database)


ONCE, NEVER = [1] * ENDPOINTS, [0] * ENDPOINTS


async def test_each_endpoint_is_told_once_by_one_of_them(pair: Pair) -> None:
    await pair.subscribe()
    await pair.divide()
    one, two = pair.one.shares.mine, pair.two.shares.mine
    assert (len(one), len(two), one & two) == (lanes.SHARES // 2, lanes.SHARES // 2, frozenset())
    assert (pair.one.shares.leads, pair.two.shares.leads) == (True, False)
    for alert_id in ("a", "b", "c"):
        await pair.arrive(alert_id)
        await pair.bring(pair.one, pair.two)
        assert pair.times(alert_id) == ONCE
    await pair.arrive("d")
    await pair.bring(pair.two)
    assert 0 < sum(pair.times("d")) < ENDPOINTS, "both have some of the endpoints"


async def test_who_dies_is_followed_and_nothing_is_missing(pair: Pair) -> None:
    await pair.subscribe()
    await pair.divide()
    await pair.arrive("a")
    await pair.bring(pair.one)
    told = sum(pair.times("a"))
    assert told < ENDPOINTS
    # The second one is never heard of again.
    for _ in range(6):
        await pair.surface.clock.advance(shares.BEAT_SECONDS)
        await pair.one.shares.beat()
    assert len(pair.one.shares.mine) == lanes.SHARES
    await pair.arrive("b")
    await pair.bring(pair.one)
    assert (pair.times("a"), pair.times("b")) == (ONCE, ONCE)


async def test_the_leader_is_followed_too(pair: Pair) -> None:
    await pair.subscribe()
    await pair.divide()
    await pair.surface.ingest([alert("a", severity="high")])
    for _ in range(6):
        await pair.surface.clock.advance(shares.BEAT_SECONDS)
        await pair.two.shares.beat()
    assert (pair.one.shares.leads, pair.two.shares.leads) == (False, True)
    await pair.arrive("b")
    await pair.bring(pair.one, pair.two)
    assert (pair.times("a"), pair.times("b")) == (ONCE, ONCE)


async def test_who_could_not_beat_holds_nothing_until_it_does_and_then_only_what_is_left(pair: Pair) -> None:
    await pair.subscribe()
    await pair.divide()
    before = pair.one.shares.mine
    await pair.surface.clock.advance(shares.DEAD_SECONDS)
    assert pair.one.shares.mine == frozenset()
    await pair.arrive("a")
    await pair.bring(pair.one, pair.two)
    assert pair.times("a") == NEVER
    await pair.one.shares.beat()
    assert pair.one.shares.mine == before, "nobody has taken them meanwhile"


async def test_a_part_that_is_given_to_a_newcomer_takes_its_place_along(pair: Pair) -> None:
    await pair.subscribe()
    await pair.one.shares.beat()
    await pair.arrive("a")
    await pair.bring(pair.one)
    assert (pair.times("a"), len(pair.one.shares.mine)) == (ONCE, lanes.SHARES)
    await pair.divide()
    await pair.arrive("b")
    await pair.bring(pair.one, pair.two)
    assert (pair.times("a"), pair.times("b")) == (ONCE, ONCE)


async def test_the_leader_sees_at_once_who_subscribed_at_the_other_and_who_leads_again_sees_what_was_missed(
    pair: Pair,
) -> None:
    await pair.subscribe()
    await pair.divide()
    await pair.arrive("a")
    gone = (await pair.surface.client.get("/v1.0/subscriptions")).json()["value"]
    assert len(gone) == ENDPOINTS
    # What the other process does with the database, as this one sees it.
    owner, at = subscriptions.Owner("app-1", None), "2026-11-23T12:00:00.0000000Z"
    other = pair.two.couriers._database
    await other.write(lambda connection: subscriptions.delete(connection, owner, gone[0]["id"], at))
    await pair.arrive("b")
    # The other one goes through what changes next, and this one then goes on.
    await other.write(lambda connection: subscriptions.delete(connection, owner, gone[1]["id"], at))
    while await pair.two.notifier.round():
        pass
    await pair.arrive("c")
    await pair.bring(pair.one, pair.two)
    heard = [sum(pair.times(alert_id)) for alert_id in "abc"]
    assert heard == [ENDPOINTS - 2, ENDPOINTS - 2, ENDPOINTS - 2], "who is gone when it is sent hears nothing"
    wanted = pair.surface.database.read_now(lambda connection: notices.after(connection, 0, 10))
    assert [sum(map(len, each.wanted.values())) for each in wanted] == [ENDPOINTS, ENDPOINTS - 1, ENDPOINTS - 2]


async def test_nobody_takes_what_its_holder_may_still_work_on_however_long_the_database_takes_to_answer(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pair.divide()
    database, clock = pair.two.couriers._database, pair.surface.clock
    read = database.read
    with monkeypatch.context() as slowly:

        async def after_the_holder_wrote(work: Any) -> Any:
            await clock.advance(1)
            await pair.one.shares.beat()
            return await read(work)

        slowly.setattr(database, "read", after_the_holder_wrote)
        await pair.two.shares.beat()
    await clock.advance(shares.DEAD_SECONDS - 0.5)
    await pair.two.shares.beat()
    assert pair.one.shares.mine
    assert not pair.one.shares.mine & pair.two.shares.mine
    await clock.advance(1)
    await pair.two.shares.beat()
    assert (len(pair.one.shares.mine), len(pair.two.shares.mine)) == (0, lanes.SHARES)


async def test_an_address_is_not_forgotten_while_something_is_put_on_its_way(pair: Pair) -> None:
    database, at = pair.surface.database, "2026-11-23T12:00:00.0000000Z"
    parcel = Parcel("https://soc.contoso.com:443", "https://soc.contoso.com/life", body={"value": []})
    known = {parcel.url: parcel.endpoint}
    await database.write(lambda connection: lanes.of(connection, known))
    with database.engine.connect() as telling, telling.begin():
        deliveries.tell(telling, (), [parcel], at)
        forgetting = asyncio.create_task(pair.two.couriers._database.write(deliveries.forget_lanes))
        while not await database.read(_waits_for_a_lock):
            await asyncio.sleep(0)
    assert await forgetting == 0
    assert await database.read(lambda connection: deliveries.due(connection, at)) != set()


async def test_nobody_is_reminded_of_a_subscription_that_another_process_deletes_meanwhile(pair: Pair) -> None:
    given = {
        "changeType": "created",
        "notificationUrl": "https://soc.contoso.com/hook",
        "lifecycleNotificationUrl": "https://soc.contoso.com/life",
        "resource": "security/alerts?$filter=severity eq 'high'",
        "expirationDateTime": "2026-11-23T13:00:00Z",
    }
    made = (await pair.surface.client.post("/v1.0/subscriptions", json=given)).json()["id"]
    await pair.surface.clock.advance(45 * 60)
    database = pair.surface.database
    with database.engine.connect() as deleting, deleting.begin():
        assert subscriptions.remove(deleting, made, "2026-11-23T12:45:00.0000000Z") is not None
        reminding = asyncio.create_task(pair.two.lifecycle.remind())
        while not await database.read(_waits_for_a_lock):
            await asyncio.sleep(0)
    assert await reminding == 0


async def test_a_dead_letter_that_is_redelivered_while_old_ones_are_forgotten_is_kept(pair: Pair) -> None:
    database, at, later = pair.surface.database, "2026-11-23T12:00:00.0000000Z", "2026-12-01T12:00:00.0000000Z"
    parcel = Parcel("https://soc.contoso.com:443", "https://soc.contoso.com/life", body={"value": []}, dropped="slow")
    await database.write(lambda connection: deliveries.tell(connection, (), [parcel], at))
    with database.engine.connect() as reviving, reviving.begin():
        assert deliveries.revive(reviving, None, later) == 1
        forgetting = asyncio.create_task(
            pair.two.couriers._database.write(lambda connection: deliveries.forget_dead(connection, later, 10))
        )
        while not await database.read(_waits_for_a_lock):
            await asyncio.sleep(0)
    assert await forgetting == 0
    assert len(await database.read(lambda connection: deliveries.due(connection, later))) == 1


def _waits_for_a_lock(connection: Connection) -> bool:
    return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


async def test_an_endpoint_that_one_of_them_spares_is_spared_by_the_other(pair: Pair) -> None:
    await pair.subscribe()
    await pair.divide()
    await pair.arrive("a")
    await pair.bring(pair.one, pair.two)
    host = next(number for number in range(ENDPOINTS) if lanes.share_of(_endpoint(number)) in pair.two.shares.mine)
    until = "2026-11-23T12:10:00.0000000Z"
    pair.surface.database.write_now(lambda connection: lanes.spare(connection, _endpoint(host), until))
    await pair.arrive("b")
    await pair.bring(pair.one, pair.two)
    assert pair.times("b") == [0, *[1] * (ENDPOINTS - 1)]
    assert pair.heard[f"https://host-{host}.contoso.com/hook", "b"] == 0


def _endpoint(number: int) -> str:
    return f"https://host-{number}.contoso.com:443"
