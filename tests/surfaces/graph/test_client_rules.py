"""The liberties that real clients take: each numbered rule of tolerance has a test, which is named by its number.

What goes over the wire before a surface sees it is also proved with real sockets, by whole requests of each kind of
client: `tests/acceptance/test_client_requests.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from graph_surface import Surface, alert, assert_error, echoing, indicator
from identity import installation
from sallyport.auth.tokens import Subject
from sallyport.http_messages import Headers, InboundResponse

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
async def test_rules_1_and_2_paths_are_read_in_any_case_with_doubled_and_trailing_slashes(
    surface: Surface, path: str
) -> None:
    await fill(surface)
    assert await surface.ids(f"http://graph.test{path}?$top=5") == ["high", "low"]


@pytest.mark.parametrize("version", ["v1.0", "beta"])
@pytest.mark.parametrize("path", ["security/alerts", "security/tiIndicators", "security/tiindicators", "subscriptions"])
async def test_rule_3_both_versions_serve_every_resource(surface: Surface, version: str, path: str) -> None:
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
async def test_rules_4_and_7_filters_are_read_however_they_are_encoded_and_dates_are_written(
    surface: Surface, query: str
) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}/?{query}") == ["high"]


@pytest.mark.parametrize("query", ["$filter=", "$filter=%20", "filter=&$top=5", "$format=json"])
async def test_rule_6_an_empty_filter_is_no_filter(surface: Surface, query: str) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}?{query}") == ["high", "low"]


async def test_rule_5_option_names_are_read_in_any_case(surface: Surface) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}?$orderBy=createdDateTime&$TOP=1") == ["low"]
    assert await surface.ids(f"{ALERTS}?orderby=createdDateTime%20asc&top=1&skip=1") == ["high"]


@pytest.mark.parametrize(
    "media", ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "application/json; odata=verbose", ""]
)
async def test_rule_10_json_is_read_under_other_content_types(surface: Surface, media: str) -> None:
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
async def test_rule_12_sloppy_values_are_taken_as_they_were_meant(
    surface: Surface, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    answered = await surface.client.post("/beta/security/tiIndicators", json=indicator(**given))
    assert answered.status_code == 201, answered.text
    assert {name: answered.json()[name] for name in expected} == expected


async def test_rule_13_unknown_members_are_kept_and_returned(surface: Surface) -> None:
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


async def test_rule_12_comments_and_tags_may_be_single_texts(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    prefer = {"prefer": "Return=Representation, include-unknown-enum-members"}
    answered = await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "comments": "x", "tags": "y"}, headers=prefer)
    assert (answered.json()["comments"], answered.json()["tags"]) == (["x"], ["y"])


async def test_rule_17_unknown_headers_are_ignored_and_the_client_s_request_id_is_echoed(surface: Surface) -> None:
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


INDICATORS = "/beta/security/tiIndicators"
SUBMIT = f"{INDICATORS}/submitTiIndicators"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/V1.0/SECURITY/ALERTS", "v1.0/$metadata#security/alerts"),
        ("/BETA/security/ALERTS", "beta/$metadata#security/alerts"),
    ],
)
async def test_rule_1_answers_have_the_schema_s_casing(surface: Surface, path: str, shown: str) -> None:
    await surface.ingest([alert("a")])
    body = (await surface.client.get(f"{path}?$select=CREATEDDATETIME,vendorinformation")).json()
    assert body["@odata.context"].startswith(f"http://graph.test/{shown}")
    assert {"createdDateTime", "vendorInformation"} <= set(body["value"][0])


@pytest.mark.parametrize("version", ["v1.0", "beta"])
@pytest.mark.parametrize(
    "action",
    [
        "submitTiIndicators",
        "microsoft.graph.submitTiIndicators",
        "MICROSOFT.GRAPH.SUBMITTIINDICATORS",
        "microsoft.graph.security.submitTiIndicators",
    ],
)
async def test_rule_3_actions_may_carry_their_namespace(surface: Surface, version: str, action: str) -> None:
    answered = await surface.client.post(f"/{version}/security/tiIndicators/{action}", json={"value": [indicator()]})
    assert answered.status_code == 200
    (made,) = answered.json()["value"]
    deleted = await surface.client.post(
        f"/{version}/security/tiIndicators/microsoft.graph.deleteTiIndicators", json={"value": [made["id"]]}
    )
    assert deleted.json()["value"][0]["code"] == 0


@pytest.mark.parametrize(
    "clause", [" severity eq 'high'", "severity eq 'high' ", "%20%20severity%20eq%20'high'%20", "+severity+eq+'high'+"]
)
async def test_rule_6_blanks_around_a_filter_mean_nothing(surface: Surface, clause: str) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}?$filter={clause}") == ["high"]


@pytest.mark.parametrize("fraction", ["", ".1", ".12", ".123", ".1234", ".12345", ".123456", ".1234567"])
@pytest.mark.parametrize("zone", ["Z", "%2B00:00", "+00:00", "-00:00"])
async def test_rule_7_instants_have_up_to_seven_digits_and_any_way_to_say_utc(
    surface: Surface, fraction: str, zone: str
) -> None:
    await fill(surface)
    assert await surface.ids(f"{ALERTS}?$filter=createdDateTime gt 2022-01-12T00:00:00{fraction}{zone}") == ["high"]


async def test_rule_8_and_binds_before_or_where_parentheses_are_left_out(surface: Surface) -> None:
    def of(provider: str) -> dict[str, Any]:
        return {"vendorInformation": {"provider": provider, "vendor": "x"}}

    await surface.ingest(
        [alert("low-a", **of("A")), alert("high-a", severity="high", **of("A")), alert("low-b", **of("B"))]
    )
    one = "vendorInformation/provider eq 'A'"
    other = "vendorInformation/provider eq 'B'"
    appended = await surface.ids(f"{ALERTS}?$filter=severity eq 'high' and {one} or {other}")
    assert sorted(appended) == ["high-a", "low-b"]
    meant = await surface.ids(f"{ALERTS}?$filter=severity eq 'high' and ({one} or {other})")
    assert meant == ["high-a"]


@pytest.mark.parametrize(
    "clause",
    [
        "fileStates/any(f:f/fileHash/hashValue eq 'AA64')",
        "fileStates/any(anyName1: anyName1/fileHash/hashType eq 'sha256')",
        "userStates/any(d:contains(d/userPrincipalName, 'contoso'))",
        'userStates/any(d:startswith(tolower(d/userPrincipalName), "user"))',
        "userStates/any(d:endswith(toupper(d/userPrincipalName), 'CONTOSO.COM'))",
        "(fileStates/any(q1:q1/fileHash/hashType eq 'sha256' and tolower(q1/fileHash/hashValue) eq 'aa64') "
        "or networkConnections/any(q2:contains(tolower(q2/sourceAddress), '203.0.113.7'))) and severity eq 'high'",
        'severity eq "high"',
    ],
)
async def test_rule_9_lambdas_and_functions_reach_into_nested_collections(surface: Surface, clause: str) -> None:
    await fill(surface)
    assert await surface.ids(ALERTS, params={"$filter": clause}) == ["high"]


async def test_rule_10_json_in_a_form_may_be_a_list(surface: Surface) -> None:
    media = {"content-type": "application/x-www-form-urlencoded"}
    body = b'\r\n [{"id": "one", "title": "x", "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}]'
    answered = await surface.client.post("/ingest/alerts", content=body, headers=media)
    assert answered.status_code == 200
    assert await surface.ids(ALERTS) == ["one"]
    form = await surface.client.patch(f"{ALERTS}/one", content=b"status=resolved", headers=media)
    assert_error(form, 400, "BadRequest")


def test_rule_11_a_token_may_stand_without_the_word_bearer_where_settings_say_so(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        headers = {"Authorization": house.authority.tokens.mint(Subject("app", "App", ()))}
        assert house.client(accept_bare=True).get("/me", headers=headers).status_code == 200
        assert house.client(accept_bare=False).get("/me", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"passiveOnly": "TRUE"}, {"passiveOnly": True}),
        ({"networkPort": 443.0}, {"networkPort": 443}),
        ({"fileSize": "1024"}, {"fileSize": 1024}),
        ({"externalId": 17}, {"externalId": "17"}),
        ({"tlpLevel": ""}, {"tlpLevel": None}),
        ({"threatType": "watchlist"}, {"threatType": "WatchList"}),
        ({"malwareFamilyNames": "Emotet"}, {"malwareFamilyNames": ["Emotet"]}),
        ({"expirationDateTime": "2026-12-01 02:03:04"}, {"expirationDateTime": "2026-12-01T02:03:04Z"}),
    ],
)
async def test_rule_12_every_kind_of_value_may_be_written_sloppily(
    surface: Surface, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    made = (await surface.client.post(INDICATORS, json=indicator(**given))).json()
    assert {name: made[name] for name in expected} == expected


async def test_rule_13_unknown_members_are_echoed_in_bulk_answers(surface: Surface) -> None:
    items = [indicator(indicatorRequestHash="h1", own={"deep": [1, None]}), {"indicatorRequestHash": "h2"}]
    answered = (await surface.client.post(SUBMIT, json={"value": items})).json()["value"]
    assert [each["indicatorRequestHash"] for each in answered] == ["h1", "h2"]
    assert answered[0]["own"] == {"deep": [1, None]}
    assert "Error" in answered[1]


@pytest.mark.parametrize(
    "preference", ["return=representation", 'Return = "Representation"', "respond-async, return=representation"]
)
async def test_rule_14_a_body_comes_back_only_where_it_is_preferred(surface: Surface, preference: str) -> None:
    await surface.ingest([alert("a")])
    change = {**VENDOR, "assignedTo": "me"}
    bare = await surface.client.patch(f"{ALERTS}/a", json=change)
    assert (bare.status_code, bare.content) == (204, b"")
    whole = await surface.client.patch(f"{ALERTS}/a", json=change, headers={"Prefer": preference})
    assert (whole.status_code, whole.json()["assignedTo"]) == (200, "me")
    made = (await surface.client.post(INDICATORS, json=indicator())).json()["id"]
    one = f"{INDICATORS}/{made}"
    assert (await surface.client.patch(one, json={"severity": 1})).status_code == 204
    assert (await surface.client.patch(one, json={"severity": 1}, headers={"Prefer": preference})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"{ALERTS}/nope", 404, "ResourceNotFound"),
        ("GET", f"{ALERTS}?$filter=severity neq 'high'", 400, "BadRequest"),
        ("GET", "/v1.0/nothing", 404, "BadRequest"),
        ("PUT", ALERTS, 405, "Request_BadRequest"),
        ("POST", INDICATORS, 400, "BadRequest"),
    ],
)
async def test_rule_14_every_error_has_the_one_shape(
    surface: Surface, method: str, path: str, status: int, code: str
) -> None:
    assert_error(await surface.client.request(method, path), status, code)


@pytest.mark.parametrize(
    "scope",
    [
        "https://graph.microsoft.com/.default",
        "http://127.0.0.1/.default",
        "https://soar.example:8443/.default",
        "api://x/.default",
    ],
)
def test_rule_15_any_resource_and_any_further_field_is_taken(tmp_path: Path, scope: str) -> None:
    with installation(tmp_path) as house:
        made = house.register()
        answered = house.client().post(
            f"/contoso.example/oauth2/v2.0/token?client-request-id={'1' * 8}",
            data={
                "grant_type": "client_credentials",
                "client_id": made.client.client_id,
                "client_secret": made.secret,
                "scope": scope,
                "client_info": "1",
                "claims": '{"access_token":{"xms_cc":{"values":["CP1"]}}}',
                "x-client-SKU": "MSAL.Python",
                "x-client-ver": "1.39.0",
                "own": "",
            },
        )
    assert answered.status_code == 200, answered.text
    body = answered.json()
    assert (body["token_type"], type(body["expires_in"])) == ("Bearer", int)
    assert float(body["expires_in"]) > 0


@pytest.mark.parametrize("name", ["dependsOn", "depends_on"])
async def test_rule_16_a_batch_takes_absolute_addresses_and_both_spellings(surface: Surface, name: str) -> None:
    await surface.ingest([alert("a")])
    requests = [
        {"id": "1", "method": "GET", "url": "http://graph.test/v1.0/security/alerts/nope", name: []},
        {"id": "2", "method": "GET", "url": "/security/alerts/a", name: ["1"]},
        {"id": "3", "method": "GET", "url": "http://graph.test/v1.0/security/alerts/a", name: []},
    ]
    answered = await surface.client.post("/v1.0/$batch", json={"requests": requests})
    assert answered.status_code == 200
    assert {each["id"]: each["status"] for each in answered.json()["responses"]} == {"1": 404, "2": 424, "3": 200}


async def test_rule_18_keys_that_clients_index_are_always_there(surface: Surface) -> None:
    bare = {"fileStates": [{"name": "a.exe"}], "processes": [{"name": "a"}], "userStates": [{"accountName": "u"}]}
    await surface.ingest([alert("bare"), alert("more", **bare)])
    for found in (
        (await surface.client.get(f"{ALERTS}/bare")).json(),
        (await surface.client.get(f"{ALERTS}/more")).json(),
    ):
        for name in ("fileStates", "processes", "userStates", "hostStates", "networkConnections", "tags", "comments"):
            assert isinstance(found[name], list), name
        for name in ("assignedTo", "closedDateTime", "feedback", "confidence", "description", "riskScore"):
            assert found[name] is None, name
    assert found["fileStates"][0]["fileHash"] is None
    assert found["processes"][0]["fileHash"] is None
    assert found["userStates"][0]["emailRole"] == "unknown"


@pytest.mark.parametrize(
    "media", ["text/plain", "text/html; charset=utf-8", "application/json", "application/octet-stream", ""]
)
async def test_rule_19_a_handshake_counts_by_its_body_whatever_its_type(surface: Surface, media: str) -> None:
    def answer(request: Any) -> InboundResponse:
        return InboundResponse(200, Headers({"content-type": media} if media else {}), echoing(request).body)

    surface.outside.answer = answer
    wanted = {
        "changeType": "updated",
        "notificationUrl": "https://soc.contoso.example/hook?code=1",
        "resource": "security/alerts?$filter=severity eq 'high'",
        "expirationDateTime": "2026-11-30T00:00:00+00:00",
        "clientState": "s",
    }
    answered = await surface.client.post("/v1.0/subscriptions", json=wanted)
    assert answered.status_code == 201, answered.text
    (asked,) = surface.outside.requests
    assert asked.url.startswith("https://soc.contoso.example/hook?code=1&validationToken=")


async def test_rule_20_a_next_link_holds_verbatim_and_by_its_query_alone(surface: Surface) -> None:
    await surface.ingest([alert(f"a{n}", createdDateTime=f"2026-11-0{n}T00:00:00Z") for n in range(1, 6)])
    first = (await surface.client.get(f"{ALERTS}?$top=2&$filter=severity eq 'low'&$orderby=createdDateTime")).json()
    link = first["@odata.nextLink"]
    assert link.startswith("http://graph.test/v1.0/security/alerts?")
    assert parse_qs(urlsplit(link).query)["$filter"] == ["severity eq 'low'"]
    verbatim = await surface.ids(link)
    reused = await surface.ids(f"{ALERTS}?{link.partition('?')[2]}")
    assert verbatim == reused == ["a3", "a4"]


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("GET", f"{ALERTS}?$filter=(severity eq 'high'", None, "column"),
        ("GET", f"{ALERTS}?$filter=severity neq 'high'", None, "neq"),
        ("GET", f"{ALERTS}?$filter=status eq 'New'", None, "New"),
        ("POST", INDICATORS, b'{"action": "explode"}', "action"),
        ("POST", INDICATORS, b"not JSON", "JSON"),
    ],
)
async def test_what_is_not_repaired_is_refused_with_the_place(
    surface: Surface, method: str, path: str, body: bytes | None, told: str
) -> None:
    answered = await surface.client.request(method, path, content=body)
    assert told in assert_error(answered, 400, "BadRequest")
