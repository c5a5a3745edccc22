"""Merging incidents and moving alerts between them, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error
from sallyport.graph import incident_actions

MERGE = "/v1.0/security/incidents/mergeIncidents"
MOVE = "/v1.0/security/alerts_v2/moveAlerts"


def belonging(alert_id: str, incident_id: str, **more: Any) -> dict[str, Any]:
    return alert(alert_id, incidentIds=[incident_id], **more)


async def incident(surface: Surface, incident_id: str) -> dict[str, Any]:
    answered = await surface.client.get(f"/v1.0/security/incidents/{incident_id}?$expand=alerts($orderby=id)")
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


def ids(found: dict[str, Any]) -> list[str]:
    return [each["id"] for each in found["alerts"]]


@pytest.mark.parametrize("action", ["mergeIncidents", "microsoft.graph.security.mergeIncidents"])
async def test_incidents_become_one_with_all_their_alerts(surface: Surface, action: str) -> None:
    await surface.ingest([belonging("a", "1"), belonging("b", "2", severity="high"), belonging("c", "3")])
    body = {"incidentIds": ["1", "2", "3"], "incidentComment": "same actor", "mergeReasons": "sameActor,SAMECAMPAIGN"}
    answered = await surface.calling("analyst").post(f"/beta/security/incidents/{action}", json=body)
    assert (answered.status_code, answered.json()) == (
        200,
        {
            "@odata.context": "http://graph.test/beta/$metadata#microsoft.graph.security.mergeResponse",
            "targetIncidentId": "1",
        },
    )
    target, gone = await incident(surface, "1"), await incident(surface, "2")
    assert (ids(target), target["severity"], target["lastModifiedBy"]) == (
        ["a", "b", "c"],
        "high",
        "analyst@contoso.com",
    )
    assert [each["comment"] for each in target["comments"]] == ["same actor (sameActor, sameCampaign)"]
    assert (gone["status"], gone["redirectIncidentId"], ids(gone)) == ("redirected", "1", [])
    moved = (await surface.client.get("/v1.0/security/alerts/b")).json()
    assert moved["incidentIds"] == ["1"]
    assert moved["historyStates"][-1]["user"] == "analyst@contoso.com"
    events = surface.events()
    assert events.count(("alert", "b", "updated")) == 1
    assert {("incident", each, "updated") for each in "123"} <= set(events)


async def test_a_merge_that_is_asked_for_again_changes_nothing(surface: Surface) -> None:
    await surface.ingest([belonging("a", "1"), belonging("b", "2")])
    await surface.client.post(MERGE, json={"incidentIds": ["1", "2"]})
    before = surface.events()
    assert (await surface.client.post(MERGE, json={"incidentIds": ["1", "2"]})).json()["targetIncidentId"] == "1"
    assert surface.events() == before


async def test_an_incident_that_was_merged_is_merged_nowhere_else(surface: Surface) -> None:
    await surface.ingest([belonging("a", "1"), belonging("b", "2"), belonging("c", "3")])
    await surface.client.post(MERGE, json={"incidentIds": ["1", "2"]})
    for named in (["3", "2"], ["2", "3"]):
        message = assert_error(await surface.client.post(MERGE, json={"incidentIds": named}), 409, "Conflict")
        assert message == "Incident '2' was merged into incident '1'."


async def test_who_brings_an_alert_again_does_not_bring_it_back(surface: Surface) -> None:
    await surface.ingest([belonging("a", "1"), belonging("b", "2")])
    await surface.client.post(MERGE, json={"incidentIds": ["1", "2"]})
    await surface.ingest([belonging("b", "2", category="new"), belonging("d", "2")])
    assert ids(await incident(surface, "1")) == ["a", "b", "d"]
    assert (await surface.client.get("/v1.0/security/alerts/b")).json()["category"] == "new"
    # Where the alert really belongs elsewhere by now, it goes there.
    await surface.ingest([belonging("b", "9")])
    assert (ids(await incident(surface, "1")), ids(await incident(surface, "9"))) == (["a", "d"], ["b"])


async def test_who_brings_an_alert_again_does_not_bring_its_old_incident_s_address_back(surface: Surface) -> None:
    url = {"incidentWebUrl": "https://portal.example/1", "serviceSource": "microsoftSentinel"}
    given = {"id": "a", "title": "t", "incidentId": "1", **url}
    await surface.ingest([given])
    target = (await surface.client.post(MOVE, json={"alertIds": ["a"]})).json()["targetIncidentId"]
    await surface.ingest([{**given, "title": "again"}])
    shown = (await surface.client.get("/v1.0/security/alerts_v2/a")).json()
    assert (shown["title"], shown["incidentId"], shown["incidentWebUrl"]) == ("again", target, None)


async def test_nobody_brings_what_the_service_notes_of_a_move(surface: Surface) -> None:
    given = {"id": "a", "title": "t", "serviceSource": "microsoftSentinel", "incidentId": "1", "@left": 5}
    await surface.ingest([given])
    moved = await surface.client.post(MOVE, json={"alertIds": ["a"]})
    assert moved.status_code == 200
    await surface.ingest([{**given, "@left": ["9"]}])
    shown = (await surface.client.get("/v1.0/security/alerts_v2/a")).json()
    assert shown["incidentId"] == moved.json()["targetIncidentId"]


async def test_a_chain_of_merges_leads_to_its_end(surface: Surface) -> None:
    await surface.ingest([belonging("a", "1"), belonging("b", "2"), belonging("c", "3")])
    await surface.client.post(MERGE, json={"incidentIds": ["2", "3"]})
    await surface.client.post(MERGE, json={"incidentIds": ["1", "2"]})
    await surface.ingest([belonging("d", "3")])
    answered = await surface.client.post(MOVE, json={"alertIds": ["d", "a"], "incidentId": "3"})
    assert answered.json()["targetIncidentId"] == "1"
    assert ids(await incident(surface, "1")) == ["a", "b", "c", "d"]


async def test_alerts_move_into_another_incident(surface: Surface) -> None:
    url = {"incidentWebUrl": "https://portal.example/1", "serviceSource": "microsoftSentinel"}
    newer = {"id": "a", "title": "t", "severity": "high", "incidentId": "1", **url}
    await surface.ingest([newer, belonging("b", "1"), belonging("c", "2"), alert("d")])
    body = {
        "alertIds": ["a", "d", "c"],
        "incidentId": "2",
        "alertComment": "belongs there",
        "newCorrelationReasons": ["sameAsset"],
    }
    answered = await surface.client.post(MOVE, json=body)
    assert answered.json()["targetIncidentId"] == "2"
    assert (ids(await incident(surface, "1")), ids(await incident(surface, "2"))) == (["b"], ["a", "c", "d"])
    assert (await incident(surface, "2"))["severity"] == "high"
    assert (await incident(surface, "1"))["status"] == "active"
    moved = (await surface.client.get("/v1.0/security/alerts_v2/a")).json()
    assert (moved["incidentId"], moved["incidentWebUrl"]) == ("2", None)
    assert [each["comment"] for each in moved["comments"]] == ["belongs there (sameAsset)"]
    # What was there already was not moved.
    assert (await surface.client.get("/v1.0/security/alerts_v2/c")).json()["comments"] == []


async def test_alerts_move_into_a_new_incident_when_none_is_named(surface: Surface) -> None:
    await surface.ingest([belonging("a", "1", title="Phishing"), belonging("b", "1", severity="high")])
    answered = await surface.client.post(MOVE, json={"alertIds": ["a", "b"], "incidentId": None})
    made = await incident(surface, answered.json()["targetIncidentId"])
    assert made["id"] != "1"
    assert (ids(made), made["displayName"], made["severity"]) == (["a", "b"], "Phishing", "high")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (MERGE, {}, 400, "BadRequest"),
        (MERGE, [], 400, "BadRequest"),
        (MERGE, {"incidentIds": ["1", "1"]}, 400, "BadRequest"),
        (MERGE, {"incidentIds": ["1", "9"]}, 404, "ResourceNotFound"),
        (MERGE, {"incidentIds": [str(each) for each in range(101)]}, 400, "BadRequest"),
        (MERGE, {"incidentIds": ["1", "2"], "mergeReasons": "sameMood"}, 400, "BadRequest"),
        (MOVE, {"incidentId": "1"}, 400, "BadRequest"),
        (MOVE, {"alertIds": ["b", "x"], "incidentId": "1"}, 404, "ResourceNotFound"),
        (MOVE, {"alertIds": ["b"], "incidentId": "9"}, 404, "ResourceNotFound"),
        (MOVE, {"alertIds": [str(each) for each in range(1001)], "incidentId": "1"}, 400, "BadRequest"),
        (MOVE, {"alertIds": ["b"], "incidentId": "1", "newCorrelationReasons": "x"}, 400, "BadRequest"),
    ],
)
async def test_what_cannot_be_done_whole_is_not_done_at_all(
    surface: Surface, path: str, body: Any, status: int, code: str
) -> None:
    await surface.ingest([belonging("a", "1"), belonging("b", "2")])
    before = surface.events()
    assert_error(await surface.client.post(path, json=body), status, code)
    assert surface.events() == before


async def test_a_merge_of_more_alerts_than_the_bound_does_nothing(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident_actions, "MOST_ALERTS", 2)
    await surface.ingest([belonging("a", "1"), *(belonging(f"b{number}", "2") for number in range(3))])
    answered = await surface.client.post(MERGE, json={"incidentIds": ["1", "2"]})
    assert "more than 2 alerts" in assert_error(answered, 400, "BadRequest")
    assert len(ids(await incident(surface, "2"))) == 3


async def test_an_incident_whose_redirection_leads_round_stops_nobody(surface: Surface) -> None:
    for incident_id, leads in (("1", "2"), ("2", "1")):
        given = {"id": incident_id, "displayName": "d", "status": "redirected", "redirectIncidentId": leads}
        assert (await surface.client.post("/v1.0/security/incidents", json=given)).status_code == 201
    await surface.ingest([belonging("a", "1")])
    answered = await surface.client.post(MOVE, json={"alertIds": ["a"], "incidentId": "1"})
    assert answered.status_code == 200
