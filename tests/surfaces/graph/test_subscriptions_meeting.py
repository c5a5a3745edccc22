"""What several processes do to the same subscriptions at the same moment: each acts on what is there by then."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Iterator, Sequence

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

import databases
from graph_surface import Surface
from sallyport.graph.call import Limits
from sallyport.store import outbox, schema
from sallyport.store.database import Database

pytestmark = pytest.mark.postgresql
MOST = 3
SUBSCRIPTIONS = "/v1.0/subscriptions"
SUBSCRIPTION = {
    "changeType": "updated",
    "notificationUrl": "https://soc.contoso.com/hooks/alerts",
    "resource": "security/alerts?$filter=status eq 'NewAlert'",
    "expirationDateTime": "2026-12-01T00:00:00Z",
}


@pytest.fixture
def surfaces(postgresql_url: str) -> Iterator[tuple[Surface, Surface, Database]]:
    """Two processes whose tenant may have three subscriptions, and somebody else on their database."""
    with databases.postgresql_database(postgresql_url) as url:
        stores = [Database(url) for _ in range(3)]
        limits = Limits(subscriptions_per_tenant=MOST)
        yield Surface(stores[0], limits), Surface(stores[1], limits), stores[2]
        for store in stores:
            store.close()


async def _created(surface: Surface) -> str:
    """Create a subscription, and answer its path."""
    answered = await surface.client.post(SUBSCRIPTIONS, json=SUBSCRIPTION)
    assert answered.status_code == 201, answered.text
    return f"{SUBSCRIPTIONS}/{answered.json()['id']}"


async def _meeting(other: Database, asked: Sequence[Awaitable[httpx.Response]]) -> list[httpx.Response]:
    """Have requests wait for one another's database, in their order, before any of them goes on."""
    goes_on, held = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        schema.ordered(connection, outbox.SEQUENCE)
        held.set()
        goes_on.wait(20)

    holding = asyncio.create_task(asyncio.to_thread(other.write_now, hold))
    await asyncio.to_thread(held.wait)
    tasks = []
    for each in asked:
        tasks.append(asyncio.ensure_future(each))
        while await other.read(_waiting) < len(tasks):
            pass
    goes_on.set()
    await holding
    return list(await asyncio.gather(*tasks))


def _waiting(connection: Connection) -> int:
    return int(connection.scalar(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")) or 0)


async def test_a_subscription_that_another_process_deletes_is_not_renewed(
    surfaces: tuple[Surface, Surface, Database],
) -> None:
    one, two, other = surfaces
    path = await _created(one)
    renewal = {"expirationDateTime": "2026-12-02T00:00:00Z"}
    deleted, renewed = await _meeting(other, [two.client.delete(path), one.client.patch(path, json=renewal)])
    assert (deleted.status_code, renewed.status_code) == (204, 404)


async def test_what_two_processes_renew_of_one_subscription_is_both_kept(
    surfaces: tuple[Surface, Surface, Database],
) -> None:
    one, two, other = surfaces
    path = await _created(one)
    key = {"encryptionCertificateId": "second"}
    later = {"expirationDateTime": "2026-12-02T00:00:00Z"}
    answered = await _meeting(other, [one.client.patch(path, json=key), two.client.patch(path, json=later)])
    assert {each.status_code for each in answered} == {200}
    found = (await one.client.get(path)).json()
    assert (found["encryptionCertificateId"], found["expirationDateTime"]) == ("second", "2026-12-02T00:00:00Z")


async def test_two_processes_together_make_no_more_subscriptions_than_a_tenant_may_have(
    surfaces: tuple[Surface, Surface, Database],
) -> None:
    one, two, other = surfaces
    for _ in range(MOST - 1):
        await _created(one)
    asked = [each.client.post(SUBSCRIPTIONS, json=SUBSCRIPTION) for each in (one, two)]
    assert sorted(each.status_code for each in await _meeting(other, asked)) == [201, 403]
