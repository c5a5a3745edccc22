"""What several processes store at the same moment: alerts and indicators find each other, and no change is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

import databases
from graph_surface import Surface, alert
from sallyport.auth import consents
from sallyport.clock import ManualClock
from sallyport.graph.indicator_search import IndicatorSearch
from sallyport.store import (
    alerts,
    arrivals,
    clients,
    incidents,
    indicators,
    matches,
    pending_searches,
    retention,
    schema,
    searches,
)
from sallyport.store.database import Database

AT = "2026-11-23T12:00:00.0000000Z"
ROUNDS = 15


@pytest.fixture
def url(postgresql_url: str) -> Iterator[str]:
    """A database of the test's own."""
    with databases.postgresql_database(postgresql_url) as made:
        yield made


def _alert(connection: Connection, number: int) -> None:
    document: dict[str, Any] = {"id": f"a{number}", "title": "t", "createdDateTime": "2026-11-23T12:00:00Z"}
    document["networkConnections"] = [{"destinationDomain": f"evil{number}.example"}]
    alerts.ingest(connection, [arrivals.ready(document)], AT, lambda stored, _: stored)


def _indicator(connection: Connection, number: int) -> None:
    document = {
        "id": f"i{number}",
        "domainName": f"evil{number}.example",
        "targetProduct": "Azure Sentinel",
        "ingestedDateTime": "2026-11-23T12:00:00Z",
        "expirationDateTime": "2030-01-01T00:00:00Z",
    }
    indicators.insert(connection, "app", [indicators.New(f"identity-{number}", document)], AT)


def _both(connection: Connection, number: int, *, alert_first: bool) -> None:
    """Store an alert and the indicator of another process's alert in one transaction, as a gathering writer does."""
    steps = [partial(_alert, number=2 * number), partial(_indicator, number=2 * number + 1)]
    for step in steps if alert_first else reversed(steps):
        step(connection)


def _other_halves(connection: Connection, number: int, *, alert_first: bool) -> None:
    steps = [partial(_alert, number=2 * number + 1), partial(_indicator, number=2 * number)]
    for step in steps if alert_first else reversed(steps):
        step(connection)


@pytest.mark.postgresql
def test_on_postgresql_nothing_is_missed_and_nobody_waits_for_each_other_for_ever(url: str) -> None:
    processes = [Database(url) for _ in range(3)]
    failures: list[BaseException] = []

    def run(work: Any, database: Database) -> None:
        try:
            work(database)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    def store(database: Database, work: Any) -> None:
        for number in range(ROUNDS):
            database.write_now(partial(work, number=number, alert_first=number % 2 == 0))

    def search(database: Database) -> None:
        for _ in range(4 * ROUNDS):
            portion = database.read_now(partial(searches.look, at=AT))
            settled = partial(searches.settle, portion=portion, at=AT, since="2026-01-01T00:00:00.0000000Z")
            database.write_now(settled)

    jobs = [partial(store, work=_both), partial(store, work=_other_halves), search]
    threads = [threading.Thread(target=run, args=each) for each in zip(jobs, processes, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    search(processes[0])
    found = processes[0].read_now(lambda connection: matches.between(connection, 0, 2**62, 1_000))
    pending = processes[0].read_now(pending_searches.count)
    for database in processes:
        database.close()
    assert failures == []
    assert sorted((each.alert_id, each.indicator_id) for each in found) == sorted(
        (f"a{number}", f"i{number}") for number in range(2 * ROUNDS)
    )
    assert pending == 0


@pytest.mark.postgresql
async def test_on_postgresql_no_change_of_an_alert_is_lost_to_another_process(url: str) -> None:
    stores = [Database(url), Database(url)]
    surfaces = [Surface(each) for each in stores]
    await surfaces[0].ingest([alert("a")])
    change = {"status": "inProgress", "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}
    address = "/v1.0/security/alerts/a"
    answered = await asyncio.gather(
        *(each.client.patch(address, json={**change, "comments": [f"{n}"]}) for n in range(10) for each in surfaces)
    )
    history = (await surfaces[0].client.get(address)).json()["historyStates"]
    for store in stores:
        store.close()
    assert {each.status_code for each in answered} == {204}
    assert len(history) == 20


@pytest.mark.postgresql
async def test_on_postgresql_a_hit_changes_an_alert_when_it_is_stored_however_long_others_wrote(url: str) -> None:
    store, other = Database(url), Database(url)
    surface = Surface(store)
    await surface.ingest([alert("a", networkConnections=[{"destinationDomain": "evil1.example"}])])
    store.write_now(partial(_indicator, number=1))
    go_on, held = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        schema.ordered(connection, alerts.KIND)
        held.set()
        go_on.wait(20)

    holding = threading.Thread(target=other.write_now, args=(hold,))
    holding.start()
    held.wait(20)
    searching = asyncio.create_task(IndicatorSearch(store, surface.clock, 30, 30).search())
    while not searching.done() and not await store.read(_waits):
        pass
    await surface.clock.advance(60)
    go_on.set()
    await searching
    holding.join()
    shown = (await surface.client.get("/v1.0/security/alerts/a")).json()
    for each in (store, other):
        each.close()
    assert [hit["id"] for hit in shown["matchedIndicators"]] == ["i1"]
    assert shown["lastModifiedDateTime"] == shown["matchedIndicators"][0]["matchedDateTime"] == "2026-11-23T12:01:00Z"


@pytest.mark.postgresql
@pytest.mark.parametrize(("first", "left"), [("grant", {"old", "one", "two"}), ("revoke", {"two"})])
def test_on_postgresql_no_consent_is_lost_to_another_process(url: str, first: str, left: set[str]) -> None:
    stores, clock = [Database(url), Database(url)], ManualClock()
    client = clients.Client("app", "t", "App", (), AT)
    stores[0].write_now(lambda connection: clients.insert(connection, client))

    def grant(connection: Connection, scope: str) -> None:
        consents.add(connection, "app", None, (scope,), AT, "ada")

    stores[0].write_now(partial(grant, scope="old"))
    other = threading.Thread(target=stores[1].write_now, args=(partial(grant, scope="two"),))

    def decided(connection: Connection) -> None:
        if first == "grant":
            grant(connection, "one")
        else:
            consents.revoke(connection, clock, "app")
        other.start()
        while other.is_alive() and not stores[0].read_now(_waits):
            pass

    stores[0].write_now(decided)
    other.join()
    (granted,) = stores[0].read_now(consents.shown)
    for each in stores:
        each.close()
    assert set(granted.scopes) == left


@pytest.mark.postgresql
def test_on_postgresql_an_indicator_that_comes_to_life_again_is_not_forgotten_by_another_process(url: str) -> None:
    stores = [Database(url), Database(url)]
    stores[0].write_now(partial(_indicator, number=1))
    later = "2031-01-01T00:00:00.0000000Z"
    forgetting = threading.Thread(target=stores[1].write_now, args=(partial(_forgotten, before=later),))

    def submitted_again(connection: Connection) -> None:
        schema.ordered(connection, indicators.KIND)
        known = indicators.identified(connection, "app", "identity-1")
        assert known is not None
        forgetting.start()
        while forgetting.is_alive() and not stores[0].read_now(_waits):
            pass
        document = {**known.document, "expirationDateTime": "2040-01-01T00:00:00Z"}
        indicators.update(connection, known, indicators.New("identity-1", document), later)

    stores[0].write_now(submitted_again)
    forgetting.join()
    left = stores[0].read_now(lambda found: indicators.get(found, indicators.View(later, "app"), "i1"))
    for store in stores:
        store.close()
    assert left is not None


@pytest.mark.postgresql
def test_on_postgresql_an_incident_that_an_alert_joins_is_not_forgotten_by_another_process(url: str) -> None:
    stores = [Database(url), Database(url)]
    described = {"id": "7", "displayName": "d", "severity": "low", "status": "active"}
    times = dict.fromkeys(("createdDateTime", "lastUpdateDateTime"), "2020-01-01T00:00:00Z")
    stores[0].write_now(lambda connection: incidents.insert(connection, {**described, **times}, AT))
    before = "2021-01-01T00:00:00.0000000Z"
    forgetting = threading.Thread(target=stores[1].write_now, args=(partial(retention.purge_incidents, before=before),))

    def joined(connection: Connection) -> None:
        document = {"id": "a", "title": "t", "createdDateTime": "2026-11-23T12:00:00Z", "incidentIds": ["7"]}
        alerts.ingest(connection, [arrivals.ready(document)], AT, lambda stored, _: stored)
        forgetting.start()
        while forgetting.is_alive() and not stores[0].read_now(_waits):
            pass

    stores[0].write_now(joined)
    forgetting.join()
    left = stores[0].read_now(lambda connection: incidents.get(connection, "7"))
    for store in stores:
        store.close()
    assert left is not None


def _forgotten(connection: Connection, before: str) -> int:
    return indicators.forget_expired(connection, before, 10)


def _waits(connection: Connection) -> bool:
    return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")))
