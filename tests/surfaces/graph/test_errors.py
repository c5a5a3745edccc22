"""Every operation called wrongly answers in the standard's shape, and does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import databases
from graph_surface import Surface, alert, assert_error
from sallyport.graph.endpoint import Access, Endpoint
from sallyport.graph.routes import ENDPOINTS
from sallyport.principal import Principal
from sallyport.store.database import Database

ALERTS = "/v1.0/security/alerts"
BODIES = ("POST", "PATCH")
BODILESS = ("reauthorize", "redeliver")
WITH_BODY = [each for each in ENDPOINTS if each.method in BODIES and not each.path.endswith(BODILESS)]
GUARDED = [each for each in ENDPOINTS if each.access is Access.PERMISSION]
MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "broken": b'{"a": ',
    "not utf-8": b'{"a": "\xff\xfe"}',
    "not a number": b'{"a": NaN}',
    "infinite": b'{"a": Infinity}',
    "a member twice": b'{"a": 1, "b": {}, "a" : 2}',
    "a member twice, escaped": b'{"a": 1, "\\u0061": 2}',
    "deep arrays": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "too deep for us": b'{"a":' * 65 + b"1" + b"}" * 65,
    "a null character": b'{"title": "a\\u0000b"}',
    "half a surrogate": b'{"title": "\\ud800"}',
    "trailing": b"{} {}",
    "a text": b'"x"',
    "form": b"a=1&b=2",
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


def address(endpoint: Endpoint) -> str:
    """Answer a path of an operation."""
    return endpoint.path.replace("{version}", "v1.0").replace("{id}", "x")


def named(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if each.access is not Access.PUBLIC], ids=named)
async def test_without_a_token_every_operation_answers_401(surface: Surface, endpoint: Endpoint) -> None:
    answered = await surface.calling(None).request(endpoint.method, address(endpoint))
    assert assert_error(answered, 401, "InvalidAuthenticationToken") == "Access token is empty."
    assert answered.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("endpoint", GUARDED, ids=named)
async def test_without_the_permission_every_operation_answers_403(surface: Surface, endpoint: Endpoint) -> None:
    answered = await surface.calling("nobody").request(endpoint.method, address(endpoint))
    message = assert_error(answered, 403, "Forbidden")
    assert message == "Auth token does not contain valid permissions or user does not have valid roles"


@pytest.mark.parametrize("endpoint", GUARDED, ids=named)
def test_every_operation_asks_for_a_permission_and_reading_never_writes(endpoint: Endpoint) -> None:
    assert endpoint.permissions
    reader = Principal("a", None, "a", "t", frozenset({"SecurityEvents.Read.All", "ThreatIndicators.Read.All"}))
    assert endpoint.method == "GET" or not reader.allows(*endpoint.permissions)


async def test_permissions_count_alike_for_applications_and_users(surface: Surface) -> None:
    assert (await surface.calling("analyst").get(ALERTS)).status_code == 200
    assert (await surface.calling("reader").get(ALERTS)).status_code == 200
    assert_error(await surface.calling("reader").patch(f"{ALERTS}/x", json={}), 403, "Forbidden")


@pytest.mark.parametrize("endpoint", WITH_BODY, ids=named)
async def test_a_body_that_cannot_be_read_is_refused_and_nothing_is_stored(
    surface: Surface, endpoint: Endpoint
) -> None:
    for body in MALFORMED.values():
        answered = await surface.client.request(endpoint.method, address(endpoint), content=body)
        assert_error(answered, 400, "BadRequest")
    assert surface.events() == []


@pytest.mark.parametrize("media", ["application/xml", "text/html; charset=utf-8", "multipart/form-data; boundary=x"])
async def test_a_body_of_another_kind_is_refused(surface: Surface, media: str) -> None:
    answered = await surface.client.post(ALERTS, content=b"{}", headers={"content-type": media})
    assert media.partition(";")[0] in assert_error(answered, 400, "BadRequest")


async def test_an_encoding_that_nobody_takes_off_is_refused(surface: Surface) -> None:
    for encoding in ("br", "gzip, gzip", "zstd"):
        answered = await surface.client.post(ALERTS, content=b"\x1f\x8b", headers={"content-encoding": encoding})
        assert encoding in assert_error(answered, 400, "BadRequest")


async def test_a_body_over_the_limit_is_refused_whether_its_length_is_announced_or_not(surface: Surface) -> None:
    body = b'{"title": "' + b"x" * 4 * 1024 * 1024 + b'"}'

    async def unannounced() -> Any:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    for content in (body, unannounced()):
        assert_error(await surface.client.post(ALERTS, content=content), 413, "RequestEntityTooLarge")


@pytest.mark.parametrize(
    ("path", "segment"),
    [
        ("/v1.0", "v1.0"),
        ("/v1.0/nope", "nope"),
        ("/beta/security", "security"),
        ("/beta/security/secureScores", "secureScores"),
        ("/v1.0/security/alerts/a/b", "b"),
        ("/v1.0/subscriptions/a/renew", "renew"),
        ("/trigger/v2.0/security/alerts", "v2.0"),
        ("/trigger/v1.0/security/tiIndicators", "tiIndicators"),
        ("/ingest/indicators", "indicators"),
        ("/v1.0/security/%FF", "%FF"),
    ],
)
async def test_an_unknown_segment_is_named(surface: Surface, path: str, segment: str) -> None:
    message = assert_error(await surface.client.get(path), 404, "BadRequest")
    assert message == f"Resource not found for the segment '{segment}'."


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", ALERTS, "GET, POST"),
        ("DELETE", f"{ALERTS}/a", "GET, PATCH"),
        ("GET", f"{ALERTS}/updateAlerts", "POST"),
        ("POST", f"{ALERTS}/$count", "GET"),
        ("GET", "/ingest/alerts", "POST"),
        ("POST", "/trigger/v1.0/security/alerts", "GET"),
        ("PUT", "/v1.0/subscriptions/x", "DELETE, GET, PATCH"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_refused(
    surface: Surface, method: str, path: str, allowed: str
) -> None:
    answered = await surface.client.request(method, path)
    assert_error(answered, 405, "Request_BadRequest")
    assert answered.headers["allow"] == allowed


@pytest.mark.parametrize(
    "options",
    [
        "$filter=severity eq 'high",
        "$filter=(severity eq 'high'",
        "$filter=severity neq 'high'",
        "$filter=status eq 'New'",
        "$filter=http://x",
        "$orderby=severity sideways",
        "$top=-1",
        "$top=x",
        "$count=maybe",
        "$skiptoken=zzz",
        "$expand=everything",
        "$nope=1",
        "$filter=%FF%FE",
        "&".join(f"a{n}={n}" for n in range(300)),
    ],
)
async def test_a_query_that_cannot_be_read_is_refused_and_selects_nothing(surface: Surface, options: str) -> None:
    await surface.ingest([alert("a")])
    assert_error(await surface.client.get(f"{ALERTS}?{options}"), 400, "BadRequest")


async def test_an_unexpected_failure_is_an_answer_without_its_cause(
    surface: Surface, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(surface.database, "query", broken)
    answered = await surface.client.get(ALERTS)
    assert "hunter2" not in answered.text
    assert_error(answered, 500, "InternalError")


async def test_head_answers_as_get_does(surface: Surface) -> None:
    assert (await surface.client.head(ALERTS)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("security/alerts/%00", "security/alerts_v2/a%00", "security/incidents/%00", "security/incidents/%00/alerts"),
        *("security/tiIndicators/%00", "security/tiIndicators/%00/matches", "subscriptions/%00"),
    ],
)
async def test_a_name_that_no_database_can_hold_is_found_nowhere(surface: Surface, path: str) -> None:
    assert_error(await surface.client.get(f"/v1.0/{path}"), 404, "BadRequest")


@pytest.mark.parametrize(
    "path", ["/v1.0/security/alerts?$skiptoken=%00", "/taxii2/api/collections/indicators/objects?match[id]=%00"]
)
async def test_an_option_that_no_database_can_hold_is_refused(surface: Surface, path: str) -> None:
    assert (await surface.client.get(path)).status_code == 400
