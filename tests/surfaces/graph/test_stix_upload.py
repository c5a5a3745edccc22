"""The upload of STIX objects, by the contract that feeders of Sentinel know."""

from __future__ import annotations

from typing import Any

import pytest

from graph_surface import Surface, alert, assert_error, sample
from sallyport.graph.throttle import Limit
from stix_objects import IDENTITY
from stix_objects import stix_indicator as indicator
from workplace import needs_shared

UPLOAD = "/workspaces/55123d3d-fe35-42c1-bde6-ed5a2cbd5e19/threat-intelligence-stix-objects:upload"
OLD = "/55123d3d-fe35-42c1-bde6-ed5a2cbd5e19/threatintelligence:upload-indicators"
VERSION = {"api-version": "2024-02-01-preview"}
INDICATORS = "/beta/security/tiIndicators"


async def upload(surface: Surface, *objects: Any, **more: Any) -> list[dict[str, Any]]:
    """Upload objects; answers what was wrong."""
    body = {"sourcesystem": "feed", "stixobjects": list(objects), **more}
    answered = await surface.client.post(UPLOAD, params=VERSION, json=body)
    assert answered.status_code == 200, answered.text
    if not answered.content:
        return []
    found: list[dict[str, Any]] = answered.json()["errors"]
    return found


async def known(surface: Surface) -> list[dict[str, Any]]:
    """Answer the indicators that the uploading application sees."""
    found: list[dict[str, Any]] = (await surface.client.get(INDICATORS)).json()["value"]
    return found


@needs_shared
async def test_the_documented_upload_is_answered_without_a_body_and_makes_an_indicator(surface: Surface) -> None:
    answered = await surface.client.post(UPLOAD, params=VERSION, json=sample("stix-upload-request.json"))
    assert (answered.status_code, answered.content) == (200, b"")
    (found,) = await known(surface)
    assert (found["networkIPv4"], found["targetProduct"], found["isActive"]) == ("172.29.6.7", "Azure Sentinel", True)
    assert found["externalId"] == "indicator--10000003-71a2-445c-ab86-927291df48f8"


async def test_the_form_before_it_has_the_objects_under_value(surface: Surface) -> None:
    body = {"sourcesystem": "feed", "value": [indicator()]}
    answered = await surface.client.post(OLD, params={"api-version": "2022-07-01"}, json=body)
    assert (answered.status_code, answered.content) == (200, b"")
    assert len(await known(surface)) == 1


async def test_what_a_stix_indicator_says_of_itself_is_kept(surface: Surface) -> None:
    await upload(
        surface,
        indicator(
            name="Name",
            labels=["botnet", "apt"],
            confidence=70,
            valid_until="2027-01-01T00:00:00Z",
            kill_chain_phases=[{"kill_chain_name": "x", "phase_name": "delivery"}],
            object_marking_refs=["marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"],
        ),
    )
    (found,) = await known(surface)
    assert (found["description"], found["threatType"], found["tags"]) == ("Name", "Botnet", ["botnet", "apt"])
    assert (found["confidence"], found["killChain"], found["tlpLevel"]) == (70, ["Delivery"], "red")
    assert found["expirationDateTime"] == "2027-01-01T00:00:00Z"


async def test_bad_objects_are_named_by_their_index_and_the_others_are_stored(surface: Surface) -> None:
    bad = indicator(2)
    del bad["id"]
    wrong = await upload(surface, indicator(1), bad, "nonsense", indicator(3, valid_until="2025-01-01"), indicator(4))
    assert [each["recordIndex"] for each in wrong] == [1, 2, 3]
    assert wrong[0]["errorMessages"] == ["Error for Property=id: Required property is missing. Actual value: NULL."]
    assert len(await known(surface)) == 2


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"type": "malware"}, "type"),
        ({"id": "indicator--1"}, "id"),
        ({"id": "identity--10000003-71a2-445c-ab86-000000000001"}, "id"),
        ({"created": None}, "created"),
        ({"modified": "soon"}, "modified"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": 5}, "pattern"),
        ({"pattern_type": None}, "pattern_type"),
        ({"valid_from": None}, "valid_from"),
        ({"spec_version": "1.2"}, "spec_version"),
        ({"confidence": 101}, "confidence"),
        ({"confidence": "high"}, "confidence"),
        ({"revoked": "yes"}, "revoked"),
    ],
)
async def test_an_object_that_breaks_a_rule_is_an_error_of_that_property(
    surface: Surface, fault: dict[str, Any], name: str
) -> None:
    (wrong,) = await upload(surface, indicator(**fault))
    assert wrong["recordIndex"] == 0
    assert any(f"Property={name}:" in each for each in wrong["errorMessages"])
    assert await known(surface) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"stixobjects": []}, "sourcesystem"),
        ({"sourcesystem": "Microsoft Sentinel", "stixobjects": []}, "must not be"),
        ({"sourcesystem": "feed"}, "stixobjects"),
        ({"sourcesystem": "feed", "stixobjects": {}}, "stixobjects"),
        ({"sourcesystem": "feed", "stixobjects": [indicator(n) for n in range(101)]}, "101"),
        ([], "sourcesystem"),
    ],
)
async def test_an_upload_that_cannot_be_read_is_refused_whole(surface: Surface, body: Any, said: str) -> None:
    answered = await surface.client.post(UPLOAD, json=body)
    assert answered.status_code == 400
    assert answered.json()["statusCode"] == 400
    assert said in answered.json()["message"]
    assert await known(surface) == []


async def test_errors_have_the_upload_s_own_shape(surface: Surface) -> None:
    malformed = await surface.client.post(UPLOAD, content=b"{")
    refused = await surface.calling(None).post(UPLOAD, json={})
    forbidden = await surface.calling("reader").post(UPLOAD, json={})
    misspelt = await surface.client.post(UPLOAD.replace("threat-intelligence", "threatintelligence"), json={})
    unfit = await surface.client.get(UPLOAD)
    for answered, status in ((malformed, 400), (refused, 401), (forbidden, 403), (misspelt, 404), (unfit, 405)):
        assert answered.status_code == status
        assert set(answered.json()) == {"statusCode", "message"}
        assert answered.json()["statusCode"] == status
    assert "www-authenticate" in refused.headers


async def test_only_the_workspaces_that_are_set_are_known(surface: Surface) -> None:
    own = Surface(surface.database, workspaces=frozenset({"55123d3d-fe35-42c1-bde6-ed5a2cbd5e19"}))
    assert await upload(own, indicator()) == []
    answered = await own.client.post(UPLOAD.replace("55123d3d", "66123d3d"), json={})
    assert (answered.status_code, answered.json()["statusCode"]) == (404, 404)


async def test_the_waiting_time_is_the_second_to_last_word_of_the_429(surface: Surface) -> None:
    limited = Surface(surface.database, throttle={"stix": Limit(1, 60)})
    await upload(limited, indicator())
    answered = await limited.client.post(UPLOAD, json={})
    assert answered.status_code == 429
    message = "Rate limit is exceeded. Try again in 60 seconds."
    assert answered.json() == {"statusCode": 429, "message": message}
    assert int(message.split()[-2]) == int(answered.headers["retry-after"]) == 60


async def test_an_uploaded_indicator_hits_alerts_by_any_of_its_alternatives(surface: Surface) -> None:
    pattern = "[domain-name:value = 'evil.example'] OR [ipv4-addr:value IN ('198.51.100.1', '198.51.100.2')]"
    await upload(surface, indicator(pattern=pattern))
    await surface.ingest(
        [
            alert("a", networkConnections=[{"destinationDomain": "x.evil.example"}]),
            alert("b", networkConnections=[{"sourceAddress": "198.51.100.2"}]),
            alert("c", networkConnections=[{"sourceAddress": "198.51.100.3"}]),
        ]
    )
    found = {each: await surface.client.get(f"/v1.0/security/alerts/{each}/matchedIndicators") for each in "abc"}
    assert {name: len(each.json()["value"]) for name, each in found.items()} == {"a": 1, "b": 1, "c": 0}


async def test_a_revoked_indicator_is_looked_for_no_more_and_stays_revoked(surface: Surface) -> None:
    await upload(surface, indicator())
    await upload(surface, indicator(modified="2026-01-02T00:00:00Z", revoked=True))
    assert [each["isActive"] for each in await known(surface)] == [False]
    await upload(surface, indicator(modified="2026-01-03T00:00:00Z"))
    assert [each["isActive"] for each in await known(surface)] == [False]
    await surface.ingest([alert("a", networkConnections=[{"sourceAddress": "203.0.113.1"}])])
    assert "matchedIndicators" not in (await surface.client.get("/v1.0/security/alerts/a")).json()


async def test_the_newest_version_wins_whatever_the_order_of_arrival(surface: Surface) -> None:
    newer = indicator(modified="2026-01-05T00:00:00Z", name="newer", pattern="[domain-name:value = 'new.example']")
    await upload(surface, newer)
    await upload(surface, indicator(name="older"))
    (found,) = await known(surface)
    assert (found["description"], found["domainName"], found["networkIPv4"]) == ("newer", "new.example", None)


async def test_a_pattern_that_no_indicator_can_say_is_no_error_and_unsays_what_it_said_before(surface: Surface) -> None:
    await upload(surface, indicator())
    complex_pattern = "[ipv4-addr:value = '203.0.113.1'] FOLLOWEDBY [url:value = 'http://x']"
    assert await upload(surface, indicator(modified="2026-01-02T00:00:00Z", pattern=complex_pattern)) == []
    assert await upload(surface, indicator(7, pattern_type="snort", pattern="alert tcp")) == []
    assert await upload(surface, indicator(8, pattern="[file:size = 'x' AND file:name = 'y']")) == []
    assert await known(surface) == []


async def test_objects_of_the_other_types_are_taken(surface: Surface) -> None:
    others = [
        {**IDENTITY, "type": kind, "id": f"{kind}--10000003-71a2-445c-ab86-000000000001"}
        for kind in ("attack-pattern", "threat-actor", "identity", "relationship")
    ]
    assert await upload(surface, *others) == []
    assert await known(surface) == []


async def test_an_upload_belongs_to_the_application_that_made_it(surface: Surface) -> None:
    await upload(surface, indicator())
    other = surface.calling("other")
    assert (await other.get(INDICATORS)).json()["value"] == []
    (found,) = await known(surface)
    assert_error(await other.delete(f"{INDICATORS}/{found['id']}"), 404, "ResourceNotFound")
