"""The TAXII 2.1 server: what it tells of itself, its pages and filters, what may be added, and who sees what."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import stix2  # type: ignore[import-untyped]

from graph_surface import Surface, indicator
from sallyport.graph.taxii import COLLECTION
from stix_objects import IDENTITY, stix_indicator

API = "/taxii2/api"
OBJECTS = f"{API}/collections/{COLLECTION}/objects/"
MANIFEST = f"{API}/collections/{COLLECTION}/manifest/"
MEDIA = "application/taxii+json;version=2.1"
HEADERS = {"accept": MEDIA}
INDICATORS = "/beta/security/tiIndicators"
UPLOAD = "/workspaces/w/threat-intelligence-stix-objects:upload"


async def get(surface: Surface, path: str, caller: str = "app", **options: str) -> httpx.Response:
    """Ask as a TAXII client does."""
    return await surface.calling(caller).get(path, params=options, headers=HEADERS)


async def add(surface: Surface, *objects: Any, caller: str = "app", path: str = OBJECTS) -> httpx.Response:
    """Add objects as a TAXII client does."""
    headers = {**HEADERS, "content-type": MEDIA}
    return await surface.calling(caller).post(path, json={"objects": list(objects)}, headers=headers)


async def ids(surface: Surface, path: str = OBJECTS, caller: str = "app", **options: str) -> list[str]:
    """Answer the ids of the objects that a request finds, in their order."""
    answered = await get(surface, path, caller, **options)
    assert answered.status_code == 200, answered.text
    return [each["id"] for each in answered.json().get("objects", [])]


def test_the_collection_has_the_same_id_everywhere() -> None:
    assert COLLECTION == "f2222919-3fbe-5bf5-9c02-15f4ce73cc37"


async def test_the_server_tells_of_itself(surface: Surface) -> None:
    found = await get(surface, "/taxii2/")
    assert found.headers["content-type"] == MEDIA
    assert found.json()["api_roots"] == ["http://graph.test/taxii2/api/"]
    assert found.json()["default"] == "http://graph.test/taxii2/api/"
    root = (await get(surface, f"{API}/")).json()
    assert root["versions"] == [MEDIA]
    (listed,) = (await get(surface, f"{API}/collections/")).json()["collections"]
    assert (listed["id"], listed["can_read"], listed["can_write"]) == (COLLECTION, True, True)
    assert (await get(surface, f"{API}/collections/{COLLECTION}/")).json() == listed
    (hunted,) = (await get(surface, f"{API}/collections/", "hunter")).json()["collections"]
    assert hunted["can_write"] is False


async def test_a_submitted_indicator_is_shown_as_stix(surface: Surface) -> None:
    made = (await surface.client.post(INDICATORS, json=indicator(tags=["apt"]))).json()
    answered = await get(surface, OBJECTS)
    (shown,) = answered.json()["objects"]
    read = stix2.parse(shown)
    assert (read.id, read.pattern) == (f"indicator--{made['id']}", "[ipv4-addr:value = '203.0.113.7']")
    assert shown["object_marking_refs"] == ["marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"]
    assert answered.headers["x-taxii-date-added-first"] == "2026-11-23T12:00:00.000000Z"
    assert answered.headers["x-taxii-date-added-last"] == "2026-11-23T12:00:00.000000Z"
    assert "more" not in answered.json()


async def test_an_uploaded_object_comes_back_as_it_was_given(surface: Surface) -> None:
    given = stix_indicator(1, x_own={"kept": True})
    await surface.client.post(UPLOAD, json={"sourcesystem": "feed", "stixobjects": [given, IDENTITY]})
    assert (await get(surface, OBJECTS)).json()["objects"] == [given, IDENTITY]


async def test_an_uploaded_indicator_that_was_changed_elsewhere_is_shown_changed(surface: Surface) -> None:
    await surface.client.post(UPLOAD, json={"sourcesystem": "feed", "stixobjects": [stix_indicator(1)]})
    (found,) = (await surface.client.get(INDICATORS)).json()["value"]
    await surface.client.patch(f"{INDICATORS}/{found['id']}", json={"isActive": False, "description": "gone"})
    (shown,) = (await get(surface, OBJECTS)).json()["objects"]
    assert (shown["id"], shown["revoked"], shown["description"]) == (stix_indicator(1)["id"], True, "gone")


async def test_what_was_revoked_stays_revoked_although_something_else_of_it_was_changed(surface: Surface) -> None:
    await add(surface, stix_indicator(1, revoked=True))
    (found,) = (await surface.client.get(INDICATORS)).json()["value"]
    await surface.client.patch(f"{INDICATORS}/{found['id']}", json={"confidence": 7})
    await add(surface, stix_indicator(1, modified="2030-01-01T00:00:00.000Z"))
    (shown,) = (await get(surface, OBJECTS)).json()["objects"]
    assert (shown["revoked"], shown["confidence"]) == (True, 7)


async def test_an_indicator_that_is_brought_back_as_it_was_shown_is_the_same_indicator(surface: Surface) -> None:
    await surface.client.post(INDICATORS, json=indicator())
    (shown,) = (await get(surface, OBJECTS)).json()["objects"]
    before = (await surface.client.get(INDICATORS)).json()["value"]
    await surface.clock.advance(1)
    assert (await add(surface, shown)).json()["success_count"] == 1
    assert (await surface.client.get(INDICATORS)).json()["value"] == before
    newer = {**shown, "modified": "2030-01-01T00:00:00.000Z", "confidence": 7}
    assert (await add(surface, newer)).json()["success_count"] == 1
    (left,) = (await surface.client.get(INDICATORS)).json()["value"]
    assert (left["confidence"], left["networkIPv4"]) == (7, before[0]["networkIPv4"])
    assert (await get(surface, OBJECTS)).json()["objects"] == [newer]


async def test_pages_follow_one_another_without_gap_or_repetition_while_objects_arrive(surface: Surface) -> None:
    for start in (0, 5):
        objects = [stix_indicator(n) for n in range(start, start + 5)]
        assert (await add(surface, *objects)).status_code == 202
    seen: list[str] = []
    options: dict[str, str] = {"limit": "3"}
    while True:
        page = (await get(surface, OBJECTS, **options)).json()
        seen += [each["id"] for each in page["objects"]]
        if not page.get("more"):
            break
        options["next"] = page["next"]
        if len(seen) == 3:
            await add(surface, stix_indicator(10))
    assert seen == [stix_indicator(n)["id"] for n in range(11)]
    listed = (await get(surface, MANIFEST, limit="1000")).json()["objects"]
    assert [each["id"] for each in listed] == seen
    assert len({each["date_added"] for each in listed}) == 11, "so that added_after misses nothing"


async def test_what_was_added_after_a_moment_is_answered_alone_and_a_change_is_an_addition(surface: Surface) -> None:
    await add(surface, stix_indicator(1), stix_indicator(2))
    seen = (await get(surface, OBJECTS)).headers["x-taxii-date-added-last"]
    assert await ids(surface, added_after=seen) == []
    await surface.clock.advance(1)
    await add(surface, stix_indicator(1, modified="2026-05-01T00:00:00.000Z"))
    assert await ids(surface, added_after=seen) == [stix_indicator(1)["id"]]
    assert await ids(surface) == [stix_indicator(2)["id"], stix_indicator(1)["id"]]


async def test_objects_are_matched_by_id_type_and_version(surface: Surface) -> None:
    await add(surface, stix_indicator(1), stix_indicator(2, modified="2026-05-01T00:00:00.000Z"), IDENTITY)
    one, two, identity = stix_indicator(1)["id"], stix_indicator(2)["id"], IDENTITY["id"]
    assert await ids(surface, **{"match[type]": "identity"}) == [identity]
    assert await ids(surface, **{"match[type]": "identity,indicator"}) == [one, two, identity]
    assert await ids(surface, **{"match[id]": f"{two},{identity}"}) == [two, identity]
    assert await ids(surface, **{"match[version]": "2026-05-01T00:00:00Z"}) == [two]
    assert await ids(surface, **{"match[version]": "last"}) == [one, two, identity]
    assert await ids(surface, **{"match[spec_version]": "1.2"}) == []
    assert await ids(surface, f"{OBJECTS}{two}/") == [two]
    versions = (await get(surface, f"{OBJECTS}{two}/versions/")).json()
    assert versions == {"versions": ["2026-05-01T00:00:00.000Z"]}
    manifest = (await get(surface, MANIFEST, **{"match[id]": two})).json()["objects"][0]
    assert (manifest["version"], manifest["media_type"]) == (
        "2026-05-01T00:00:00.000Z",
        "application/stix+json;version=2.1",
    )


async def test_a_version_that_was_told_is_found_again_however_fine_it_is(surface: Surface) -> None:
    await surface.clock.advance(0.123456)
    await surface.client.post(INDICATORS, json=indicator())
    told = ("2026-05-01T00:00:00.123456Z", "2026-05-01T00:00:00.1234567Z", "2026-05-01T00:00:00.120Z")
    await add(surface, *(stix_indicator(n, modified=each) for n, each in enumerate(told)))
    listed = (await get(surface, MANIFEST)).json()["objects"]
    assert [each["version"] for each in listed] == ["2026-11-23T12:00:00.123Z", *told]
    for each, shown in zip(listed, (await get(surface, OBJECTS)).json()["objects"], strict=True):
        assert each["version"] == shown["modified"]
        assert await ids(surface, **{"match[version]": each["version"]}) == [each["id"]]


async def test_what_is_added_is_told_object_by_object_and_its_status_can_be_asked_for(surface: Surface) -> None:
    answered = await add(surface, stix_indicator(1), {"type": "indicator"}, IDENTITY, 5)
    assert answered.status_code == 202
    status = answered.json()
    assert (status["status"], status["total_count"], status["success_count"]) == ("complete", 4, 2)
    assert [each["id"] for each in status["successes"]] == [stix_indicator(1)["id"], IDENTITY["id"]]
    assert (status["failure_count"], status["pending_count"]) == (2, 0)
    assert "Property=id" in status["failures"][0]["message"]
    assert (await get(surface, f"{API}/status/{status['id']}/")).json() == status
    assert (await get(surface, f"{API}/status/{status['id']}/", "other")).status_code == 404
    known = (await surface.client.get(INDICATORS)).json()["value"]
    assert [each["externalId"] for each in known] == [stix_indicator(1)["id"]]


async def test_any_type_of_object_may_be_added_over_taxii(surface: Surface) -> None:
    malware = {**IDENTITY, "type": "malware", "id": IDENTITY["id"].replace("identity", "malware")}
    assert (await add(surface, malware)).json()["success_count"] == 1
    assert await ids(surface) == [malware["id"]]


async def test_an_application_sees_its_own_objects_and_a_reader_of_all_sees_everybody_s(surface: Surface) -> None:
    await add(surface, stix_indicator(1))
    await add(surface, stix_indicator(2), caller="other")
    one, two = stix_indicator(1)["id"], stix_indicator(2)["id"]
    assert (await ids(surface), await ids(surface, caller="other")) == ([one], [two])
    assert await ids(surface, caller="hunter") == [one, two]
    assert (await get(surface, f"{OBJECTS}{two}/")).status_code == 404
    assert (await add(surface, stix_indicator(3), caller="hunter")).status_code == 403


async def test_expired_and_deleted_indicators_are_shown_to_nobody(surface: Surface) -> None:
    ends = {"expirationDateTime": "2026-11-23T12:00:10Z"}
    made = (await surface.client.post(INDICATORS, json=indicator(**ends))).json()
    other = (await surface.client.post(INDICATORS, json=indicator(networkIPv4="192.0.2.1"))).json()
    assert len(await ids(surface)) == 2
    await surface.clock.advance(10)
    assert await ids(surface) == [f"indicator--{other['id']}"]
    await surface.client.delete(f"{INDICATORS}/{other['id']}")
    assert await ids(surface) == []
    assert (await get(surface, f"{OBJECTS}indicator--{made['id']}/")).status_code == 404


@pytest.mark.parametrize(
    ("options", "headers", "status"),
    [
        ({"limit": "0"}, HEADERS, 400),
        ({"limit": "many"}, HEADERS, 400),
        ({"next": "~"}, HEADERS, 400),
        ({"added_after": "soon"}, HEADERS, 400),
        ({"match[version]": "newest"}, HEADERS, 400),
        ({}, {"accept": "application/json"}, 406),
        ({}, {"accept": "application/taxii+json;version=2.0"}, 406),
        ({}, {"accept": "text/html, */*;q=0.1"}, 200),
        ({}, {"accept": "application/taxii+json; version=2.1"}, 200),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_in_taxii_s_shape(
    surface: Surface, options: dict[str, str], headers: dict[str, str], status: int
) -> None:
    answered = await surface.client.get(OBJECTS, params=options, headers=headers)
    assert answered.status_code == status, answered.text
    if status != 200:
        assert answered.headers["content-type"] == MEDIA
        assert answered.json()["http_status"] == str(status)
        assert answered.json()["title"]


async def test_every_refusal_has_taxii_s_shape(surface: Surface) -> None:
    wrong_media = await surface.client.post(OBJECTS, json={"objects": []}, headers=HEADERS)
    empty = await add(surface)
    unknown = await get(surface, f"{API}/collections/nope/objects/")
    nowhere = await get(surface, f"{API}/nothing/of/the/kind/")
    stranger = await surface.calling(None).get(OBJECTS, headers=HEADERS)
    nobody = await get(surface, OBJECTS, "nobody")
    refused = await surface.client.delete(OBJECTS, headers=HEADERS)
    expected = ((wrong_media, 415), (empty, 400), (unknown, 404), (nowhere, 404), (stranger, 401), (nobody, 403))
    for answered, status in (*expected, (refused, 405)):
        assert answered.status_code == status, answered.text
        assert answered.headers["content-type"] == MEDIA
        assert answered.json()["http_status"] == str(status)
