"""What was uploaded as threat intelligence, read back and deleted as Sentinel's management API does."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

import databases
from graph_surface import indicator
from sallyport import app, settings
from sallyport.auth.tokens import MANAGEMENT, Subject
from sallyport.clock import ManualClock
from sallyport.management import threat_intelligence
from stix_objects import IDENTITY, stix_indicator

INSIGHTS = (
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/w"
    "/providers/Microsoft.SecurityInsights"
)
MAIN = f"{INSIGHTS}/threatIntelligence/main"
VERSION = {"api-version": "2024-03-01"}
UPLOAD = "/workspaces/w/threat-intelligence-stix-objects:upload"
OWNED = "ThreatIndicators.ReadWrite.OwnedBy"
ALL = "ThreatIndicators.Read.All"


class Sentinel:
    """Calls the composed server, one application after another."""

    def __init__(self, house: app.House) -> None:
        self.house = house

    def call(self, method: str, path: str, caller: str = "feeder", role: str = OWNED, **more: Any) -> httpx.Response:
        subject = Subject(caller, caller, (role,))
        headers = {"authorization": f"Bearer {self.house.authority.tokens.mint(subject, MANAGEMENT)}"}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.house.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return await client.request(method, path, headers=headers, **more)

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, send()).result()

    def upload(self, *objects: Any, source: str = "feed", caller: str = "feeder") -> None:
        body = {"sourcesystem": source, "stixobjects": list(objects)}
        answered = self.call("POST", UPLOAD, caller, params=VERSION, json=body)
        assert (answered.status_code, answered.content) == (200, b"")

    def page(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answered = self.call(method, path, params=VERSION, json=body, **more)
        assert answered.status_code == 200, answered.text
        found: dict[str, Any] = answered.json()
        return found

    def selected(self, body: Any, path: str = "queryIndicators", **more: Any) -> list[str]:
        return [each["name"] for each in self.page("POST", f"{MAIN}/{path}", body, **more)["value"]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def sentinel(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sentinel]:
    more = {}
    if request.param == "postgresql":
        more["SALLYPORT_DATABASE_URL"] = databases.created(request.getfixturevalue("postgresql_url"))
    given = {"SALLYPORT_DATA": str(tmp_path), "SALLYPORT_SMTP_HOST": "mail.example", **more}
    made = app.build(settings.load(given), clock=ManualClock())
    yield Sentinel(made)
    made.database.close()


def name(number: int) -> str:
    return str(stix_indicator(number)["id"])


def test_an_uploaded_indicator_is_read_back_in_sentinel_s_words(sentinel: Sentinel) -> None:
    given = stix_indicator(
        1,
        name="Bad address",
        description="seen",
        confidence=70,
        labels=["t"],
        indicator_types=["compromised"],
        valid_until="2036-01-01T00:00:00Z",
        kill_chain_phases=[{"kill_chain_name": "lockheed-martin-cyber-kill-chain", "phase_name": "delivery"}],
        external_references=[{"source_name": "report", "url": "https://report.example"}],
    )
    sentinel.upload(given, source="MISP")
    (shown,) = sentinel.page("GET", f"{MAIN}/indicators")["value"]
    assert {key: shown[key] for key in ("id", "name", "type", "kind")} == {
        "id": f"{INSIGHTS}/threatIntelligence/{name(1)}",
        "name": name(1),
        "type": "Microsoft.SecurityInsights/threatIntelligence",
        "kind": "indicator",
    }
    told = shown["properties"]
    assert (told["displayName"], told["source"], told["confidence"], told["revoked"]) == (
        "Bad address",
        "MISP",
        70,
        False,
    )
    assert (told["externalId"], told["patternType"], told["threatTypes"]) == (name(1), "ipv4-addr", ["compromised"])
    assert told["parsedPattern"] == [
        {"patternTypeKey": "ipv4-addr", "patternTypeValues": [{"valueType": "value", "value": "203.0.113.1"}]}
    ]
    assert told["killChainPhases"] == [{"killChainName": "lockheed-martin-cyber-kill-chain", "phaseName": "delivery"}]
    assert told["externalReferences"][0]["sourceName"] == "report"
    for path in (f"{MAIN}/indicators/{name(1)}", shown["id"], f"{INSIGHTS}/threatIntelligence/{name(1)[11:]}"):
        assert sentinel.page("GET", path) == shown


def test_an_indicator_of_graph_is_read_back_as_well(sentinel: Sentinel) -> None:
    made = sentinel.call(
        "POST", "/beta/security/tiIndicators", json=indicator(expirationDateTime="2036-01-01T00:00:00Z")
    )
    assert made.status_code == 201, made.text
    (shown,) = sentinel.page("POST", f"{MAIN}/queryIndicators", {"sources": ["SecurityGraph"]})["value"]
    assert shown["name"] == f"indicator--{made.json()['id']}"
    assert shown["properties"]["pattern"] == "[ipv4-addr:value = '203.0.113.7']"
    sentinel.upload(stix_indicator(1))
    assert sentinel.selected({"sources": ["SecurityGraph"]}) == [shown["name"]]


def test_a_change_over_graph_leaves_an_uploaded_indicator_where_it_came_from(sentinel: Sentinel) -> None:
    sentinel.upload(stix_indicator(1), stix_indicator(2), source="MISP")
    by_name = {"$filter": f"externalId eq '{name(1)}'"}
    (found,) = sentinel.call("GET", "/beta/security/tiIndicators", params=by_name).json()["value"]
    changed = sentinel.call("PATCH", f"/beta/security/tiIndicators/{found['id']}", json={"confidence": 7})
    assert changed.status_code == 204, changed.text
    shown = sentinel.page("POST", f"{MAIN}/queryIndicators", {"sources": ["MISP"]})["value"]
    assert [(each["name"], each["properties"].get("confidence")) for each in shown] == [(name(1), 7), (name(2), None)]
    assert sentinel.selected({"sources": ["SecurityGraph"]}) == []


def test_filtering_criteria_select(sentinel: Sentinel) -> None:
    sentinel.upload(
        stix_indicator(1, confidence=20, name="Alpha", indicator_types=["Botnet"], valid_until="2036-01-01T00:00:00Z"),
        stix_indicator(2, confidence=80, labels=["alpha"], valid_until="2037-01-01T00:00:00Z"),
        stix_indicator(3, pattern="[url:value = 'https://evil.example/']"),
        stix_indicator(4, pattern="[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']", revoked=True),
    )
    sentinel.upload(stix_indicator(5), source="other")
    for criteria, expected in (
        ({}, [5, 3, 2, 1]),
        ({"includeDisabled": True}, [5, 4, 3, 2, 1]),
        ({"sources": ["other"]}, [5]),
        ({"sources": ["feed"], "minConfidence": 30}, [2]),
        ({"maxConfidence": 30}, [1]),
        ({"minValidUntil": "2036-06-01T00:00:00Z", "maxConfidence": 100}, [2]),
        ({"maxValidUntil": "2036-06-01T00:00:00Z"}, [1]),
        ({"keywords": ["ALPHA"]}, [2, 1]),
        ({"keywords": ["evil", "https"]}, [3]),
        ({"patternTypes": ["url"]}, [3]),
        ({"patternTypes": ["file"], "includeDisabled": True}, [4]),
        ({"threatTypes": ["botnet"]}, [1]),
        ({"ids": [name(1), name(3)]}, [3, 1]),
        ({"sortBy": [{"itemKey": "lastUpdatedTimeUtc", "sortOrder": "ascending"}]}, [1, 2, 3, 5]),
    ):
        assert sentinel.selected(criteria) == [name(number) for number in expected], criteria


@pytest.mark.parametrize("ascending", [True, False])
def test_pages_follow_by_link_and_by_token_and_keep_what_was_asked(sentinel: Sentinel, ascending: bool) -> None:
    sentinel.upload(*(stix_indicator(number, confidence=number) for number in range(10)))
    order = [{"itemKey": "lastUpdatedTimeUtc", "sortOrder": "ascending" if ascending else "descending"}]
    criteria = {"pageSize": 3, "minConfidence": 2, "sortBy": order}
    expected = [name(number) for number in range(2, 10)]
    for by_link in (True, False):
        page = sentinel.page("POST", f"{MAIN}/queryIndicators", criteria)
        found = [each["name"] for each in page["value"]]
        while "nextLink" in page:
            assert "&$skipToken=" in page["nextLink"]
            if by_link:
                answered = sentinel.call("GET", page["nextLink"])
            else:
                token = parse_qs(urlsplit(page["nextLink"]).query)["$skipToken"][0]
                answered = sentinel.call("POST", f"{MAIN}/queryIndicators", params=VERSION, json={"skipToken": token})
            page = answered.json()
            assert len(page["value"]) <= 3
            found += [each["name"] for each in page["value"]]
        assert found == (expected if ascending else expected[::-1])


def test_a_list_is_paged_and_shows_what_was_revoked(sentinel: Sentinel) -> None:
    sentinel.upload(*(stix_indicator(number, revoked=number == 4) for number in range(5)))
    first = sentinel.call("GET", f"{MAIN}/indicators", params={**VERSION, "$top": "3"}).json()
    rest = sentinel.call("GET", first["nextLink"]).json()
    assert [each["name"] for each in (*first["value"], *rest["value"])] == [name(number) for number in (4, 3, 2, 1, 0)]
    assert first["value"][0]["properties"]["revoked"] is True


def test_a_page_ends_where_too_much_was_looked_at_and_goes_on(
    sentinel: Sentinel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threat_intelligence, "_MOST", 4)
    sentinel.upload(stix_indicator(1, confidence=99), *(stix_indicator(number) for number in range(2, 10)))
    page, pages = sentinel.page("POST", f"{MAIN}/queryIndicators", {"minConfidence": 90}), 1
    while not page["value"]:
        page, pages = sentinel.call("GET", page["nextLink"]).json(), pages + 1
    assert ([each["name"] for each in page["value"]], pages) == ([name(1)], 3)


def test_a_condition_selects_objects_of_any_type(sentinel: Sentinel) -> None:
    sentinel.upload(stix_indicator(1, name="Alpha", labels=["a", "b"]), stix_indicator(2, revoked=True), IDENTITY)
    sentinel.upload(stix_indicator(3), source="other")

    def asked(*clauses: tuple[str, str, list[str]], connective: str = "And", kind: str | None = "indicator") -> Any:
        told = [{"field": field, "operator": operator, "values": values} for field, operator, values in clauses]
        return {"condition": {"clauses": told, "conditionConnective": connective, "stixObjectType": kind}}

    for body, expected in (
        (asked(("source", "Equals", ["feed"])), [name(2), name(1)]),
        (asked(("source", "NotEquals", ["feed"])), [name(3)]),
        (asked(("name", "StringStartsWith", ["al"])), [name(1)]),
        (asked(("name", "StringIsEmpty", [])), [name(3), name(2)]),
        (asked(("pattern", "StringContains", ["113.1", "113.3"])), [name(3), name(1)]),
        (asked(("revoked", "IsTrue", []), ("labels", "ArrayContains", ["B"]), connective="Or"), [name(2), name(1)]),
        (asked(kind="identity"), [IDENTITY["id"]]),
        (asked(kind=None), [name(3), IDENTITY["id"], name(2), name(1)]),
    ):
        assert sentinel.selected(body, "query") == expected, body
    page = sentinel.page("POST", f"{MAIN}/query", {**asked(kind=None), "maxPageSize": 2})
    assert page["value"][1]["properties"]["data"] == IDENTITY
    assert page["value"][1]["kind"] == "identity"
    rest = sentinel.call("GET", page["nextLink"]).json()
    assert [each["name"] for each in rest["value"]] == [name(2), name(1)]


def test_an_object_is_deleted_by_whoever_brought_it(sentinel: Sentinel) -> None:
    sentinel.upload(stix_indicator(1), IDENTITY)
    for kept in (name(1), IDENTITY["id"]):
        other = sentinel.call("DELETE", f"{MAIN}/indicators/{kept}", "stranger")
        assert other.status_code == 204
        assert sentinel.call("GET", f"{MAIN}/indicators/{kept}").status_code == 200
        assert sentinel.call("DELETE", f"{INSIGHTS}/threatIntelligence/{kept}", params=VERSION).status_code == 200
        gone = sentinel.call("GET", f"{MAIN}/indicators/{kept}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "ResourceNotFound")
        assert sentinel.call("DELETE", f"{MAIN}/indicators/{kept}").status_code == 204
    assert sentinel.call("GET", "/beta/security/tiIndicators").json()["value"] == []


def test_an_application_sees_its_own_and_all_with_the_permission(sentinel: Sentinel) -> None:
    sentinel.upload(stix_indicator(1))
    sentinel.upload(stix_indicator(2), caller="other")
    assert sentinel.selected({}) == [name(1)]
    assert sentinel.selected({}, role=ALL) == [name(2), name(1)]
    assert sentinel.call("GET", f"{MAIN}/indicators/{name(2)}").status_code == 404
    refused = sentinel.call("DELETE", f"{MAIN}/indicators/{name(1)}", role=ALL)
    assert refused.status_code == 403


def test_an_object_with_members_of_other_kinds_is_shown_and_searched(sentinel: Sentinel) -> None:
    odd = {"labels": 7, "indicator_types": "x", "external_references": {"a": 1}, "kill_chain_phases": ["p"]}
    sentinel.upload(stix_indicator(1, **odd, name=5, pattern="[", description={"a": 1}))
    assert sentinel.selected({"keywords": ["5"]}) == [name(1)]
    assert sentinel.selected({"threatTypes": ["x"]}) == []
    (shown,) = sentinel.page("GET", f"{MAIN}/indicators")["value"]
    assert (shown["properties"]["patternType"], shown["properties"]["parsedPattern"]) == (None, [])


def test_a_text_that_no_database_can_hold_finds_nothing(sentinel: Sentinel) -> None:
    sentinel.upload(stix_indicator(1))
    assert sentinel.call("GET", f"{MAIN}/indicators/%00").status_code in (400, 404)
    assert sentinel.call("DELETE", f"{MAIN}/indicators/%00").status_code in (204, 400)
    token = base64.urlsafe_b64encode(b'[5, {"sources": ["\\u0000"]}]').decode().rstrip("=")
    answered = sentinel.call("GET", f"{MAIN}/queryIndicators", params={"$skipToken": token})
    assert (answered.status_code, answered.json().get("value", [])) in ((200, []), (400, []))


def test_metrics_count_what_is_stored(sentinel: Sentinel) -> None:
    sentinel.upload(stix_indicator(1), stix_indicator(2, pattern="[url:value = 'https://evil.example/']"))
    sentinel.upload(stix_indicator(3), source="other", caller="other")
    (shown,) = sentinel.page("GET", f"{MAIN}/metrics", role=ALL)["value"]
    told = {
        kind: {each["metricName"]: each["metricValue"] for each in shown["properties"][f"{kind}Metrics"]}
        for kind in ("source", "patternType", "threatType")
    }
    assert told == {
        "source": {"feed": 2, "other": 1},
        "patternType": {"ipv4-addr": 2, "url": 1},
        "threatType": {"WatchList": 3},
    }
    (own,) = sentinel.page("GET", f"{MAIN}/metrics", caller="other")["value"]
    assert own["properties"]["sourceMetrics"] == [{"metricName": "other", "metricValue": 1}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("queryIndicators", []),
        ("queryIndicators", {"pageSize": 0}),
        ("queryIndicators", {"minConfidence": "x"}),
        ("queryIndicators", {"minConfidence": 101}),
        ("queryIndicators", {"minValidUntil": "soon"}),
        ("queryIndicators", {"sources": "feed"}),
        ("queryIndicators", {"sources": [1]}),
        ("queryIndicators", {"sortBy": [{"itemKey": "confidence", "sortOrder": "ascending"}]}),
        ("queryIndicators", {"sortBy": 7}),
        ("queryIndicators", {"skipToken": "%"}),
        ("queryIndicators", {"skipToken": "WzEsMl0"}),
        ("queryIndicators", {"skipToken": "WzFlOTksIHt9XQ"}),
        ("query", {"condition": {"clauses": [{"field": "name", "operator": "Like", "values": []}]}}),
        ("query", {"condition": {"clauses": [{"operator": "Equals", "values": []}]}}),
        ("query", {"condition": {"clauses": {"field": "name"}}}),
        ("query", {"condition": {"conditionConnective": "Xor"}}),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_words_of_azure(sentinel: Sentinel, path: str, body: Any) -> None:
    refused = sentinel.call("POST", f"{MAIN}/{path}", params=VERSION, json=body)
    assert (refused.status_code, set(refused.json()["error"])) == (400, {"code", "message"}), refused.text
