"""`$batch`: what it accepts, how each item is answered, and that an item is a request like any other."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import databases
from graph_surface import Surface, alert, assert_error, indicator
from sallyport.store.database import Database

BATCH = "/v1.0/$batch"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


def get(item_id: str, url: str, **more: Any) -> dict[str, Any]:
    """Answer an item that reads."""
    return {"id": item_id, "method": "GET", "url": url, **more}


def post(item_id: str, url: str, body: Any, **more: Any) -> dict[str, Any]:
    """Answer an item that creates."""
    return {"id": item_id, "method": "POST", "url": url, "headers": JSON, "body": body, **more}


async def sent(surface: Surface, *items: Any, path: str = BATCH, caller: str = "app") -> httpx.Response:
    """Send a batch."""
    return await surface.calling(caller).post(path, json={"requests": list(items)})


async def answers(surface: Surface, *items: Any, **more: Any) -> dict[str, dict[str, Any]]:
    """Send a batch that is accepted, and answer its items' answers by id."""
    answered = await sent(surface, *items, **more)
    assert answered.status_code == 200, answered.text
    return {each["id"]: each for each in answered.json()["responses"]}


async def test_each_item_is_answered_under_its_id_in_the_order_of_the_requests(surface: Surface) -> None:
    await surface.ingest([alert("a"), alert("b")])
    answered = await sent(
        surface,
        get("3", "/security/alerts/b?$select=id,title"),
        get("1", "security/alerts/none"),
        get("2", "/security/tiIndicators"),
    )
    assert answered.headers["content-type"].startswith("application/json")
    found = answered.json()["responses"]
    assert [(each["id"], each["status"]) for each in found] == [("3", 200), ("1", 404), ("2", 200)]
    assert found[0]["body"]["title"] == "Alert b"
    assert found[0]["body"]["@odata.context"] == "http://graph.test/v1.0/$metadata#security/alerts/$entity"
    assert found[0]["headers"]["Content-Type"].startswith("application/json")
    assert found[0]["headers"]["ETag"].startswith('W/"')
    assert found[1]["body"]["error"]["code"] == "ResourceNotFound"
    assert found[1]["body"]["error"]["innerError"]["request-id"] == answered.headers["request-id"]


@pytest.mark.parametrize("root", ["v1.0", "beta"])
async def test_a_relative_address_begins_at_the_root_of_the_version(surface: Surface, root: str) -> None:
    await surface.ingest([alert("a")])
    found = await answers(surface, get("1", "/security/alerts?$top=1&$count=true"), path=f"/{root}/$batch")
    assert found["1"]["body"]["@odata.count"] == 1
    assert found["1"]["body"]["@odata.context"].startswith(f"http://graph.test/{root}/")


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.test/v1.0/security/alerts/a b",
        "HTTP://GRAPH.TEST:80/v1.0//security/Alerts/a%20b?$select=id#top",
        "https://graph.test/v1.0/security/alerts/a%20b",
        "/security/alerts('a b')",
    ],
)
async def test_absolute_addresses_of_the_service_are_its_own(surface: Surface, url: str) -> None:
    await surface.ingest([alert("a b")])
    assert (await answers(surface, get("1", url)))["1"]["body"]["id"] == "a b"


@pytest.mark.parametrize(
    "url",
    [
        "http://evil.example/v1.0/security/alerts",
        "https://graph.microsoft.com/v1.0/security/alerts",
        "http://graph.test:8081/v1.0/security/alerts",
        "http://graph.test@evil.example/v1.0/security/alerts",
        "file:///etc/passwd",
        "http://[::1/v1.0",
        "http://graph.test:99999/v1.0/security/alerts",
    ],
)
async def test_an_address_elsewhere_is_refused(surface: Surface, url: str) -> None:
    found = await answers(surface, get("1", url), get("2", "/security/alerts"))
    assert (found["1"]["status"], found["1"]["body"]["error"]["code"]) == (400, "BadRequest")
    assert found["2"]["status"] == 200
    assert surface.outside.requests == []


@pytest.mark.parametrize("url", ["//evil.example/v1.0/security/alerts", "/../ingest/alerts", "/v1.0/security/alerts"])
async def test_a_relative_address_cannot_leave_its_version(surface: Surface, url: str) -> None:
    found = await answers(surface, get("1", url))
    assert found["1"]["status"] == 404


async def test_bodies_and_headers_reach_the_operation(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    vendor = {"provider": "ASC", "vendor": "Microsoft"}
    change = {"assignedTo": "me@contoso.com", "vendorInformation": vendor}
    headers = {"content-type": "application/json", "Prefer": "return=representation", "Authorization": "Bearer nobody"}
    found = await answers(
        surface,
        {"id": "1", "method": "patch", "url": "/security/alerts/a", "headers": headers, "body": change},
        post("2", "/security/tiIndicators", indicator()),
    )
    assert (found["1"]["status"], found["2"]["status"]) == (200, 201)
    assert found["1"]["body"]["assignedTo"] == "me@contoso.com"
    assert found["1"]["headers"]["Preference-Applied"] == "return=representation"
    assert found["2"]["body"]["networkIPv4"] == "203.0.113.7"
    deleted = await answers(
        surface, {"id": "1", "method": "DELETE", "url": f"security/tiIndicators/{found['2']['body']['id']}"}
    )
    assert deleted["1"]["status"] == 204
    assert "body" not in deleted["1"]


async def test_what_is_not_json_is_base64_both_ways(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    body = base64.b64encode(b'{"title": "b", "vendorInformation": {"provider": "P", "vendor": "V"}}').decode()
    plain = {"id": "2", "method": "POST", "url": "/security/alerts", "headers": {"Content-Type": "text/plain"}}
    found = await answers(surface, get("1", "/security/alerts/$count"), {**plain, "body": body, "dependsOn": ["1"]})
    assert base64.b64decode(found["1"]["body"]) == b"1"
    assert found["1"]["headers"]["Content-Type"].startswith("text/plain")
    assert found["2"]["status"] == 201


@pytest.mark.parametrize("member", ["dependsOn", "depends_on"])
async def test_an_item_waits_for_those_it_depends_on_and_is_not_sent_when_one_fails(
    surface: Surface, member: str
) -> None:
    found = await answers(
        surface,
        get("4", "/security/alerts/made", **{member: ["3"]}),
        get("2", "/security/alerts", **{member: ["1"]}),
        get("1", "/security/alerts/none", **{member: []}),
        post("3", "/security/alerts", alert("made")),
        post("5", "/security/alerts", alert("never"), **{member: ["3", "2"]}),
        get("6", "/security/alerts", **{member: None}),
    )
    statuses = {key: each["status"] for key, each in found.items()}
    assert statuses == {"1": 404, "2": 424, "3": 201, "4": 200, "5": 424, "6": 200}
    assert found["5"]["body"]["error"]["code"] == "FailedDependency"
    assert await surface.ids("/v1.0/security/alerts") == ["made"]


async def test_each_item_needs_its_own_permission(surface: Surface) -> None:
    found = await answers(
        surface,
        get("1", "/security/alerts"),
        post("2", "/security/alerts", alert("x")),
        get("3", "/security/tiIndicators"),
        caller="reader",
    )
    assert {key: each["status"] for key, each in found.items()} == {"1": 200, "2": 403, "3": 403}
    nobody = await answers(surface, get("1", "/security/alerts"), caller="nobody")
    assert nobody["1"]["body"]["error"]["code"] == "Forbidden"


async def test_a_batch_in_a_batch_is_refused(surface: Surface) -> None:
    found = await answers(surface, post("1", "/$batch", {"requests": [get("1", "/security/alerts")]}))
    assert (found["1"]["status"], found["1"]["body"]["error"]["code"]) == (400, "BadRequest")
    assert "another batch" in found["1"]["body"]["error"]["message"]


async def test_a_page_in_a_batch_leads_to_the_next_page(surface: Surface) -> None:
    await surface.ingest([alert("a"), alert("b")])
    first = (await answers(surface, get("1", "/security/alerts?$top=1&$orderby=title")))["1"]["body"]
    link = first["@odata.nextLink"]
    assert link.startswith("http://graph.test/v1.0/security/alerts?")
    assert (await answers(surface, get("1", link)))["1"]["body"]["value"][0]["id"] == "b"
    assert (await surface.client.get(link)).json()["value"][0]["id"] == "b"


ONE = get("1", "/security/alerts")


@pytest.mark.parametrize(
    "items",
    [
        [],
        [get(str(number), "/security/alerts") for number in range(21)],
        [ONE, ONE],
        [{"id": "1", "url": "/security/alerts"}],
        [{"id": "1", "method": "GET"}],
        [{"method": "GET", "url": "/security/alerts"}],
        [{**ONE, "id": ""}],
        [{**ONE, "id": True}],
        [{**ONE, "url": 1}],
        [{**ONE, "method": "GE T"}],
        [{**ONE, "headers": []}],
        [{**ONE, "headers": {"Prefer": "a\r\nX-Evil: b"}}],
        [{**ONE, "headers": {"X Evil": "b"}}],
        [{**ONE, "headers": {"Prefer": 1}}],
        [{**ONE, "headers": {"Prefer": "\u20ac"}}],
        [{**ONE, "method": "POST", "body": {}}],
        [{**ONE, "method": "POST", "headers": {"Content-Type": "text/plain"}, "body": "no base64!"}],
        [{**ONE, "dependsOn": ["2"]}],
        [{**ONE, "dependsOn": [2]}],
        [{**ONE, "dependsOn": ["1"]}],
        [get("1", "/a", dependsOn=["3"]), get("2", "/b", dependsOn=["1"]), get("3", "/c", dependsOn=["2"])],
        ["GET /security/alerts"],
        [None],
    ],
    ids=str,
)
async def test_a_batch_that_breaks_a_rule_is_refused_whole(surface: Surface, items: list[Any]) -> None:
    answered = await surface.client.post(
        BATCH, json={"requests": [post("first", "/security/alerts", alert("x")), *items] if len(items) == 1 else items}
    )
    assert_error(answered, 400, "BadRequest")
    assert surface.events() == []


@pytest.mark.parametrize("body", [{}, [], {"requests": {}}, {"requests": None}])
async def test_a_batch_without_requests_is_refused(surface: Surface, body: Any) -> None:
    assert "requests" in assert_error(await surface.client.post(BATCH, json=body), 400, "BadRequest")


async def test_twenty_requests_and_ids_that_are_numbers_are_accepted(surface: Surface) -> None:
    found = await answers(surface, *({**ONE, "id": number} for number in range(20)))
    assert [each["status"] for each in found.values()] == [200] * 20


async def test_a_batch_is_sent_with_post_and_with_a_token(surface: Surface) -> None:
    assert_error(await surface.client.get(BATCH), 405, "Request_BadRequest")
    assert_error(await surface.calling(None).post(BATCH, json={}), 401, "InvalidAuthenticationToken")
