"""What an application that asks too often is answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import databases
from graph_surface import NOW, Surface
from sallyport.graph.throttle import Limit
from sallyport.store.database import Database

ALERTS = "/v1.0/security/alerts"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


@pytest.fixture
def surface(database: Database) -> Surface:
    """The surface with a small limit."""
    return Surface(database, throttle={"security": Limit(2, 60)})


async def test_a_request_too_many_is_answered_as_graph_does(surface: Surface) -> None:
    assert [(await surface.client.get(ALERTS)).status_code for _ in range(2)] == [200, 200]
    answered = await surface.client.get(ALERTS)
    assert answered.status_code == 429
    assert answered.headers["retry-after"] == "30"
    assert answered.json() == {
        "error": {
            "code": "TooManyRequests",
            "message": "Please retry again later.",
            "innerError": {
                "code": "429",
                "status": "429",
                "message": "Please retry after",
                "date": f"{NOW:%Y-%m-%dT%H:%M:%S}",
                "request-id": answered.headers["request-id"],
            },
        }
    }
    assert (await surface.calling("reader").get(ALERTS)).status_code == 200
    assert (await surface.client.get("/beta/security/tiIndicators")).status_code == 200
    await surface.clock.advance(30)
    assert (await surface.client.get(ALERTS)).status_code == 200


async def test_an_application_is_counted_whatever_it_may_do(surface: Surface) -> None:
    statuses = [(await surface.calling("nobody").get(ALERTS)).status_code for _ in range(3)]
    assert statuses == [403, 403, 429]
    assert (await surface.calling(None).get(ALERTS)).status_code == 401


async def test_each_item_of_a_batch_has_a_429_of_its_own(surface: Surface) -> None:
    items = [{"id": str(number), "method": "GET", "url": "/security/alerts"} for number in range(4)]
    items.append({"id": "4", "method": "GET", "url": "/subscriptions"})
    answered = await surface.client.post("/v1.0/$batch", json={"requests": items})
    assert answered.status_code == 200
    found = answered.json()["responses"]
    assert [each["status"] for each in found] == [200, 200, 429, 429, 200]
    assert found[2]["headers"]["Retry-After"] == "30"
    assert found[2]["body"]["error"]["code"] == "TooManyRequests"


async def test_a_feeder_finds_the_seconds_in_the_words_of_a_429(database: Database) -> None:
    surface = Surface(database, throttle={"stix": Limit(5, 60)})
    upload = "/workspaces/any/threat-intelligence-stix-objects:upload?api-version=2024-02-01-preview"
    for _ in range(5):
        assert (await surface.client.post(upload, json={})).status_code == 400
    answered = await surface.client.post(upload, json={})
    assert answered.status_code == 429
    sentence = "Rate limit is exceeded. Try again in 12 seconds."
    assert answered.json() == {"statusCode": 429, "message": sentence}
    assert int(sentence.split()[-2]) == int(answered.headers["retry-after"]) == 12
