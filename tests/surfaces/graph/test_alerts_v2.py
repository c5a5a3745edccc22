"""alerts_v2 and incidents, over the same store as the legacy alerts, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error, sample
from workplace import needs_shared

VENDOR = {"provider": "ASC", "vendor": "Microsoft"}
V2 = {"@odata.type": "#microsoft.graph.security.alert"}


def newer(alert_id: str, **more: Any) -> dict[str, Any]:
    given = {"id": alert_id, "title": f"Alert {alert_id}", "severity": "high", "serviceSource": "microsoftSentinel"}
    return {**V2, **given, **more}


def device(name: str) -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.security.deviceEvidence", "deviceDnsName": name}


@pytest.mark.parametrize("version", ["v1.0", "beta"])
async def test_a_legacy_alert_is_answered_in_the_newer_shape(surface: Surface, version: str) -> None:
    user = {"userPrincipalName": "ada@contoso.com"}
    await surface.ingest([alert("a", hostStates=[{"fqdn": "pc1"}], userStates=[user], status="dismissed")])
    found = (await surface.client.get(f"/{version}/security/alerts_v2/a")).json()
    assert found["@odata.context"].endswith(f"/{version}/$metadata#security/alerts_v2/$entity")
    assert (found["status"], found["classification"], found["tenantId"]) == (
        "resolved",
        "falsePositive",
        found["tenantId"],
    )
    assert found["productName"] == "Microsoft Defender for Cloud"
    kinds = [each["@odata.type"].rpartition(".")[2] for each in found["evidence"]]
    assert kinds == ["userEvidence", "deviceEvidence"]
    assert found["evidence"][1]["loggedOnUsers"] == []
    assert found["evidence"][0]["verdict"] == "unknown"


async def test_evidence_of_a_type_that_came_later_is_kept_and_what_is_no_type_is_refused(surface: Surface) -> None:
    later = {"@odata.type": "#microsoft.graph.security.satelliteEvidence", "orbit": "low"}
    loud = {"@odata.type": "MICROSOFT.GRAPH.security.DEVICEevidence", "deviceDnsName": "pc"}
    untyped = {"@odata.type": None, "verdict": "malicious"}
    await surface.ingest([newer("a", evidence=[later, loud, untyped])])
    found = (await surface.client.get("/v1.0/security/alerts_v2/a")).json()["evidence"]
    assert [each.get("@odata.type") for each in found] == [later["@odata.type"], device("pc")["@odata.type"], None]
    assert (found[0]["orbit"], found[1]["deviceDnsName"], found[2]["verdict"]) == ("low", "pc", "malicious")
    for wrong in (
        "evidence",
        "#microsoft.graph.",
        "\x1cmicrosoft.graph.security.x",
        "#microsoft.graph.security.a b",
        7,
    ):
        given = newer("b", evidence=[device("pc"), {"@odata.type": wrong}])
        refused = await surface.client.post("/v1.0/security/alerts_v2", json=given)
        assert "evidence/1/@odata.type" in assert_error(refused, 400, "BadRequest")


async def test_filters_reach_every_property_of_the_newer_shape(surface: Surface) -> None:
    await surface.ingest(
        [
            alert("a", hostStates=[{"fqdn": "pc1.contoso.com"}]),
            newer("b", evidence=[device("PC2.contoso.com")], mitreTechniques=["T1059"], determination="malware"),
            newer("c", status="resolved", classification="truePositive", incidentId="7"),
        ]
    )
    cast = "evidence/any(e: e/microsoft.graph.security.deviceEvidence/deviceDnsName eq 'pc1.contoso.com')"
    for condition, expected in {
        "serviceSource eq 'microsoftSentinel'": {"b", "c"},
        "severity eq 'high' and status eq 'new'": {"b"},
        "severity lt 'high'": {"a"},
        "classification eq 'truePositive'": {"c"},
        "determination eq 'malware'": {"b"},
        "mitreTechniques/any(t: t eq 'T1059')": {"b"},
        "incidentId eq '7'": {"c"},
        cast: {"a"},
        "evidence/$count gt 0": {"a", "b"},
    }.items():
        assert set(await surface.ids("/v1.0/security/alerts_v2", params={"$filter": condition})) == expected, condition


async def test_pages_are_large_and_follow_one_another(surface: Surface) -> None:
    await surface.ingest(alert(f"a{number}", createdDateTime=f"2026-01-0{number}T00:00:00Z") for number in range(1, 6))
    first = (await surface.client.get("/v1.0/security/alerts_v2?$top=2&$count=true")).json()
    assert (first["@odata.count"], [each["id"] for each in first["value"]]) == (5, ["a5", "a4"])
    second = (await surface.client.get(first["@odata.nextLink"])).json()
    assert [each["id"] for each in second["value"]] == ["a3", "a2"]
    assert (await surface.client.get("/v1.0/security/alerts_v2?$top=2000")).status_code == 200
    assert_error(await surface.client.get("/v1.0/security/alerts_v2?$top=2001"), 400, "BadRequest")
    assert (await surface.client.get("/v1.0/security/alerts_v2/$count?$filter=severity eq 'low'")).text == "5"


async def test_a_change_answers_the_alert_and_shows_in_both_shapes(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    change = {"status": "inProgress", "assignedTo": "ada", "classification": "truePositive", "determination": "clean"}
    answered = await surface.client.patch("/v1.0/security/alerts_v2/a", json={**change, "title": "ignored"})
    assert answered.status_code == 200
    shown = answered.json()
    assert {name: shown[name] for name in ("status", "assignedTo", "classification", "title")} == {
        **{name: change[name] for name in ("status", "assignedTo", "classification")},
        "title": "Alert a",
    }
    # The documentation's word, written as the schema's.
    assert shown["determination"] == "notMalicious"
    legacy = (await surface.client.get("/v1.0/security/alerts/a")).json()
    assert (legacy["status"], legacy["feedback"], legacy["assignedTo"]) == ("inProgress", "truePositive", "ada")
    assert len(legacy["historyStates"]) == 1
    assert "@sallyport.v2" not in legacy
    assert surface.events() == [("alert", "a", "created"), ("alert", "a", "updated")]


async def test_an_alert_says_when_it_was_resolved_until_it_is_opened_again(surface: Surface) -> None:
    await surface.ingest([alert("a")])

    async def changed(**change: str) -> Any:
        answered = await surface.client.patch("/v1.0/security/alerts_v2/a", json=change)
        assert answered.status_code == 200, answered.text
        return answered.json()["resolvedDateTime"]

    resolved_at = await changed(status="resolved")
    assert resolved_at == (await surface.client.get("/v1.0/security/alerts/a")).json()["closedDateTime"]
    assert resolved_at.startswith(surface.clock.now().strftime("%Y-%m-%dT%H:%M:%S"))
    await surface.clock.advance(60)
    assert await changed(status="resolved", assignedTo="ada") == resolved_at
    assert await changed(status="inProgress") is None


async def test_a_legacy_change_shows_in_the_newer_shape(surface: Surface) -> None:
    await surface.ingest([newer("a", evidence=[device("pc")])])
    change = {"status": "resolved", "comments": ["done"], "vendorInformation": VENDOR}
    assert (await surface.client.patch("/v1.0/security/alerts/a", json=change)).status_code == 204
    shown = (await surface.client.get("/v1.0/security/alerts_v2/a")).json()
    assert (shown["status"], shown["comments"][0]["comment"]) == ("resolved", "done")
    assert shown["comments"][0]["createdByDisplayName"] == "app-1"


async def test_a_change_of_another_version_is_refused(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    tag = (await surface.client.get("/v1.0/security/alerts_v2/a")).headers["etag"]
    for expected in (200, 412):
        answered = await surface.client.patch(
            "/v1.0/security/alerts_v2/a", json={"status": "resolved"}, headers={"if-match": tag}
        )
        assert answered.status_code == expected


async def test_comments_are_answered_all_with_their_authors(surface: Surface) -> None:
    await surface.ingest([alert("a", comments=["first"])])
    body = {"@odata.type": "microsoft.graph.security.alertComment", "comment": "second"}
    answered = await surface.calling("analyst").post("/v1.0/security/alerts_v2/a/comments", json=body)
    assert answered.status_code == 200
    told = [(each["comment"], each["createdByDisplayName"]) for each in answered.json()["value"]]
    assert told == [("first", None), ("second", "analyst@contoso.com")]
    legacy = (await surface.client.get("/v1.0/security/alerts/a")).json()
    assert legacy["comments"] == ["first", "second"]
    assert (await surface.client.get("/v1.0/security/alerts_v2/a/comments/$count")).text == "2"
    for path in ("alerts_v2", "incidents"):
        missing = await surface.client.get(f"/v1.0/security/{path}/x/comments/$count")
        assert_error(missing, 404, "ResourceNotFound")
    assert_error(
        await surface.client.post("/v1.0/security/alerts_v2/a/comments", json={"comment": " "}), 400, "BadRequest"
    )
    assert_error(await surface.client.post("/v1.0/security/alerts_v2/x/comments", json=body), 404, "ResourceNotFound")


async def test_later_members_are_shown_only_to_who_asks_for_them(surface: Surface) -> None:
    await surface.ingest([newer("a")])
    plain = await surface.client.get("/v1.0/security/alerts_v2/a")
    assert plain.json()["serviceSource"] == "unknownFutureValue"
    asked = await surface.client.get("/v1.0/security/alerts_v2/a", headers={"prefer": "include-unknown-enum-members"})
    assert asked.json()["serviceSource"] == "microsoftSentinel"
    assert asked.headers["preference-applied"] == "include-unknown-enum-members"
    for path in ("alerts_v2", "incidents"):
        plain = await surface.client.get(f"/v1.0/security/{path}")
        assert "preference-applied" not in plain.headers
        listed = await surface.client.get(f"/v1.0/security/{path}", headers={"prefer": "include-unknown-enum-members"})
        assert listed.headers["preference-applied"] == "include-unknown-enum-members"


async def test_what_belongs_to_the_legacy_alone_cannot_be_brought_as_private(surface: Surface) -> None:
    await surface.ingest([alert("a", **{"@sallyport.v2": {"title": "forged"}})])
    assert (await surface.client.get("/v1.0/security/alerts_v2/a")).json()["title"] == "Alert a"


async def test_an_alert_begins_the_incident_that_it_names(surface: Surface) -> None:
    await surface.ingest([newer("a", incidentId="7", severity="low"), alert("b", incidentIds=["7"], severity="high")])
    incident = (await surface.client.get("/v1.0/security/incidents/7")).json()
    told = {name: incident[name] for name in ("displayName", "severity", "status")}
    assert told == {"displayName": "Alert a", "severity": "high", "status": "active"}
    assert await surface.ids("/v1.0/security/incidents/7/alerts", params={"$filter": "severity eq 'low'"}) == ["a"]
    assert ("incident", "7", "created") in surface.events()
    # Brought again, an alert joins nothing anew.
    before = incident["lastUpdateDateTime"]
    await surface.clock.advance(60)
    await surface.ingest([newer("a", incidentId="7", severity="low", category="c")])
    assert (await surface.client.get("/v1.0/security/incidents/7")).json()["lastUpdateDateTime"] == before


async def test_an_alert_that_becomes_graver_makes_its_incident_graver(surface: Surface) -> None:
    await surface.ingest([newer("a", incidentId="7", severity="low"), alert("b", incidentIds=["7"], severity="medium")])
    await surface.clock.advance(60)
    await surface.ingest([newer("a", incidentId="7", severity="high")])
    incident = (await surface.client.get("/v1.0/security/incidents/7")).json()
    assert (incident["severity"], incident["lastUpdateDateTime"]) == ("high", "2026-11-23T12:01:00Z")
    assert surface.events()[-1] == ("alert", "a", "updated")
    await surface.client.patch("/v1.0/security/incidents/7", json={"severity": "low"})
    await surface.ingest([newer("a", incidentId="7", severity="high", title="again"), alert("b", severity="low")])
    # Who has judged it lower is not overruled by what was known then.
    assert (await surface.client.get("/v1.0/security/incidents/7")).json()["severity"] == "low"


async def test_incidents_are_listed_with_their_alerts_on_demand(surface: Surface) -> None:
    await surface.ingest([newer("a", incidentId="7"), newer("b", incidentId="8"), newer("c", incidentId="7")])
    plain = (await surface.client.get("/v1.0/security/incidents")).json()["value"]
    assert all("alerts" not in each for each in plain)
    expanded = await surface.client.get("/v1.0/security/incidents?$expand=alerts&$filter=status eq 'active'")
    found = {each["id"]: {one["id"] for one in each["alerts"]} for each in expanded.json()["value"]}
    assert found == {"7": {"a", "c"}, "8": {"b"}}
    assert_error(await surface.client.get("/v1.0/security/incidents?$expand=owners"), 400, "BadRequest")


async def test_an_incident_is_changed_and_commented(surface: Surface) -> None:
    made = await surface.client.post("/v1.0/security/incidents", json={"id": "9", "displayName": "Phishing"})
    assert made.status_code == 201
    change = {"status": "resolved", "customTags": ["vip"], "determination": "phishing", "redirectIncidentId": "1"}
    answered = await surface.client.patch("/v1.0/security/incidents/9", json=change)
    assert answered.status_code == 200
    shown = answered.json()
    assert (shown["status"], shown["customTags"], shown["redirectIncidentId"]) == ("resolved", ["vip"], None)
    assert shown["lastModifiedBy"] == "Playbooks"
    commented = await surface.client.post("/v1.0/security/incidents/9/comments", json={"comment": "closed"})
    assert [each["comment"] for each in commented.json()["value"]] == ["closed"]
    assert (await surface.client.get("/v1.0/security/incidents/9/comments/$count")).text == "1"
    assert await surface.ids("/v1.0/security/incidents", params={"$filter": "determination eq 'phishing'"}) == ["9"]
    assert_error(
        await surface.client.post("/v1.0/security/incidents", json={"id": "9", "displayName": "x"}), 409, "Conflict"
    )
    assert_error(await surface.client.get("/v1.0/security/incidents/none"), 404, "ResourceNotFound")
    assert_error(await surface.client.post("/v1.0/security/incidents", json={}), 400, "BadRequest")


async def test_an_incident_always_has_a_severity_and_a_status(surface: Surface) -> None:
    await surface.ingest([newer("a", incidentId="7", severity="low")])
    nothing = {"severity": None, "status": None, "assignedTo": None}
    shown = (await surface.client.patch("/v1.0/security/incidents/7", json=nothing)).json()
    assert (shown["severity"], shown["status"], shown["assignedTo"]) == ("low", "active", None)


async def test_a_client_that_sends_back_all_that_it_was_shown_changes_nothing_else(surface: Surface) -> None:
    await surface.ingest([newer("a", incidentId="7", determination="malware", classification="truePositive")])
    await surface.client.patch("/v1.0/security/incidents/7", json={"status": "awaitingAction"})
    for path in ("incidents/7", "alerts_v2/a"):
        shown = (await surface.client.get(f"/v1.0/security/{path}")).json()
        sent = {**shown, "createdDateTime": "sometime", "assignedTo": "me"}
        assert (await surface.client.patch(f"/v1.0/security/{path}", json=sent)).status_code == 200
    late = {"prefer": "include-unknown-enum-members"}
    incident = (await surface.client.get("/v1.0/security/incidents/7", headers=late)).json()
    assert (incident["status"], incident["assignedTo"]) == ("awaitingAction", "me")


async def test_an_empty_text_leaves_an_enumeration_as_it_is(surface: Surface) -> None:
    await surface.ingest([newer("a", incidentId="7", determination="malware", classification="truePositive")])
    await surface.client.patch("/v1.0/security/incidents/7", json={"classification": "falsePositive"})
    empty = {"determination": "", "classification": "", "status": ""}
    for path, expected in (("alerts_v2/a", ("truePositive", "malware")), ("incidents/7", ("falsePositive", None))):
        shown = (await surface.client.patch(f"/v1.0/security/{path}", json=empty)).json()
        assert (shown["classification"], shown["determination"]) == expected


async def test_what_is_too_long_to_be_found_by_is_refused(surface: Surface) -> None:
    long = "x" * 601
    await surface.ingest([newer("a", incidentId="7")])
    for method, path, body in (
        ("PATCH", "alerts_v2/a", {"assignedTo": long}),
        ("PATCH", "incidents/7", {"assignedTo": long}),
        ("POST", "incidents", {"displayName": "d", "assignedTo": long}),
        ("POST", "incidents", {"displayName": "d", "id": "x" * 257}),
        ("POST", "alerts_v2", newer("b", incidentId="x" * 257)),
        ("POST", "alerts", alert("b", incidentIds=["x" * 257])),
        ("POST", "alerts", alert("😀" * 193)),
        ("PATCH", "incidents/7", {"assignedTo": "😀" * 451}),
    ):
        assert_error(await surface.client.request(method, f"/v1.0/security/{path}", json=body), 400, "BadRequest")


async def test_an_incident_with_too_long_an_id_stops_no_other_alert(surface: Surface) -> None:
    given = [alert("a", incidentIds=["x" * 257]), alert("b", incidentIds=["x" * 256])]
    answered = await surface.client.post("/ingest/alerts", json=given)
    assert answered.status_code == 206
    assert set(await surface.ids("/v1.0/security/alerts_v2")) == {"b"}


@needs_shared
@pytest.mark.parametrize(("path", "name"), [("alerts_v2", "alerts-v2-list.json"), ("incidents", "incidents-list.json")])
async def test_documented_payloads_come_back_as_they_were_brought(surface: Surface, path: str, name: str) -> None:
    for given in sample(name)["value"]:
        belonging = given.pop("alerts", [])
        made = await surface.client.post(f"/v1.0/security/{path}", json=given)
        assert made.status_code == 201, made.text
        headers = {"prefer": "include-unknown-enum-members"}
        shown = (await surface.client.get(f"/v1.0/security/{path}/{given['id']}", headers=headers)).json()
        assert _without_nulls({name: shown.get(name) for name in given}) == _without_nulls(given)
        assert belonging == [] or path == "incidents"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        told = {name: _without_nulls(each) for name, each in value.items()}
        return {name: each for name, each in told.items() if each not in (None, [], {})}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", ["/v1.0/security/alerts_v2", "/ingest/alerts"])
@pytest.mark.parametrize("type_", ["microsoft.graph.security.alert", "#microsoft.graph.security.alert"])
async def test_the_sign_before_a_type_may_be_left_out(surface: Surface, path: str, type_: str) -> None:
    given = {"@odata.type": type_, "id": "a", "title": "Alert", "productName": "Contoso", "mitreTechniques": ["T1"]}
    assert (await surface.client.post(path, json=given)).is_success
    shown = (await surface.client.get("/v1.0/security/alerts_v2/a")).json()
    assert (shown["productName"], shown["mitreTechniques"]) == ("Contoso", ["T1"])


async def test_an_alert_brought_in_the_newer_shape_needs_no_type(surface: Surface) -> None:
    for type_ in ({}, {"@odata.type": None}):
        given = {**type_, "title": "Alert", "productName": "Contoso"}
        made = await surface.client.post("/v1.0/security/alerts_v2", json=given)
        assert (made.status_code, made.json()["productName"]) == (201, "Contoso")
