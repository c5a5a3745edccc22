"""Threat intelligence indicators: what is demanded, what two submissions share, who sees what, and the bulk actions."""

from __future__ import annotations

import asyncio
import threading
import uuid
from typing import Any

import pytest
import structlog
from sqlalchemy.engine import Connection

from graph_surface import TENANT, Surface, assert_error, indicator, sample
from sallyport.graph import indicator_storing
from workplace import needs_shared

INDICATORS = "/beta/security/tiIndicators"
SUBMIT = f"{INDICATORS}/submitTiIndicators"
PREFER = {"Prefer": "return=representation"}


async def stored(surface: Surface, **more: Any) -> str:
    """Store an indicator and answer its id."""
    answered = await surface.client.post(INDICATORS, json=indicator(**more))
    assert answered.status_code == 201, answered.text
    return str(answered.json()["id"])


async def test_a_created_indicator_is_stamped_and_shown_whole(surface: Surface) -> None:
    given = indicator(id="mine", azureTenantId="not mine", ingestedDateTime="2001-01-01")
    answered = await surface.client.post(INDICATORS, json=given)
    body = answered.json()
    assert answered.status_code == 201
    assert body.pop("@odata.context") == "http://graph.test/beta/$metadata#Security/tiIndicators/$entity"
    assert str(uuid.UUID(body["id"])) == body["id"]
    assert (body["azureTenantId"], body["ingestedDateTime"]) == (TENANT, "2026-11-23T12:00:00Z")
    assert (body["isActive"], body["passiveOnly"], body["severity"], body["confidence"]) == (True, False, 3, None)
    assert (body["killChain"], body["url"]) == ([], None)
    found = (await surface.client.get(f"/v1.0/security/tiIndicators/{body['id']}")).json()
    found.pop("@odata.context")
    assert found == body


@needs_shared
async def test_the_documented_requests_are_taken_and_hidden_once_they_have_expired(surface: Surface) -> None:
    created = await surface.client.post(INDICATORS, json=sample("tiindicator-create-request.json"))
    assert created.status_code == 201
    assert created.json()["expirationDateTime"] == "2019-03-01T21:43:37.5031462Z"
    submitted = await surface.client.post(SUBMIT, json=sample("tiindicators-submit-request.json"))
    assert submitted.status_code == 200
    assert [each["action"] for each in submitted.json()["value"]] == [None, None]
    assert {each["@odata.type"] for each in submitted.json()["value"]} == {"#microsoft.graph.tiIndicator"}
    assert await surface.ids(INDICATORS) == []


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"targetProduct": ""}, "targetProduct"),
        ({"expirationDateTime": None}, "expirationDateTime"),
        ({"expirationDateTime": "soon"}, "expirationDateTime"),
        ({"networkIPv4": None}, "One of"),
        ({"targetProduct": "microsoft defender atp"}, "One of domainName, url"),
        ({"action": "explode"}, "action"),
        ({"networkPort": "x"}, "networkPort"),
        ({"tags": {"a": 1}}, "tags"),
    ],
)
async def test_what_cannot_work_is_refused(surface: Surface, fault: dict[str, Any], name: str) -> None:
    answered = await surface.client.post(INDICATORS, json={**indicator(), **fault})
    assert name in assert_error(answered, 400, "BadRequest")
    assert surface.events() == []


async def test_defender_needs_no_threat_type_and_sentinel_s_lacks_are_only_noted_unless_strict(
    surface: Surface,
) -> None:
    defender = {
        "targetProduct": "Microsoft Defender ATP",
        "expirationDateTime": "2026-12-01",
        "action": "block",
        "url": "x",
    }
    assert (await surface.client.post(INDICATORS, json=defender)).status_code == 201
    assert (await surface.client.post(INDICATORS, json=indicator(threatType=None))).status_code == 201
    strict = Surface(surface.database, strict_indicators=True)
    refused = await strict.client.post(INDICATORS, json=indicator(threatType=None, networkIPv4="192.0.2.1"))
    assert "threatType" in assert_error(refused, 400, "BadRequest")


@pytest.mark.parametrize("key", [{"externalId": "feed-1"}, {}])
async def test_a_second_submission_updates_under_the_same_id(surface: Surface, key: dict[str, Any]) -> None:
    first = await stored(surface, **key, description="one", confidence=5)
    again = await surface.client.post(INDICATORS, json=indicator(**key, description="two", isActive=False))
    assert (again.status_code, again.json()["id"]) == (201, first)
    assert (again.json()["description"], again.json()["isActive"]) == ("two", False)
    assert again.json()["confidence"] is None
    assert await surface.ids(INDICATORS) == [first]
    assert [each[2] for each in surface.events()] == ["created", "updated"]


async def test_product_owner_and_observables_make_indicators_different(surface: Surface) -> None:
    ids = {
        await stored(surface),
        await stored(surface, networkIPv4="203.0.113.8"),
        await stored(surface, externalId="feed-1"),
        await stored(surface, externalId="feed-1", targetProduct="Microsoft Defender ATP", url="http://x"),
    }
    other = await surface.calling("other").post(INDICATORS, json=indicator(externalId="feed-1"))
    assert len(ids | {other.json()["id"]}) == 5


async def test_an_application_sees_and_changes_only_its_own(surface: Surface) -> None:
    mine = await stored(surface)
    other, hunter = surface.calling("other"), surface.calling("hunter")
    assert (await other.get(INDICATORS)).json()["value"] == []
    assert_error(await other.get(f"{INDICATORS}/{mine}"), 404, "ResourceNotFound")
    assert_error(await other.patch(f"{INDICATORS}/{mine}", json={"severity": 1}), 404, "ResourceNotFound")
    assert_error(await other.delete(f"{INDICATORS}/{mine}"), 404, "ResourceNotFound")
    assert (await other.get(f"{INDICATORS}/$count")).text == "0"
    assert [each["id"] for each in (await hunter.get(INDICATORS)).json()["value"]] == [mine]
    assert (await hunter.get(f"{INDICATORS}/$count")).text == "1"
    assert_error(await hunter.delete(f"{INDICATORS}/{mine}"), 403, "Forbidden")


@pytest.mark.parametrize(
    "filtered",
    [
        "externalId eq 'feed-1'",
        "threatType eq 'DDoS'",
        "networkIPv4 eq '198.51.100.1'",
        "threatType eq 'MaliciousUrl' or 'DDoS'",
    ],
)
async def test_indicators_are_found_by_what_feeders_ask_for(surface: Surface, filtered: str) -> None:
    await stored(surface)
    wanted = await stored(surface, externalId="feed-1", threatType="DDoS", networkIPv4="198.51.100.1")
    assert await surface.ids(INDICATORS, params={"$filter": filtered}) == [wanted]


async def test_pages_of_indicators_follow_their_link(surface: Surface) -> None:
    for n in range(5):
        await stored(surface, networkIPv4=f"192.0.2.{n}")
        await surface.clock.advance(1)
    found: list[str] = []
    address: str | None = f"{INDICATORS}?$top=2"
    while address:
        answered = (await surface.client.get(address)).json()
        found += [each["networkIPv4"] for each in answered["value"]]
        address = answered.get("@odata.nextLink")
    assert found == [f"192.0.2.{n}" for n in (4, 3, 2, 1, 0)]


async def test_an_expired_indicator_vanishes_at_once(surface: Surface) -> None:
    found = await stored(surface, expirationDateTime="2026-11-23T12:00:10Z")
    assert await surface.ids(INDICATORS) == [found]
    await surface.clock.advance(10)
    assert await surface.ids(INDICATORS) == []
    assert_error(await surface.client.get(f"{INDICATORS}/{found}"), 404, "ResourceNotFound")
    assert (await surface.client.post(INDICATORS, json=indicator())).json()["id"] == found


async def test_a_patch_changes_what_may_be_changed(surface: Surface) -> None:
    found = await stored(surface)
    silent = await surface.client.patch(f"{INDICATORS}/{found}", json={"confidence": 42})
    assert (silent.status_code, silent.content) == (204, b"")
    whole = indicator(description="after", threatType="C2", own="kept", confidence="43")
    told = await surface.client.patch(f"{INDICATORS}/{found}", json=whole, headers=PREFER)
    assert told.status_code == 200
    body = told.json()
    assert (body["description"], body["confidence"], body["own"]) == ("after", 43, "kept")
    assert body["threatType"] == "WatchList", "not editable"


async def test_null_gives_what_has_a_default_that_default_again(surface: Surface) -> None:
    found = await stored(surface, isActive=False, passiveOnly=True, severity=5)
    change = {"isActive": None, "passiveOnly": None, "severity": None}
    shown = (await surface.client.patch(f"{INDICATORS}/{found}", json=change, headers=PREFER)).json()
    assert (shown["isActive"], shown["passiveOnly"], shown["severity"]) == (True, False, 3)


async def test_a_change_or_deletion_of_another_version_is_refused(surface: Surface) -> None:
    found = f"{INDICATORS}/{await stored(surface)}"
    first = {"if-match": (await surface.client.get(found)).headers["etag"]}
    change = {"description": "seen again"}
    assert (await surface.client.patch(found, json=change, headers=first)).status_code == 204
    assert_error(await surface.client.patch(found, json=change, headers=first), 412, "PreconditionFailed")
    assert_error(await surface.client.delete(found, headers=first), 412, "PreconditionFailed")
    second = {"if-match": (await surface.client.get(found)).headers["etag"]}
    assert (await surface.client.delete(found, headers=second)).status_code == 204


async def test_an_observable_cannot_be_changed_but_may_be_sent_along(surface: Surface) -> None:
    found = await stored(surface)
    change = await surface.client.patch(f"{INDICATORS}/{found}", json={"networkIPv4": "192.0.2.9", "severity": 1})
    assert "networkIPv4" in assert_error(change, 400, "BadRequest")
    assert (await surface.client.patch(f"{INDICATORS}/{found}", json=indicator())).status_code == 204
    assert_error(
        await surface.client.patch(f"{INDICATORS}/{found}", json={"expirationDateTime": None}), 400, "BadRequest"
    )


async def test_defender_s_indicators_let_three_properties_change(surface: Surface) -> None:
    found = await stored(surface, targetProduct="Microsoft Defender ATP", url="http://x")
    change = {"severity": 5, "description": "d", "action": "block", "tags": ["t"]}
    body = (await surface.client.patch(f"{INDICATORS}/{found}", json=change, headers=PREFER)).json()
    assert (body["severity"], body["description"], body["action"], body["tags"]) == (5, "d", "alert", [])


async def test_an_external_id_cannot_be_taken_from_another_indicator(surface: Surface) -> None:
    await stored(surface, externalId="one")
    second = await stored(surface, externalId="two", networkIPv4="192.0.2.1")
    assert_error(await surface.client.patch(f"{INDICATORS}/{second}", json={"externalId": "one"}), 409, "Conflict")


async def test_a_deleted_indicator_is_gone(surface: Surface) -> None:
    found = await stored(surface)
    deleted = await surface.client.delete(f"{INDICATORS}/{found}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_error(await surface.client.delete(f"{INDICATORS}/{found}"), 404, "ResourceNotFound")
    assert [each[2] for each in surface.events()] == ["created", "deleted"]


@pytest.mark.parametrize("path", [SUBMIT, f"{INDICATORS}/microsoft.graph.submitTiIndicators", SUBMIT.lower()])
async def test_several_are_submitted_at_once_with_their_own_members_echoed(surface: Surface, path: str) -> None:
    items = [indicator(networkIPv4=f"192.0.2.{n}", indicatorRequestHash=f"h{n}") for n in range(100)]
    answered = await surface.client.post(path, json={"value": items})
    assert answered.status_code == 200
    assert [each["indicatorRequestHash"] for each in answered.json()["value"]] == [f"h{n}" for n in range(100)]
    assert len({each["id"] for each in answered.json()["value"]}) == 100


async def test_a_failed_item_of_several_is_marked_and_the_others_are_stored(surface: Surface) -> None:
    items = [
        indicator(indicatorRequestHash="h0"),
        {"indicatorRequestHash": "h1"},
        7,
        indicator(networkIPv4="192.0.2.1"),
    ]
    answered = await surface.client.post(SUBMIT, json={"Value": items})
    assert answered.status_code == 206
    first, second, third, fourth = answered.json()["value"]
    assert "Error" not in first
    assert second["indicatorRequestHash"] == "h1"
    assert (second["Error"]["code"], third["Error"]["code"]) == ("BadRequest", "BadRequest")
    assert sorted(await surface.ids(INDICATORS)) == sorted([first["id"], fourth["id"]])


async def test_more_than_a_hundred_are_refused_and_none_is_stored(surface: Surface) -> None:
    items = [indicator(networkIPv4=f"192.0.2.{n}") for n in range(101)]
    assert "101" in assert_error(await surface.client.post(SUBMIT, json={"value": items}), 400, "BadRequest")
    assert surface.events() == []


@pytest.mark.parametrize(("body", "count"), [([indicator()], 1), ({"value": indicator()}, 1), ({"value": []}, 0)])
async def test_a_bare_array_and_a_single_object_are_taken_as_lists(surface: Surface, body: Any, count: int) -> None:
    answered = await surface.client.post(SUBMIT, json=body)
    assert answered.status_code == 200
    assert len(answered.json()["value"]) == count


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": '[{"action": "block"}]'}, {"value": 7}, "x", 7, None])
@pytest.mark.parametrize("action", ["submitTiIndicators", "updateTiIndicators"])
async def test_a_body_that_is_no_list_is_refused(surface: Surface, action: str, body: Any) -> None:
    answered = await surface.client.post(f"{INDICATORS}/{action}", json=body)
    assert_error(answered, 400, "BadRequest")
    assert surface.events() == []


async def test_several_are_updated_at_once(surface: Surface) -> None:
    first, second = await stored(surface), await stored(surface, networkIPv4="192.0.2.1")
    items = [{"id": first, "additionalInformation": "mytest"}, {"ID": second, "additionalInformation": "test again"}]
    answered = await surface.client.post(f"{INDICATORS}/updateTiIndicators", json={"value": items})
    assert answered.status_code == 200
    assert [each["additionalInformation"] for each in answered.json()["value"]] == ["mytest", "test again"]
    items = [{"id": "nope", "tags": []}, {"tags": ["no id"]}, {"id": first, "url": "changed"}, {"id": second}]  # type: ignore[dict-item]
    partial = await surface.client.post(f"{INDICATORS}/updateTiIndicators", json={"value": items})
    assert partial.status_code == 206
    codes = [each.get("Error", {}).get("code") for each in partial.json()["value"]]
    assert codes == ["ResourceNotFound", "BadRequest", "BadRequest", None]


async def test_several_are_deleted_by_id(surface: Surface) -> None:
    first = await stored(surface)
    foreign = (await surface.calling("other").post(INDICATORS, json=indicator())).json()["id"]
    answered = await surface.client.post(
        f"{INDICATORS}/deleteTiIndicators", json={"value": [first, foreign, "nope", 7]}
    )
    assert answered.status_code == 206
    found = answered.json()["value"]
    assert [each["code"] for each in found] == [0, 404, 404, 400]
    assert all(set(each) == {"code", "message", "subcode"} for each in found)
    assert (await surface.client.post(f"{INDICATORS}/deleteTiIndicators", json={"value": []})).status_code == 200
    assert await surface.ids(INDICATORS) == []
    assert len((await surface.calling("hunter").get(INDICATORS)).json()["value"]) == 1


async def test_one_external_id_deletes_the_indicators_of_every_product(surface: Surface) -> None:
    await stored(surface, externalId="feed-1")
    await stored(surface, externalId="feed-1", targetProduct="Microsoft Defender ATP", url="http://x")
    kept = await stored(surface, externalId="feed-2")
    answered = await surface.client.post(
        f"{INDICATORS}/microsoft.graph.deleteTiIndicatorsByExternalId", json={"value": ["feed-1", "feed-3"]}
    )
    assert answered.status_code == 206
    assert [each["code"] for each in answered.json()["value"]] == [0, 404]
    assert await surface.ids(INDICATORS) == [kept]


async def test_a_tenant_has_so_many_indicators_for_defender_and_no_more(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indicator_storing, "MOST", 2)
    defender = {"targetProduct": "Microsoft Defender ATP", "networkIPv4": None}
    first = await stored(surface, **defender, url="http://1", expirationDateTime="2026-11-23T12:00:10Z")
    await stored(surface, **defender, url="http://2")
    refused = await surface.calling("other").post(INDICATORS, json=indicator(**defender, url="http://3"))
    assert "is the most" in assert_error(refused, 403, "Forbidden")
    assert await stored(surface, **defender, url="http://1", expirationDateTime="2026-11-23T12:00:10Z") == first
    await stored(surface, networkIPv4="192.0.2.77")
    partial = await surface.client.post(SUBMIT, json={"value": [indicator(**defender, url="http://4")]})
    assert (partial.status_code, partial.json()["value"][0]["Error"]["code"]) == (206, "Forbidden")
    await surface.clock.advance(10)
    await stored(surface, **defender, url="http://3")


async def test_what_the_documentation_advises_against_is_taken_and_noted(surface: Surface) -> None:
    with structlog.testing.capture_logs() as logged:
        await stored(surface, tlpLevel="red", description="x" * 101)
        await stored(surface, tlpLevel="red", passiveOnly=True, networkIPv4="192.0.2.1")
    (noted,) = [each for each in logged if each["event"] == "indicator.doubtful"]
    assert noted["doubts"] == (
        "the description is longer than 100 characters",
        "tlpLevel is red, but passiveOnly is not true",
    )


async def test_several_submissions_of_one_indicator_in_one_request_are_one_indicator(surface: Surface) -> None:
    items = [indicator(externalId="feed-1", description=each) for each in ("one", "two", "three")]
    answered = await surface.client.post(SUBMIT, json={"value": [*items, indicator(networkIPv4="192.0.2.1")]})
    first, second, third, other = answered.json()["value"]
    assert first["id"] == second["id"] == third["id"] != other["id"]
    assert [first["description"], third["description"]] == ["one", "three"]
    shown = {each["id"]: each["description"] for each in (await surface.client.get(INDICATORS)).json()["value"]}
    assert shown == {first["id"]: "three", other["id"]: "seen"}
    assert sorted(each[2] for each in surface.events()) == ["created", "created", "updated", "updated"]


async def test_an_indicator_that_has_expired_keeps_its_external_id_from_nobody(surface: Surface) -> None:
    expired = await stored(surface, externalId="one", expirationDateTime="2026-11-23T12:00:10Z")
    other = await stored(surface, externalId="two")
    await surface.clock.advance(60)
    changed = await surface.client.patch(f"{INDICATORS}/{other}", json={"externalId": "one"}, headers=PREFER)
    assert (changed.status_code, changed.json()["externalId"]) == (200, "one")
    # A submission under it is the one that has it now.
    assert await stored(surface, externalId="one") == other != expired
    assert await surface.ids(INDICATORS) == [other]


@pytest.mark.parametrize("way", ["create", "submit", "upload"])
async def test_an_indicator_was_ingested_when_it_was_stored_however_long_that_took(surface: Surface, way: str) -> None:
    object_ = {
        "type": "indicator",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2026-11-01T00:00:00Z",
        "modified": "2026-11-01T00:00:00Z",
        "pattern": "[ipv4-addr:value = '203.0.113.7']",
        "pattern_type": "stix",
        "valid_from": "2026-11-01T00:00:00Z",
    }
    path, body = {
        "create": (INDICATORS, indicator()),
        "submit": (SUBMIT, {"value": [indicator()]}),
        "upload": (
            "/workspaces/w/threat-intelligence-stix-objects:upload?api-version=2024-02-01-preview",
            {"sourcesystem": "feed", "stixobjects": [object_]},
        ),
    }[way]
    await late(surface, "POST", path, body)
    since = {"$filter": "ingestedDateTime gt 2026-11-23T12:00:30Z"}
    assert len(await surface.ids(INDICATORS, params=since)) == 1


@pytest.mark.parametrize("way", ["update", "update_many"])
async def test_an_indicator_has_changed_when_that_was_stored_however_long_it_took(surface: Surface, way: str) -> None:
    # Who has its version of meanwhile would take the one that is stored last for an older one, and leave it.
    found = await stored(surface)
    if way == "update":
        await late(surface, "PATCH", f"{INDICATORS}/{found}", {"description": "new"})
    else:
        changes = {"value": [{"id": found, "description": "new"}]}
        await late(surface, "POST", f"{INDICATORS}/updateTiIndicators", changes)
    headers = {"accept": "application/taxii+json;version=2.1"}
    shown = await surface.client.get("/taxii2/api/collections/indicators/objects/", headers=headers)
    assert [each["modified"] for each in shown.json()["objects"]] == ["2026-11-23T12:01:00.000Z"]


async def late(surface: Surface, method: str, path: str, body: Any) -> None:
    """Send a request that succeeds, and comes to its turn to write after a minute."""
    holding, go_on = threading.Event(), threading.Event()

    def hold(_: Connection) -> None:
        holding.set()
        go_on.wait(20)

    held = surface.database.begin_write(hold)
    await asyncio.to_thread(holding.wait, 20)
    sending = asyncio.create_task(surface.client.request(method, path, json=body))
    while not surface.database.waiting and not sending.done():
        await asyncio.sleep(0)
    await surface.clock.advance(60)
    go_on.set()
    await held
    assert (await sending).is_success, (await sending).text
