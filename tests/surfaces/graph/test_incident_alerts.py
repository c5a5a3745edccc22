"""The alerts of incidents, under their own paths and expanded, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error
from sallyport.graph import incident_alerts
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.query import parse_query

INCIDENTS = "/v1.0/security/incidents"


def belonging(alert_id: str, incident_id: str = "7", **more: Any) -> dict[str, Any]:
    return alert(alert_id, incidentIds=[incident_id], **more)


async def expanded(surface: Surface, options: str, incident_id: str = "7") -> dict[str, Any]:
    answered = await surface.client.get(f"{INCIDENTS}/{incident_id}?$expand=alerts({options})")
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def test_the_alerts_of_an_incident_are_listed_counted_and_read(surface: Surface) -> None:
    await surface.ingest([belonging("a", severity="high"), belonging("b"), belonging("c", "8")])
    listed = (await surface.client.get(f"{INCIDENTS}/7/alerts?$count=true&$filter=severity eq 'high'")).json()
    assert ([each["id"] for each in listed["value"]], listed["@odata.count"]) == (["a"], 1)
    assert (await surface.client.get(f"{INCIDENTS}/7/alerts/$count")).text == "2"
    assert (await surface.client.get(f"{INCIDENTS}/7/alerts/$count?$filter=severity eq 'low'")).text == "1"
    one = await surface.client.get(f"{INCIDENTS}/7/alerts/a?$select=id,title")
    context = "http://graph.test/v1.0/$metadata#security/incidents('7')/alerts/$entity"
    assert one.json() == {
        "@odata.context": context,
        "@odata.type": "#microsoft.graph.security.alert",
        "id": "a",
        "title": "Alert a",
    }
    assert one.headers["etag"] == (await surface.client.get("/v1.0/security/alerts_v2/a")).headers["etag"]


@pytest.mark.parametrize("path", ["7/alerts/c", "7/alerts/x", "9/alerts/a", "9/alerts", "9/alerts/$count"])
async def test_what_an_incident_does_not_have_is_not_found(surface: Surface, path: str) -> None:
    await surface.ingest([belonging("a"), belonging("c", "8")])
    assert_error(await surface.client.get(f"{INCIDENTS}/{path}"), 404, "ResourceNotFound")


async def test_a_link_to_the_next_page_says_each_option_once_and_keeps_the_id(surface: Surface) -> None:
    await surface.ingest(belonging(f"a{number}", "x/7 '%") for number in range(3))
    answered = await surface.client.get(f"{INCIDENTS}/x%2F7%20%27%25/alerts?$top=2&$filter=severity eq 'low'")
    assert len(answered.json()["value"]) == 2
    link = answered.json()["@odata.nextLink"]
    assert link.count("filter") == 1
    assert "incidentId" not in link
    assert len((await surface.client.get(link)).json()["value"]) == 1


async def test_an_expansion_is_filtered_selected_ordered_counted_and_paged(surface: Surface) -> None:
    await surface.ingest(
        belonging(f"a{number}", title=f"T{number}", severity="high" if number else "low") for number in range(6)
    )
    options = "$select=id,title;$filter=severity eq 'high' and title ne 'T5';$orderby=title desc;$top=2;$count=true"
    found = await expanded(surface, options)
    assert found["alerts@odata.count"] == 4
    assert [(each["id"], each["title"]) for each in found["alerts"]] == [("a4", "T4"), ("a3", "T3")]
    assert set(found["alerts"][0]) == {"@odata.type", "id", "title"}
    rest = (await surface.client.get(found["alerts@odata.nextLink"])).json()
    assert [each["id"] for each in rest["value"]] == ["a2", "a1"]
    assert set(rest["value"][0]) == {"@odata.type", "id", "title"}
    assert "@odata.nextLink" not in rest
    assert [each["id"] for each in (await expanded(surface, "$skip=4;$orderby=id"))["alerts"]] == ["a4", "a5"]


async def test_an_expansion_stays_whatever_else_is_selected(surface: Surface) -> None:
    await surface.ingest([belonging("a"), belonging("b")])
    answered = (await surface.client.get(f"{INCIDENTS}?$select=id&$expand=alerts($top=1)")).json()["value"]
    assert set(answered[0]) == {"@odata.type", "id", "alerts", "alerts@odata.nextLink"}
    named = (await surface.client.get(f"{INCIDENTS}?$select=alerts&$expand=alerts")).json()["value"]
    assert set(named[0]) == {"@odata.type", "alerts"}


async def test_an_expansion_without_options_holds_a_page_and_leads_to_the_rest(surface: Surface) -> None:
    await surface.ingest(belonging(f"a{number}") for number in range(103))
    found = (await surface.client.get(f"{INCIDENTS}/7?$expand=alerts")).json()
    rest = (await surface.client.get(found["alerts@odata.nextLink"])).json()["value"]
    assert (len(found["alerts"]), len(rest)) == (100, 3)
    assert len({each["id"] for each in (*found["alerts"], *rest)}) == 103


@pytest.mark.parametrize(("inside", "page"), [("", 50), ("($top=1000)", 5), ("($top=0)", 50)])
async def test_a_page_of_expanded_incidents_is_bounded_and_leads_on(surface: Surface, inside: str, page: int) -> None:
    await surface.ingest(belonging(f"a{number}", f"i{number}") for number in range(60))
    first = (await surface.client.get(f"{INCIDENTS}?$expand=alerts{inside}&$top=100")).json()
    assert len(first["value"]) == page
    following = (await surface.client.get(first["@odata.nextLink"])).json()["value"]
    assert not {each["id"] for each in first["value"]} & {each["id"] for each in following}
    assert len((await surface.client.get(f"{INCIDENTS}?$expand=alerts&$top=3")).json()["value"]) == 3


@pytest.mark.parametrize("top", [0, 1, 100, 101, 1000])
def test_no_answer_holds_more_alerts_than_the_bound(top: int) -> None:
    query = incident_alerts.bounded(parse_query(f"$expand=alerts($top={top})&$top=1000", INCIDENT))
    assert 1 <= query.top <= 50
    assert query.top * top <= 5_000


async def test_what_is_wrong_inside_is_told_with_its_place(surface: Surface) -> None:
    answered = await surface.client.get(f"{INCIDENTS}?$expand=alerts($filter=titel eq 'x')")
    assert "in $filter of alerts: " in assert_error(answered, 400, "BadRequest")


async def test_alerts_that_are_sent_with_an_incident_are_not_taken_for_its_own(surface: Surface) -> None:
    given = {"id": "9", "displayName": "d", "Alerts": [{"id": "forged"}], "alerts@odata.count": 7}
    assert (await surface.client.post(INCIDENTS, json=given)).status_code == 201
    shown = (await surface.client.get(f"{INCIDENTS}/9")).json()
    assert not {"alerts", "Alerts", "alerts@odata.count"} & set(shown)
