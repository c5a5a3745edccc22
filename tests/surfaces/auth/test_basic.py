"""Sign-in with id and secret for TAXII: who gets in, who waits, and what is remembered of a secret."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import Connection
from starlette.middleware import Middleware

from graph_surface import Outside, assert_error
from identity import Installation, installation
from sallyport.auth import credentials, registrations
from sallyport.auth.basic import Basic
from sallyport.auth.bearer import Bearer
from sallyport.auth.registrations import Registered
from sallyport.auth.tokens import Subject
from sallyport.graph.call import Deps
from sallyport.graph.error_shapes import is_taxii
from sallyport.graph.routes import graph_app
from sallyport.store import audit
from sallyport.store import credentials as stored

TAXII = "/taxii2/api/collections/indicators/"
MEDIA = {"accept": "application/taxii+json;version=2.1"}
READ = "ThreatIndicators.Read.All"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


class Feeder:
    """Calls the Graph surface of an installation with an id and a secret."""

    def __init__(self, house: Installation) -> None:
        deps = Deps(house.db, house.clock, Outside(), house.authority.tenant_id)
        bearer = Middleware(Bearer, authority=house.authority)
        self._app = graph_app(deps, [bearer, Middleware(Basic, authority=house.authority, takes=is_taxii)])

    async def get(self, given: str, path: str = TAXII, where: str = "https://s.example", **more: str) -> httpx.Response:
        address = more.pop("address", "192.0.2.1")
        headers = {**MEDIA, **more, "authorization": given}
        transport = httpx.ASGITransport(self._app, client=(address, 50000))
        async with httpx.AsyncClient(transport=transport, base_url=where) as client:
            return await client.get(path, headers=headers)


@pytest.fixture
def feeder(house: Installation) -> Feeder:
    return Feeder(house)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def of(made: Registered) -> str:
    return basic(made.client.client_id, made.secret)


def written(house: Installation) -> list[tuple[str, str]]:
    found = house.db.read_now(lambda connection: audit.latest(connection, 100))
    return [(each.activity, each.actor) for each in found if each.activity.startswith("basic.")]


async def test_an_id_and_its_secret_are_let_in_with_what_was_granted(house: Installation, feeder: Feeder) -> None:
    reader = house.register(READ)
    shown = (await feeder.get(of(reader))).json()
    assert (shown["can_read"], shown["can_write"]) == (True, False)
    assert (await feeder.get(basic(reader.client.client_id.upper(), reader.secret))).status_code == 200
    stranger = house.register("SecurityEvents.Read.All")
    refused = await feeder.get(of(stranger))
    assert (refused.status_code, refused.json()["http_status"]) == (403, "403")


@pytest.mark.parametrize(
    "given",
    [
        "Basic",
        "Basic %%%",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b":secret").decode(),
        "Basic " + base64.b64encode(b"id:").decode(),
        "Basic " + "A" * 5000,
        basic("nobody", "secret"),
        basic("no\0body", "secret"),
    ],
)
async def test_what_is_no_id_with_its_secret_is_refused_and_asked_for(feeder: Feeder, given: str) -> None:
    refused = await feeder.get(given)
    assert (refused.status_code, refused.headers["content-type"]) == (401, MEDIA["accept"])
    assert 'Basic realm="sallyport"' in refused.headers["www-authenticate"]
    assert "Bearer" in refused.headers["www-authenticate"]


async def test_a_secret_that_is_taken_away_while_it_is_checked_lets_nobody_in_again(
    house: Installation, feeder: Feeder
) -> None:
    made = house.register(READ)
    holding, checked = threading.Event(), threading.Event()

    def take_away(connection: Connection) -> None:
        holding.set()
        checked.wait(20)
        (kept,) = stored.secrets(connection, made.client.client_id)
        credentials.remove_secret(connection, house.clock, made.client.client_id, kept.id)

    taking = house.db.begin_write(take_away)
    await asyncio.to_thread(holding.wait, 20)
    first = asyncio.create_task(feeder.get(of(made)))
    while not house.db.waiting:
        # What is written down next is that the secret was right.
        await asyncio.sleep(0.01)
    checked.set()
    await taking
    assert (await first).status_code == 200
    assert (await feeder.get(of(made))).status_code == 401


async def test_a_client_that_asks_twice_at_once_is_answered_twice_after_its_secrets_have_changed(
    house: Installation, feeder: Feeder
) -> None:
    made = house.register(READ)
    assert (await feeder.get(of(made))).status_code == 200
    client_id, term = made.client.client_id, credentials.Term("second")
    house.db.write_now(lambda connection: credentials.add_secret(connection, house.clock, client_id, term))
    answers = await asyncio.gather(*(feeder.get(of(made)) for _ in range(4)))
    assert [each.status_code for each in answers] == [200] * 4


async def test_a_wrong_secret_is_written_down_and_after_ten_one_waits(house: Installation, feeder: Feeder) -> None:
    made = house.register(READ)
    for _ in range(10):
        assert (await feeder.get(basic(made.client.client_id, "wrong"))).status_code == 401
    waiting = await feeder.get(of(made))
    assert (waiting.status_code, waiting.json()["http_status"]) == (429, "429")
    assert 1 <= int(waiting.headers["retry-after"]) <= 61
    assert (await feeder.get(of(made), address="192.0.2.2")).status_code == 200
    assert written(house).count(("basic.refused", made.client.client_id)) == 10
    await house.clock.advance(62)
    assert (await feeder.get(of(made))).status_code == 200


async def test_a_secret_is_checked_once_and_what_it_allows_each_time(house: Installation, feeder: Feeder) -> None:
    made = house.register(READ)
    for _ in range(3):
        assert (await feeder.get(of(made))).status_code == 200
    assert written(house) == [("basic.accepted", made.client.client_id)]
    # Known again is only what was given: neither another secret nor another id.
    assert (await feeder.get(basic(made.client.client_id, made.secret + "x"))).status_code == 401
    other = house.register(READ)
    assert (await feeder.get(basic(other.client.client_id, made.secret))).status_code == 401
    house.db.write_now(
        lambda connection: registrations.set_enabled(connection, house.clock, made.client.client_id, enabled=False)
    )
    assert (await feeder.get(of(made))).status_code == 401


async def test_a_secret_that_was_replaced_is_forgotten(house: Installation, feeder: Feeder) -> None:
    made = house.register(READ)
    assert (await feeder.get(of(made))).status_code == 200
    after = house.db.write_now(
        lambda connection: credentials.replace_secrets(connection, house.clock, made.client.client_id)
    )
    assert (await feeder.get(of(made))).status_code == 401
    assert (await feeder.get(of(Registered(made.client, after.secret)))).status_code == 200


async def test_a_secret_does_not_cross_a_network_in_the_clear(house: Installation, feeder: Feeder) -> None:
    made = house.register(READ)
    here = {"where": "http://127.0.0.1:8080", "address": "127.0.0.1"}
    assert (await feeder.get(of(made), **here)).status_code == 200
    for elsewhere in (
        {"where": "http://s.example"},
        {"where": "http://s.example", "address": "127.0.0.1"},
        {"where": "http://127.0.0.1:8080", "address": "192.0.2.1"},
        {**here, "x-forwarded-for": "192.0.2.1"},
    ):
        refused = await feeder.get(of(made), **elsewhere)
        assert (refused.status_code, "over https only" in refused.json()["title"]) == (401, True)


async def test_the_rest_of_the_surface_knows_no_secrets(house: Installation, feeder: Feeder) -> None:
    made = house.register("SecurityEvents.Read.All")
    refused = await feeder.get(of(made), "/v1.0/security/alerts")
    assert_error(refused, 401, "InvalidAuthenticationToken")
    assert "Basic" not in refused.headers["www-authenticate"]


async def test_a_token_is_taken_as_before(house: Installation, feeder: Feeder) -> None:
    token = house.authority.tokens.mint(Subject("app", "App", (READ,)))
    assert (await feeder.get(f"Bearer {token}")).status_code == 200
