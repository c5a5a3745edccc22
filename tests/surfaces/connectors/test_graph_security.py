"""The Microsoft Graph Security connector against the real Graph: every operation, at the paths of real definitions."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import orjson
import pytest

from connector_outside import GRAPH, Wire, a_call, message_of, outside
from graph_surface import Surface, alert, indicator
from sallyport.connectors import Connectors
from sallyport.connectors.catalog import UnknownOperation
from sallyport.connectors.graph_security import operations
from sallyport.http_messages import Headers, InboundResponse
from workplace import CASES

API = "microsoftgraphsecurity"
TABLE: list[dict[str, Any]] = json.loads((CASES / "connectors" / "graph_security.json").read_bytes())


async def _call(connectors: Connectors, method: str, path: str, body: Any = None, **more: Any) -> InboundResponse:
    return await connectors.call(a_call(API, method, path, body, **more))


async def _known(surface: Surface) -> dict[str, str]:
    """Store one of each, and answer their ids by the name that cases use."""
    await surface.ingest([alert("a-1", severity="high"), alert("2517/53 x")])
    made = await surface.client.post("/beta/security/tiIndicators", json=indicator(externalId="external-1"))
    wanted = {
        "changeType": "updated",
        "notificationUrl": "https://soc.contoso.com/hook",
        "resource": "security/alerts?$filter=status eq 'NewAlert'",
        "expirationDateTime": "2026-12-01T00:00:00Z",
    }
    subscribed = await surface.client.post("/v1.0/subscriptions", json=wanted)
    assert (made.status_code, subscribed.status_code) == (201, 201), subscribed.text
    return {"{indicator}": made.json()["id"], "{subscription}": subscribed.json()["id"]}


def _named(value: Any, known: dict[str, str]) -> Any:
    text = json.dumps(value)
    for name, found in known.items():
        text = text.replace(name, found)
    return json.loads(text)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["call"])
async def test_every_operation_reaches_the_graph(case: dict[str, Any], surface: Surface, graph: Connectors) -> None:
    case = _named(case, await _known(surface))
    method, path = case["call"].split(" ")
    found = operations.find(graph.find(API), method, path)
    assert found.operation.id == case["operation"]
    more = {key: case[key] for key in ("queries", "headers") if key in case}
    response = await _call(graph, method, path, copy.deepcopy(case.get("body")), **more)
    assert response.status == case["status"], response.body


def test_the_table_holds_each_of_the_sixteen_actions_and_three_triggers() -> None:
    described = Connectors(outside()).find(API).swagger.operations
    assert sorted({case["operation"] for case in TABLE}) == sorted(each.id for each in described)
    assert sum(bool(each.trigger) for each in described) == 3
    assert len(described) == 19


def test_every_operation_and_parameter_says_what_it_is() -> None:
    for operation in Connectors(outside()).find(API).swagger.operations:
        assert operation.summary, operation.id
        assert operation.description.endswith("."), operation.id
        for each in operation.parameters:
            assert each.summary, (operation.id, each.name)
            assert each.description.endswith("."), (operation.id, each.name)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v2.0/security/alerts"),
        ("get", "/v1.0/security/incidents"),
        ("get", "/v1.0/users"),
        ("delete", "/v1.0/security/alerts/a-1"),
        ("delete", "/beta/security/tiIndicators/"),
        ("get", "/trigger/beta/security/tiIndicators"),
        ("get", "/trigger/v1.0/subscriptions"),
        ("get", "/v1.0/security/alerts/../../users"),
    ],
)
async def test_what_the_connector_does_not_offer_is_refused_by_name(method: str, path: str) -> None:
    told = f"'microsoftgraphsecurity' has no operation {method.upper()} {re.escape(path)}"
    with pytest.raises(UnknownOperation, match=told):
        await _call(Connectors(outside()), method, path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("https://graph.microsoft.com/v1.0/security/alerts?$filter=Severity eq 'low'&$top=1", ": Severity eq 'low'"),
        ("GET https://graph.microsoft.com/v1.0/security/alerts", "An example: Severity eq 'high'"),
        ("PATCH /security/alerts", "without the verb and the address"),
    ],
)
async def test_a_filter_that_is_a_request_is_told_what_to_write_instead(text: str, says: str) -> None:
    wire = Wire()
    response = await _call(Connectors(outside(wire)), "get", "/v1.0/security/alerts", queries={"$filter": text})
    assert response.status == 400
    assert says in message_of(response)
    assert wire.requests == []


async def test_a_filter_that_cannot_be_parsed_never_answers_everything(surface: Surface, graph: Connectors) -> None:
    await surface.ingest([alert("a-1")])
    response = await _call(graph, "get", "/v1.0/security/alerts", queries={"$filter": "severity is high"})
    assert response.status == 400
    assert "column 10" in message_of(response)


@pytest.mark.parametrize("name", ["GET", "HTTPS", "gettingHot", "patches"])
def test_only_a_request_is_taken_for_a_request(name: str) -> None:
    assert operations.queries({"$filter": f"{name} eq 'x'"} if name.islower() else {"$top": name})


async def test_each_request_carries_a_fresh_token_of_the_connector() -> None:
    tokens = iter(["one", "two"])
    wire = Wire()
    connectors = Connectors(outside(wire, graph_token=lambda: next(tokens)))
    for _ in range(2):
        await _call(connectors, "get", "/v1.0/security/alerts", headers={"Authorization": "Bearer author"})
    sent = [Headers(each.headers).all("authorization") for each in wire.requests]
    assert sent == [["Bearer one"], ["Bearer two"]]


async def test_a_trigger_delivers_all_new_alerts_once_by_following_its_location(
    surface: Surface, graph: Connectors
) -> None:
    await surface.ingest([alert("before")])
    started = await _call(graph, "get", "/trigger/v1.0/security/alerts")
    await surface.ingest([alert("one"), alert("two")])
    first = await _call(graph, "get", started.headers["location"])
    assert [each["id"] for each in orjson.loads(first.body)["value"]] == ["one", "two"]
    again = await _call(graph, "get", first.headers["location"])
    assert again.status == 202


@pytest.mark.parametrize(("own", "query"), [(True, "?triggerState=7"), (False, "")])
async def test_a_first_poll_begins_where_the_store_stood_if_it_is_the_graphs_own(own: bool, query: str) -> None:
    wire = Wire(202)
    connectors = Connectors(outside(wire, graph_is_own=own))
    await _call(connectors, "GET", "/trigger/v1.0/security/alerts", origin={"alerts": 7, "indicatorMatches": 3})
    await _call(connectors, "GET", "/v1.0/security/alerts", origin={"alerts": 7})
    assert [each.url for each in wire.requests] == [
        f"{GRAPH}/trigger/v1.0/security/alerts{query}",
        f"{GRAPH}/v1.0/security/alerts",
    ]


async def test_the_trigger_of_high_severity_delivers_nothing_else(surface: Surface, graph: Connectors) -> None:
    started = await _call(graph, "get", "/trigger/beta/security/alerts")
    await surface.ingest([alert("low"), alert("high", severity="high"), alert("other", severity="medium")])
    found = await _call(graph, "get", started.headers["location"])
    assert [each["id"] for each in orjson.loads(found.body)["value"]] == ["high"]


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (GRAPH, "/trigger/v1.0/security/alerts?triggerState=7"),
        (GRAPH, f"{GRAPH}/trigger/v1.0/security/alerts?triggerState=7"),
        ("https://second.example/tenant", "https://second.example/tenant/trigger/v1.0/security/alerts?triggerState=7"),
    ],
)
async def test_a_location_comes_back_as_a_path_that_can_be_called_again(url: str, location: str) -> None:
    wire = Wire(200, b"{}", {"Location": location})
    connectors = Connectors(outside(wire, graph_base_url=url))
    response = await _call(connectors, "get", "/trigger/v1.0/security/alerts")
    assert response.headers["location"] == "/trigger/v1.0/security/alerts?triggerState=7"
    await _call(connectors, "get", response.headers["location"])
    assert wire.requests[1].url == f"{url}/trigger/v1.0/security/alerts?triggerState=7"


async def test_the_link_to_the_next_page_can_be_called_through_the_connector(
    surface: Surface, graph: Connectors
) -> None:
    await surface.ingest(alert(f"a-{number}") for number in range(5))
    seen: list[str] = []
    address = "/v1.0/security/alerts"
    queries: dict[str, Any] = {"$top": 2}
    while address:
        page = orjson.loads((await _call(graph, "get", address, queries=queries)).body)
        seen += [each["id"] for each in page["value"]]
        address, queries = page.get("@odata.nextLink", ""), {}
    assert sorted(seen) == [f"a-{number}" for number in range(5)]


async def test_an_address_of_another_host_never_gets_the_token() -> None:
    wire = Wire()
    response = await _call(Connectors(outside(wire)), "get", "https://graph.microsoft.com/v1.0/security/alerts")
    assert response.status == 400
    assert wire.requests == []


async def test_a_change_is_really_made(surface: Surface, graph: Connectors) -> None:
    await surface.ingest([alert("a-1")])
    body = {"comments": "seen", "status": "resolved", "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}
    await _call(graph, "patch", "/beta/security/alerts/a-1", body)
    changed = orjson.loads((await _call(graph, "get", "/v1.0/security/alerts/a-1")).body)
    assert (changed["status"], changed["comments"]) == ("resolved", ["seen"])
