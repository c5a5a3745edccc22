"""Subscriptions: the handshake, the resource rules, whose they are, and how long they live."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from graph_surface import Surface, assert_error
from sallyport.http_messages import ConnectionFailed, EgressDenied, Headers, InboundResponse, OutboundRequest
from sallyport.store import subscriptions

SUBSCRIPTIONS = "/v1.0/subscriptions"
REFUSED = "Subscription validation request failed. Must respond with 200 OK to this request."


def subscription(**more: Any) -> dict[str, Any]:
    """Answer what a subscription needs."""
    return {
        "changeType": "updated",
        "notificationUrl": "https://soc.contoso.com/hooks/alerts?key=1",
        "resource": "security/alerts?$filter=status eq 'NewAlert'",
        "expirationDateTime": "2026-12-01T00:00:00+00:00",
        "clientState": "secret",
        **more,
    }


async def created(surface: Surface, **more: Any) -> dict[str, Any]:
    """Create a subscription and answer it."""
    answered = await surface.client.post(SUBSCRIPTIONS, json=subscription(**more))
    assert answered.status_code == 201, answered.text
    body: dict[str, Any] = answered.json()
    return body


async def test_a_subscription_is_created_after_its_endpoint_has_echoed_the_token(surface: Surface) -> None:
    body = await created(surface)
    assert body["@odata.context"] == "http://graph.test/v1.0/$metadata#subscriptions/$entity"
    assert (body["applicationId"], body["creatorId"], body["clientState"]) == ("app-1", "app-1", "secret")
    assert body["expirationDateTime"] == "2026-12-01T00:00:00Z"
    assert (body["latestSupportedTlsVersion"], body["notificationContentType"]) == ("v1_2", "application/json")
    [asked] = surface.outside.requests
    assert asked.method == "POST"
    assert asked.timeout_seconds == 10
    assert asked.answer_bytes is not None, "nobody fills the memory with answers"
    assert not asked.follow_redirects
    assert Headers(asked.headers)["content-type"] == "text/plain; charset=utf-8"
    parts = urlsplit(asked.url)
    assert (parts.netloc, parts.path) == ("soc.contoso.com", "/hooks/alerts")
    assert parse_qs(parts.query)["key"] == ["1"]


async def test_both_endpoints_are_asked_even_when_they_are_the_same(surface: Surface) -> None:
    await created(surface, lifecycleNotificationUrl="https://soc.contoso.com/hooks/alerts?key=1")
    tokens = [parse_qs(urlsplit(each.url).query)["validationToken"][0] for each in surface.outside.requests]
    assert len(set(tokens)) == 2


async def test_a_fragment_of_an_address_keeps_no_token_from_its_endpoint(surface: Surface) -> None:
    await created(surface, notificationUrl="https://soc.contoso.com/hooks#alerts")
    assert surface.outside.requests[0].url.startswith("https://soc.contoso.com/hooks?validationToken=")


async def test_the_older_name_of_sovereign_clouds_asks_for_contents_as_well(surface: Surface) -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    dated = builder.serial_number(1).not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2027, 1, 1))
    made = dated.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    hidden = {"encryptionCertificate": base64.b64encode(made).decode(), "encryptionCertificateId": "1"}

    older = await created(surface, includeProperties=True, **hidden)
    assert (older["includeProperties"], older["includeResourceData"]) == (True, True)
    both = await created(surface, includeProperties=True, includeResourceData=False, **hidden)
    assert both["includeResourceData"] is False
    assert "includeProperties" not in await created(surface)
    refused = await surface.client.post(SUBSCRIPTIONS, json=subscription(includeProperties=True))
    assert_error(refused, 400, "InvalidRequest")


def answering(status: int, body: bytes) -> Any:
    """Answer a script for the outside."""
    return lambda _: InboundResponse(status, Headers(), body)


def failing(error: Exception) -> Any:
    """Answer a script for the outside that raises."""

    def fail(_: OutboundRequest) -> InboundResponse:
        raise error

    return fail


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (answering(200, b"something else"), REFUSED),
        (answering(200, b""), REFUSED),
        (answering(202, b"whatever"), REFUSED),
        (answering(302, b""), REFUSED),
        (answering(403, b"no"), REFUSED),
        (failing(ConnectionFailed("refused", "soc.contoso.com")), REFUSED),
        (failing(ConnectionFailed("timeout", "soc.contoso.com")), "Subscription validation request timed out."),
        (failing(EgressDenied()), REFUSED),
    ],
)
async def test_an_endpoint_that_does_not_echo_the_token_gets_no_subscription(
    surface: Surface, script: Any, message: str
) -> None:
    surface.outside.answer = script
    answered = await surface.client.post(SUBSCRIPTIONS, json=subscription())
    assert assert_error(answered, 400, "InvalidRequest") == message
    assert await surface.ids(SUBSCRIPTIONS) == []


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (
            {"expirationDateTime": None},
            "BadRequest",
            "expirationDateTime is a required property for subscription creation",
        ),
        ({"changeType": ""}, "BadRequest", "changeType is a required property"),
        ({"notificationUrl": None}, "BadRequest", "notificationUrl is a required property"),
        ({"resource": None}, "BadRequest", "resource is a required property"),
        ({"changeType": "updated,moved"}, "InvalidRequest", "changeType"),
        ({"notificationUrl": "http://soc.contoso.com/x"}, "InvalidRequest", "https"),
        ({"notificationUrl": "ftp://soc.contoso.com/x"}, "InvalidRequest", "https"),
        ({"notificationUrl": "https://[bad"}, "InvalidRequest", "https"),
        ({"lifecycleNotificationUrl": "nowhere"}, "InvalidRequest", "lifecycleNotificationUrl"),
        ({"clientState": "x" * 129}, "InvalidRequest", "clientState"),
        ({"expirationDateTime": "2026-11-23T12:00:00Z"}, "InvalidRequest", "future"),
        ({"expirationDateTime": "2026-12-23T12:00:01Z"}, "InvalidRequest", "43200"),
        ({"resource": "me/messages"}, "InvalidRequest", "Unsupported resource"),
        ({"resource": "security/alerts?$filter=status eq 'New'"}, "BadRequest", "Invalid filter clause"),
        ({"resource": "security/alerts?$filter=status neq 'newAlert'"}, "BadRequest", "Invalid filter clause"),
        ({"expirationDateTime": "soon"}, "BadRequest", "expirationDateTime"),
    ],
)
async def test_what_cannot_be_subscribed_to_is_refused_before_anybody_is_asked(
    surface: Surface, fault: dict[str, Any], code: str, message: str
) -> None:
    answered = await surface.client.post(SUBSCRIPTIONS, json={**subscription(), **fault})
    assert message in assert_error(answered, 400, code)
    assert surface.outside.requests == []


@pytest.mark.parametrize("resource", ["security/alerts", "/security/alerts/", "security/alerts?$filter="])
async def test_all_alerts_are_too_wide_a_resource(surface: Surface, resource: str) -> None:
    answered = await surface.client.post(SUBSCRIPTIONS, json=subscription(resource=resource))
    assert "Status Code: Forbidden" in assert_error(answered, 403, "ExtensionError")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("/security/alerts?$filter=status eq 'newAlert'", "security/alerts?$filter=status eq 'newAlert'"),
        ("security/alerts/?$filter=severity eq 'high'", "security/alerts?$filter=severity eq 'high'"),
        ("https://graph.microsoft.com/v1.0/Security/Alerts?$filter=x eq 1", "security/alerts?$filter=x eq 1"),
        ("security/alerts?$filter=status%20eq%20'newAlert'", "security/alerts?$filter=status%20eq%20'newAlert'"),
        ("beta/security/alerts/Ab-1", "security/alerts/Ab-1"),
    ],
)
async def test_resources_are_read_however_they_are_addressed(surface: Surface, given: str, stored: str) -> None:
    assert (await created(surface, resource=given))["resource"] == stored


async def test_the_longest_life_and_the_longest_client_state_are_taken(surface: Surface) -> None:
    body = await created(surface, expirationDateTime="2026-12-23T12:00:00Z", clientState="x" * 128)
    assert body["expirationDateTime"] == "2026-12-23T12:00:00Z"


async def test_plain_http_is_taken_on_loopback_where_the_way_out_allows_it(surface: Surface) -> None:
    await created(surface, notificationUrl="http://127.0.0.1:9000/hook")
    assert surface.outside.requests[0].url.startswith("http://127.0.0.1:9000/hook?validationToken=")


async def test_change_types_are_read_in_any_case_and_written_once(surface: Surface) -> None:
    assert (await created(surface, changeType="Created, updated,updated"))["changeType"] == "created,updated"


async def test_a_caller_sees_only_its_own_and_never_the_client_state_again(surface: Surface) -> None:
    mine = await created(surface)
    delegated = await surface.calling("analyst").post(SUBSCRIPTIONS, json=subscription())
    assert delegated.json()["creatorId"] == "user-1"
    foreign = await surface.calling("other").post(SUBSCRIPTIONS, json=subscription())
    listed = (await surface.client.get(SUBSCRIPTIONS)).json()["value"]
    assert sorted(each["id"] for each in listed) == sorted([mine["id"], delegated.json()["id"]])
    assert {each["clientState"] for each in listed} == {None}
    of_user = (await surface.calling("analyst").get(SUBSCRIPTIONS)).json()["value"]
    assert [each["id"] for each in of_user] == [delegated.json()["id"]]
    one = (await surface.client.get(f"{SUBSCRIPTIONS}/{mine['id']}")).json()
    assert one["clientState"] is None
    assert one["resource"] == mine["resource"]
    for method in ("get", "patch", "delete"):
        path = f"{SUBSCRIPTIONS}/{foreign.json()['id']}"
        json = {"json": {"expirationDateTime": "2026-12-02"}} if method == "patch" else {}
        assert_error(await surface.client.request(method, path, **json), 404, "ResourceNotFound")  # type: ignore[arg-type]


async def test_a_subscription_is_renewed_and_lives_until_then(surface: Surface) -> None:
    found = (await created(surface, expirationDateTime="2026-11-23T12:01:00Z"))["id"]
    renewed = await surface.client.patch(
        f"{SUBSCRIPTIONS}/{found}", json={"expirationDateTime": "2026-11-23T12:02:00Z"}
    )
    assert (renewed.status_code, renewed.json()["expirationDateTime"]) == (200, "2026-11-23T12:02:00Z")
    await surface.clock.advance(90)
    assert await surface.ids(SUBSCRIPTIONS) == [found]
    await surface.clock.advance(30)
    assert await surface.ids(SUBSCRIPTIONS) == []
    late = await surface.client.patch(f"{SUBSCRIPTIONS}/{found}", json={"expirationDateTime": "2026-12-01"})
    assert_error(late, 404, "ResourceNotFound")


async def test_what_a_subscription_was_made_with_may_be_sent_along_with_its_renewal(surface: Surface) -> None:
    given = {"resource": "/v1.0/security/alerts?$filter=severity eq 'high'", "changeType": "Updated, created"}
    found = await created(surface, **given)
    whole = {**given, "notificationUrl": found["notificationUrl"], "expirationDateTime": "2026-12-01T00:00:00Z"}
    renewed = await surface.client.patch(f"{SUBSCRIPTIONS}/{found['id']}", json=whole)
    assert (renewed.status_code, renewed.json()["expirationDateTime"]) == (200, "2026-12-01T00:00:00Z")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"expirationDateTime": "2027-02-01"}, "InvalidRequest"),
        ({"expirationDateTime": "2026-01-01"}, "InvalidRequest"),
        ({"expirationDateTime": "2026-12-02", "resource": "security/alerts/x"}, "InvalidRequest"),
        ({"expirationDateTime": "2026-12-02", "lifecycleNotificationUrl": "https://x.contoso.com"}, "InvalidRequest"),
        ({}, "BadRequest"),
        ({"clientState": "other"}, "BadRequest"),
    ],
)
async def test_nothing_but_the_expiry_and_the_certificate_is_renewed(
    surface: Surface, change: dict[str, Any], code: str
) -> None:
    found = (await created(surface))["id"]
    assert_error(await surface.client.patch(f"{SUBSCRIPTIONS}/{found}", json=change), 400, code)


async def test_reauthorize_and_delete_answer_nothing(surface: Surface) -> None:
    found = (await created(surface))["id"]
    for path in (f"{found}/reauthorize", f"{found}/microsoft.graph.reauthorize"):
        confirmed = await surface.client.post(f"{SUBSCRIPTIONS}/{path}")
        assert (confirmed.status_code, confirmed.content) == (204, b"")
    assert (await surface.client.delete(f"{SUBSCRIPTIONS}/{found}")).status_code == 204
    assert_error(await surface.client.post(f"{SUBSCRIPTIONS}/{found}/reauthorize"), 404, "ResourceNotFound")
    assert_error(await surface.client.delete(f"{SUBSCRIPTIONS}/{found}"), 404, "ResourceNotFound")


async def test_long_lists_come_page_by_page(surface: Surface) -> None:
    made = []
    for _ in range(103):
        made.append((await created(surface))["id"])
        await surface.clock.advance(0.001)
    first = (await surface.client.get(SUBSCRIPTIONS)).json()
    second = (await surface.client.get(first["@odata.nextLink"])).json()
    assert [each["id"] for each in first["value"] + second["value"]] == made
    assert "@odata.nextLink" not in second
    assert_error(await surface.client.get(f"{SUBSCRIPTIONS}?$skiptoken=x"), 400, "BadRequest")


async def test_a_tenant_has_a_bound(surface: Surface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "count", lambda *_: 10_000)
    answered = await surface.client.post(SUBSCRIPTIONS, json=subscription())
    assert "10000" in assert_error(answered, 403, "ExtensionError")
