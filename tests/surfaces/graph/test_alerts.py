"""Legacy alerts: what comes in goes out in the schema's shape; an analyst changes six properties."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from graph_surface import CALLERS, TENANT, Surface, alert, assert_error, sample
from workplace import needs_shared

ALERTS = "/v1.0/security/alerts"
VENDOR = {"vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}
SAMPLES = ("alert-legacy-asc.json", "alert-legacy-ipc.json", "alert-legacy-mcas.json", "alert-legacy-mde.json")


@needs_shared
@pytest.mark.parametrize("name", SAMPLES)
async def test_a_real_alert_comes_back_exactly_as_the_real_service_answered_it(surface: Surface, name: str) -> None:
    given = sample(name)
    given.pop("@odata.context", None)
    created = await surface.client.post(ALERTS, json=given)
    assert created.status_code == 201
    answered = (await surface.client.get(f"{ALERTS}/{given['id']}")).json()
    assert answered.pop("@odata.context") == "http://graph.test/v1.0/$metadata#security/alerts/$entity"
    assert answered == given


async def test_every_unset_property_is_written_out_as_null_or_an_empty_list(surface: Surface) -> None:
    given = alert("a", fileStates=[{"name": "x"}], processes=[{}], userStates=[{"accountName": "u"}])
    answered = (await surface.client.post(ALERTS, json=given)).json()
    assert answered["feedback"] is None
    assert answered["riskScore"] is None
    assert answered["tags"] == []
    assert answered["networkConnections"] == []
    assert answered["fileStates"] == [{"fileHash": None, "name": "x", "path": None, "riskScore": None}]
    assert answered["processes"][0]["fileHash"] is None
    assert answered["userStates"][0]["emailRole"] == "unknown"
    assert (answered["status"], answered["azureTenantId"]) == ("newAlert", TENANT)


async def test_creation_stamps_the_times_that_are_missing_and_keeps_seven_digits_of_those_given(
    surface: Surface,
) -> None:
    plain = (await surface.client.post(ALERTS, json=alert("a"))).json()
    assert plain["createdDateTime"] == plain["eventDateTime"] == plain["lastModifiedDateTime"] == "2026-11-23T12:00:00Z"
    moment = "2022-04-12T01:49:42.3797106Z"
    exact = (await surface.client.post(ALERTS, json=alert("b", createdDateTime=moment))).json()
    assert exact["createdDateTime"] == moment
    equal = f"createdDateTime eq {moment}"
    assert await surface.ids(ALERTS, params={"$filter": equal}) == ["b"]
    above = "createdDateTime gt 2022-04-12T01:49:42.3797105Z and createdDateTime lt 2022-04-12T01:49:42.3797107Z"
    assert await surface.ids(ALERTS, params={"$filter": above}) == ["b"]


async def test_an_id_that_is_taken_is_a_conflict(surface: Surface) -> None:
    await surface.client.post(ALERTS, json=alert("a"))
    message = assert_error(await surface.client.post(ALERTS, json=alert("a")), 409, "Conflict")
    assert "'a'" in message


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"title": ""}, "title"),
        ({"vendorInformation": {"vendor": "v"}}, "vendorInformation/provider"),
        ({"vendorInformation": None}, "vendorInformation/provider"),
        ({"severity": "worst"}, "severity"),
        ({"confidence": "many"}, "confidence"),
        ({"createdDateTime": "yesterday"}, "createdDateTime"),
        ({"hostStates": [{"fqdn": "a"}, 7]}, "hostStates/1"),
        ({"userStates": [{"isVpn": "perhaps"}]}, "userStates/0/isVpn"),
        ({"id": "x" * 300}, "id"),
        ({"Title": "again"}, "title"),
    ],
)
async def test_what_cannot_be_an_alert_is_refused_by_the_property_s_path(
    surface: Surface, fault: dict[str, Any], name: str
) -> None:
    message = assert_error(await surface.client.post(ALERTS, json={**alert("a"), **fault}), 400, "BadRequest")
    assert name in message
    assert surface.events() == []


async def test_the_most_recent_alert_comes_first_and_pages_follow_while_alerts_arrive(surface: Surface) -> None:
    await surface.ingest(alert(f"a{day}", createdDateTime=f"2026-11-0{day}") for day in range(1, 6))
    first = (await surface.client.get(f"{ALERTS}?$top=2&$count=true&$filter=severity eq 'low'")).json()
    assert [each["id"] for each in first["value"]] == ["a5", "a4"]
    assert first["@odata.count"] == 5
    await surface.ingest([alert("newer", createdDateTime="2026-11-09")])
    second = (await surface.client.get(first["@odata.nextLink"])).json()
    assert [each["id"] for each in second["value"]] == ["a3", "a2"]
    assert "@odata.count" not in second
    query = second["@odata.nextLink"].partition("?")[2]
    third = (await surface.client.get(f"{ALERTS}?{query}")).json()
    assert [each["id"] for each in third["value"]] == ["a1"]
    assert "@odata.nextLink" not in third


async def test_the_next_link_is_absolute_on_the_host_that_was_asked_and_keeps_the_options(surface: Surface) -> None:
    await surface.ingest(alert(f"a{n}") for n in range(3))
    answered = (
        await surface.client.get(f"{ALERTS}?$top=1&$select=id,title&x=1", headers={"host": "soc.contoso.com:8443"})
    ).json()
    link = answered["@odata.nextLink"]
    assert link.startswith(f"http://soc.contoso.com:8443{ALERTS}?")
    assert "$select=id,title" in link
    assert "x=1" in link
    assert set(answered["value"][0]) == {"id", "title"}


async def test_a_configured_public_address_goes_before_the_host_that_was_asked(surface: Surface) -> None:
    public = Surface(surface.database, public_url="https://soc.contoso.com/")
    answered = (await public.client.get(ALERTS)).json()
    assert answered["@odata.context"] == "https://soc.contoso.com/v1.0/$metadata#security/alerts"


@pytest.mark.parametrize(
    ("options", "code"), [("$top=1001", 400), ("$top=1000", 200), ("$skip=501", 400), ("$skip=500", 200)]
)
async def test_the_documented_bounds_of_pages_hold(surface: Surface, options: str, code: int) -> None:
    assert (await surface.client.get(f"{ALERTS}?{options}")).status_code == code


async def test_count_answers_a_number_as_text(surface: Surface) -> None:
    await surface.ingest([alert("a"), alert("b", severity="high")])
    answered = await surface.client.get(f"{ALERTS}/$count")
    assert (answered.text, answered.headers["content-type"]) == ("2", "text/plain; charset=utf-8")
    assert (await surface.client.get(f"{ALERTS}/$count?$filter=severity eq 'high'")).text == "1"


async def test_a_patch_answers_nothing_unless_the_alert_is_preferred(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    silent = await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "status": "InProgress"})
    assert (silent.status_code, silent.content) == (204, b"")
    prefer = {"Prefer": "return=representation"}
    told = await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "assignedTo": "me"}, headers=prefer)
    assert told.status_code == 200
    assert told.headers["preference-applied"] == "return=representation"
    body = told.json()
    assert (body["status"], body["assignedTo"]) == ("inProgress", "me")
    assert body["@odata.context"].endswith("#security/alerts/$entity")


async def test_a_patch_must_say_vendor_and_provider(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    for body in ({"status": "resolved"}, {"vendorInformation": {"provider": "ASC"}, "status": "resolved"}):
        message = assert_error(await surface.client.patch(f"{ALERTS}/a", json=body), 400, "BadRequest")
        assert "vendorInformation/provider" in message


async def test_a_patch_changes_the_six_properties_and_ignores_every_other(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    change = {
        **VENDOR,
        "assignedTo": "analyst@contoso.com",
        "closedDateTime": "2026-11-23T10:00:00+00:00",
        "comments": ["done"],
        "feedback": "truePositive",
        "status": "resolved",
        "tags": ["a", "b"],
        "title": "another",
        "severity": "high",
        "historyStates": [{"user": "somebody"}],
        "inventedHere": 1,
    }
    change["vendorInformation"] = {**VENDOR["vendorInformation"], "providerVersion": None, "subProvider": None}
    assert (await surface.client.patch(f"{ALERTS}/a", json=change)).status_code == 204
    found = (await surface.client.get(f"{ALERTS}/a")).json()
    assert found["closedDateTime"] == "2026-11-23T10:00:00Z"
    assert (found["comments"], found["tags"], found["feedback"]) == (["done"], ["a", "b"], "truePositive")
    assert (found["title"], found["severity"]) == ("Alert a", "low")
    assert "inventedHere" not in found
    assert len(found["historyStates"]) == 1
    assert await surface.ids(ALERTS, params={"$filter": "status eq 'resolved' and assignedTo eq 'analyst@contoso.com'"})


async def test_what_a_change_may_not_change_is_not_even_read(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    sloppy = {"severity": "Severe", "eventDateTime": "yesterday", "hostStates": "pc1", "confidence": "high"}
    changed = await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, **sloppy, "status": "resolved"})
    assert changed.status_code == 204
    found = (await surface.client.get(f"{ALERTS}/a")).json()
    assert (found["status"], found["severity"], found["hostStates"]) == ("resolved", "low", [])


async def test_null_reopens_an_alert(surface: Surface) -> None:
    await surface.ingest([alert("a", status="resolved", closedDateTime="2026-11-01")])
    await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "closedDateTime": None, "status": "newAlert"})
    found = (await surface.client.get(f"{ALERTS}/a")).json()
    assert (found["closedDateTime"], found["status"]) == (None, "newAlert")


async def test_the_history_grows_by_one_entry_for_each_change_and_names_who_made_it(surface: Surface) -> None:
    await surface.ingest([alert("a", comments=["from the sensor"])])
    await surface.clock.advance(60)
    await surface.calling("analyst").patch(f"{ALERTS}/a", json={**VENDOR, "status": "inProgress", "comments": "mine"})
    await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "feedback": "falsePositive"})
    found = (await surface.client.get(f"{ALERTS}/a")).json()
    first, second, third = found["historyStates"]
    assert first["comments"] == ["from the sensor"]
    assert (second["user"], second["appId"], second["status"]) == ("analyst@contoso.com", "app-1", "inProgress")
    assert (second["comments"], second["updatedDateTime"]) == (["mine"], "2026-11-23T12:01:00Z")
    assert (third["user"], third["appId"], third["feedback"]) == (None, CALLERS["app"].app_id, "falsePositive")
    assert found["lastModifiedDateTime"] == "2026-11-23T12:01:00Z"


async def test_empty_strings_for_enumerations_mean_that_nothing_was_given(surface: Surface) -> None:
    await surface.ingest([alert("a", feedback="truePositive", assignedTo="me")])
    prefer = {"Prefer": "return=representation"}
    change = {**VENDOR, "feedback": "", "status": "", "assignedTo": "", "tags": ["", ""], "closedDateTime": ""}
    found = (await surface.client.patch(f"{ALERTS}/a", json=change, headers=prefer)).json()
    assert (found["feedback"], found["status"]) == ("truePositive", "newAlert")
    assert (found["assignedTo"], found["tags"]) == ("", ["", ""])


async def test_an_entity_tag_guards_against_lost_updates(surface: Surface) -> None:
    await surface.ingest([alert("a")])
    tag = (await surface.client.get(f"{ALERTS}/a")).headers["etag"]
    change = {**VENDOR, "status": "resolved"}
    assert (await surface.client.patch(f"{ALERTS}/a", json=change, headers={"if-match": tag})).status_code == 204
    late = await surface.client.patch(f"{ALERTS}/a", json=change, headers={"if-match": tag})
    assert_error(late, 412, "PreconditionFailed")
    assert (await surface.client.patch(f"{ALERTS}/a", json=change, headers={"if-match": "*"})).status_code == 204


async def test_several_alerts_are_updated_at_once_and_each_fails_alone(surface: Surface) -> None:
    await surface.ingest([alert("a"), alert("b")])
    items: list[dict[str, Any]] = [{"id": each, **VENDOR, "status": "resolved"} for each in ("a", "b")]
    whole = await surface.client.post("/beta/security/alerts/updateAlerts", json={"value": items})
    assert whole.status_code == 200
    assert [each["status"] for each in whole.json()["value"]] == ["resolved", "resolved"]
    items = [{"id": "missing", **VENDOR}, {"id": "a"}, {**VENDOR}, {"id": "b", **VENDOR, "tags": "one"}]
    partial = await surface.client.post("/beta/security/alerts/microsoft.graph.updateAlerts", json={"value": items})
    assert partial.status_code == 206
    codes = [each.get("Error", {}).get("code") for each in partial.json()["value"]]
    assert codes == ["ResourceNotFound", "BadRequest", "BadRequest", None]
    assert partial.json()["value"][3]["tags"] == ["one"]


async def test_what_is_not_there_is_not_found(surface: Surface) -> None:
    assert "'nope'" in assert_error(await surface.client.get(f"{ALERTS}/nope"), 404, "ResourceNotFound")
    assert_error(await surface.client.patch(f"{ALERTS}/nope", json=VENDOR), 404, "ResourceNotFound")


async def test_ids_keep_their_case_and_may_hold_any_character(surface: Surface) -> None:
    odd = "Ab/c d%é'x"
    await surface.ingest([alert(odd)])
    found = await surface.client.get(f"{ALERTS}/Ab%2Fc%20d%25%C3%A9%27x")
    assert found.json()["id"] == odd
    assert (await surface.client.get(f"{ALERTS}('Ab%2Fc d%25%C3%A9%27%27x')")).json()["id"] == odd
    assert (await surface.client.get(f"{ALERTS}/ab%2Fc%20d%25%C3%A9%27x")).status_code == 404


async def test_every_change_writes_an_event_in_the_same_transaction(surface: Surface) -> None:
    await surface.client.post(ALERTS, json=alert("a"))
    await surface.client.patch(f"{ALERTS}/a", json={**VENDOR, "status": "resolved"})
    await surface.client.patch(f"{ALERTS}/a", json={"status": "resolved"})
    assert surface.events() == [("alert", "a", "created"), ("alert", "a", "updated")]


@pytest.mark.parametrize("number", [2**64, 6160863956800282558464, -(10**30), 1e300])
async def test_a_number_of_any_size_comes_back(surface: Surface, number: float) -> None:
    made = await surface.client.post("/v1.0/security/alerts", json=alert("a", own={"deep": [number]}))
    assert made.status_code == 201, made.text
    for path in ("alerts/a", "alerts", "alerts_v2/a"):
        assert (await surface.client.get(f"/v1.0/security/{path}")).status_code == 200
    shown = (await surface.client.get("/v1.0/security/alerts/a")).json()["own"]["deep"][0]
    assert shown == pytest.approx(number, rel=1e-15)


async def test_pages_follow_one_another_in_the_order_of_texts_of_any_length(surface: Surface) -> None:
    await surface.ingest([alert(f"{n}", description=f"{n % 2}" + "ä" * 9_000, category="ä" * 600) for n in range(4)])
    seen: list[str] = []
    link = f"{ALERTS}?$top=1&$orderby=description desc,category,assignedTo"
    while link:
        page = (await surface.client.get(link)).json()
        seen += [each["id"] for each in page["value"]]
        link = page.get("@odata.nextLink", "")
    assert seen == ["1", "3", "0", "2"]


@pytest.mark.parametrize("way", ["ingest", "create", "create_v2", "update", "comment"])
async def test_an_alert_has_changed_when_it_was_stored_however_long_that_took(surface: Surface, way: str) -> None:
    # Whoever polls has seen what was stored meanwhile, and asks for what is later than that.
    await surface.ingest([alert("known", eventDateTime="2026-11-01T00:00:00Z")])
    vendor = {"provider": "ASC", "vendor": "Microsoft"}
    change = {"vendorInformation": vendor, "status": "inProgress"}
    calls = {
        "ingest": ("POST", "/ingest/alerts", alert("new", eventDateTime="2026-11-01T00:00:00Z")),
        "create": ("POST", "/v1.0/security/alerts", alert("new", eventDateTime="2026-11-01T00:00:00Z")),
        "create_v2": ("POST", "/v1.0/security/alerts_v2", alert("new", eventDateTime="2026-11-01T00:00:00Z")),
        "update": ("PATCH", "/v1.0/security/alerts/known", change),
        "comment": ("POST", "/v1.0/security/alerts_v2/known/comments", {"comment": "seen"}),
    }
    method, path, body = calls[way]
    if way == "create_v2":
        body = {"id": "new", "title": "Alert", "productName": "ASC", "firstActivityDateTime": "2026-11-01T00:00:00Z"}
    go_on, held = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(_: Connection) -> None:
        loop.call_soon_threadsafe(held.set)
        go_on.wait(20)

    holding = surface.database.begin_write(hold)
    await held.wait()
    sending = asyncio.create_task(surface.client.request(method, path, json=body))
    while not surface.database.waiting and not sending.done():
        await asyncio.sleep(0)
    await surface.clock.advance(60)
    go_on.set()
    assert (await sending).is_success, (await sending).text
    await holding
    since = {"$filter": "lastModifiedDateTime gt 2026-11-23T12:00:30Z"}
    name = "known" if way in ("update", "comment") else "new"
    assert await surface.ids("/v1.0/security/alerts", params=since) == [name]
    shown = (await surface.client.get(f"/v1.0/security/alerts/{name}")).json()
    newer = (await surface.client.get(f"/v1.0/security/alerts_v2/{name}")).json()
    assert shown["lastModifiedDateTime"] == newer["lastUpdateDateTime"] == "2026-11-23T12:01:00Z"
    assert shown["eventDateTime"] == newer["firstActivityDateTime"] == "2026-11-01T00:00:00Z"
    if name == "new":
        assert shown["createdDateTime"] == newer["createdDateTime"] == "2026-11-23T12:01:00Z"
        created = {"$filter": "createdDateTime gt 2026-11-23T12:00:30Z"}
        assert await surface.ids("/v1.0/security/alerts_v2", params=created) == [name]
    else:
        assert shown["historyStates"][-1]["updatedDateTime"] == "2026-11-23T12:01:00Z"
