"""The liberties that real clients take, one test for each rule of the surface that absorbs them."""

from __future__ import annotations

from typing import Any

import pytest

from graph_surface import Surface, alert, indicator

ALERTS = "/v1.0/security/alerts"
VENDOR = {"vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}


async def fill(surface: Surface) -> None:
    """Store a high and a low alert."""
    high = {
        "severity": "high",
        "createdDateTime": "2022-01-15T08:00:00Z",
        "fileStates": [{"fileHash": {"hashType": "sha256", "hashValue": "AA64"}}],
        "userStates": [{"userPrincipalName": "User@contoso.com"}],
    }
    await surface.ingest([alert("high", **high), alert("low", createdDateTime="2022-01-10T08:00:00Z")])


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/security/alerts",
        "/V1.0/Security/Alerts",
        "/beta/security/alerts",
        "/BETA/SECURITY/ALERTS",
        "/v1.0/security/alerts/",
        "/v1.0//security//alerts",
        "//v1.0/security/alerts//",
    ],
)
async def test_paths_are_read_in_any_case_with_doubled_and_trailing_slashes(surface: Surface, path: str) -> None:
    await fill(surface)
    assert await surface.ids(f"http://graph.test{path}?$top=5") == ["high", "low"]


@pytest.mark.parametrize("version", ["v1.0", "beta"])
@pytest.mark.parametrize("path", ["security/alerts", "security/tiIndicators", "security/tiindicators", "subscriptions"])
async def test_both_versions_serve_every_resource(surface: Surface, version: str, path: str) -> None:
    answered = await surface.client.get(f"/{version}/{path}")
    assert (answered.status_code, answered.json()["value"]) == (200, [])


@pytest.mark.parametrize(
    "query",
    [
        "$filter=severity%20eq%20%27high%27",
        "$filter=severity+eq+'high'",
        "%24filter=severity%20eq%20'high'",
        "filter=severity eq 'high'",
        "$Filter= Severity EQ 'HIGH' ",
        "$filter=severity%20eq%20%22high%22",
        "$filter=createdDateTime gt 2022-01-12",
        "$filter=createdDateTime gt 2022-01-12T00:00:00.0000000Z",
        "$filter=createdDateTime gt 2022-01-12T00:00:00+00:00",
        "$filter=createddatetime gt 2022-01-12T00:00:00%2B00:00",
        "$filter=severity eq 'high' and (createdDateTime ge 2022-01-01T00:00:00Z)",
        "$filter=fileStates/any(q:q%2FfileHash%2FhashType eq 'sha256' and tolower(q/fileHash/hashValue) eq 'aa64')",
        '$filter=userStates/any(d:tolower(d/userPrincipalName) eq tolower("user@contoso.com"))',
        "$filter=status eq 'resolved' and vendorInformation/provider eq 'IPC' or severity eq 'high'",
        "$filter=severity eq 'high'&$orderBy=createdDateTime&$top=5&$skip=0",
    ],
)
async def test_filters_are_read_however_they_are_encoded(surface: Surface, query: str) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}/?{query}") == ["high"]


@pytest.mark.parametrize("query", ["$filter=", "$filter=%20", "filter=&$top=5", "$format=json"])
async def test_an_empty_filter_is_no_filter(surface: Surface, query: str) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}?{query}") == ["high", "low"]


async def test_option_names_are_read_in_any_case(surface: Surface) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}?$orderBy=createdDateTime&$TOP=1") == ["low"]
    assert await surface.ids(f"{ALERTS}?orderby=createdDateTime%20asc&top=1&skip=1") == ["high"]


@pytest.mark.parametrize(
    "media", ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/json; odata=verbose", ""]
)
async def test_json_is_read_under_other_content_types(surface: Surface, media: str) -> None:
    await surface.ingest([alert("a")])
    body = b' \n {"status": "resolved", "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}'
    answered = await surface.client.patch(f"{ALERTS}/a", content=body, headers={"content-type": media})
    assert answered.status_code == 204
    assert (await surface.client.get(f"{ALERTS}/a")).json()["status"] == "resolved"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"passiveOnly": "false"}, {"passiveOnly": False}),
        ({"isActive": "True"}, {"isActive": True}),
        ({"additionalInformation": 80}, {"additionalInformation": "80"}),
        ({"severity": "4", "confidence": 42.0}, {"severity": 4, "confidence": 42}),
        ({"networkPort": "443"}, {"networkPort": 443}),
        ({"tlpLevel": "Red", "action": "BLOCK"}, {"tlpLevel": "red", "action": "block"}),
        ({"diamondModel": ""}, {"diamondModel": None}),
        ({"lastReportedDateTime": "2026-11-01 00:00:00"}, {"lastReportedDateTime": "2026-11-01T00:00:00Z"}),
        ({"expirationDateTime": "2026-11-28"}, {"expirationDateTime": "2026-11-28T00:00:00Z"}),
        ({"expirationDateTime": "2026-12-01T02:00:00+02:00"}, {"expirationDateTime": "2026-12-01T00:00:00Z"}),
        ({"tags": "one"}, {"tags": ["one"]}),
        ({"killChain": [], "activityGroupNames": None}, {"killChain": [], "activityGroupNames": []}),
        ({"emailSourceIPAddress": "192.0.2.1"}, {"emailSourceIpAddress": "192.0.2.1"}),
        ({"fileCreationDateTime": "kept"}, {"fileCreationDateTime": "kept", "fileCreatedDateTime": None}),
        (
            {"indicatorRequestHash": "h1", "own": {"b": [1, None]}},
            {"indicatorRequestHash": "h1", "own": {"b": [1, None]}},
        ),
    ],
)
async def test_sloppy_values_are_taken_as_they_were_meant(
    surface: Surface, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    answered = await surface.client.post("/beta/security/tiIndicators", json=indicator(**given))
    assert answered.status_code == 201, answered.text
    assert {name: answered.json()[name] for name in expected} == expected


async def test_unknown_members_are_kept_and_returned(surface: Surface) -> None:
    own: dict[str, Any] = {
        "CustomProperties": '["x"]',
        "riskScore": "9",
        "deep": {"a": [None, {"b": 1.5}]},
        "none": None,
        "empty": [],
    }
    states = [{"fqdn": "pc", "vmMetadata": {"size": "L"}}]
    created = (await surface.client.post(ALERTS, json=alert("a", **own, hostStates=states))).json()
    found = (await surface.client.get(f"{ALERTS}/a")).json()
    for answered in (created, found):
        assert {name: answered[name] for name in own} == own
        assert answered["hostStates"][0]["vmMetadata"] == {"size": "L"}


async def test_older_spellings_of_a_property_are_read_as_today_s(surface: Surface) -> None:
    created = (await surface.client.post(ALERTS, json=alert("a", hostStates=[{"isAzureAadJoined": True}]))).json()
    assert created["hostStates"][0]["isAzureAdJoined"] is True
    assert await surface.ids(f"{ALERTS}?$filter=hostStates/any(h:h/isAzureAadJoined eq true)") == ["a"]


async def test_the_provider_shorthand_and_display_names_are_read(surface: Surface) -> None:
    await surface.ingest([alert("a"), alert("b", vendorInformation={"provider": "Palo Alto Networks", "vendor": "x"})])
    shorthand = "Provider eq 'Azure Security Center' or 'Palo Alto Networks'"
    assert sorted(await surface.ids(ALERTS, params={"$filter": shorthand})) == ["a", "b"]


async def test_comments_and_tags_may_be_single_texts(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    prefer = {"prefer": "Return=Representation, include-unknown-enum-members"}
    answered = await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "comments": "x", "tags": "y"}, headers=prefer)
    assert (answered.json()["comments"], answered.json()["tags"]) == (["x"], ["y"])


async def test_unknown_headers_are_ignored_and_the_client_s_request_id_is_echoed(surface: Surface) -> None:
    headers = {
        "client-request-id": "11111111-2222-3333-4444-555555555555",
        "return-client-request-id": "true",
        "SdkVersion": "graph-python-1.65.0",
        "ConsistencyLevel": "eventual",
        "Retry-Attempt": "1",
        "x-own": "y",
    }
    answered = await surface.client.get(ALERTS, headers=headers)
    assert answered.headers["client-request-id"] == headers["client-request-id"]
    assert answered.headers["request-id"] != headers["client-request-id"]
    assert answered.headers["odata-version"] == "4.0"
    assert answered.headers["content-type"] == (
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    )
    missing = await surface.client.get(f"{ALERTS}/nope", headers=headers)
    assert missing.json()["error"]["innerError"]["client-request-id"] == headers["client-request-id"]
