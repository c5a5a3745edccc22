"""msgraph-sdk from PyPI, unmodified, over https with azure-identity: what its users call, against a real process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.models.alert import Alert
from msgraph.generated.models.alert_feedback import AlertFeedback
from msgraph.generated.models.alert_severity import AlertSeverity
from msgraph.generated.models.alert_status import AlertStatus
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.security_vendor_information import SecurityVendorInformation
from msgraph.generated.models.subscription import Subscription
from msgraph.generated.security.alerts.alerts_request_builder import AlertsRequestBuilder
from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.tasks.page_iterator import PageIterator

import processes
from acceptance import sdk
from acceptance.receiver import Receiver, receiving
from acceptance.sdk import Sdk

ALERTS = 12


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """An endpoint that wants notifications."""
    with receiving() as started:
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    """A server with alerts, and an application."""
    around = {
        "SALLYPORT_EGRESS_ALLOW": "127.0.0.1",
        "SALLYPORT_THROTTLE": "like-graph",
        "SALLYPORT_THROTTLE_LIMITS_SECURITY": "90",
    }
    with sdk.running(tmp_path_factory.mktemp("sdk"), **around) as started:
        with started.http() as http:
            assert http.post("/ingest/alerts", json=[alert(number) for number in range(ALERTS)]).is_success
        yield started


@pytest.fixture
async def graph(app: Sdk) -> AsyncIterator[Any]:
    """A client of that application."""
    async with app.v1() as client:
        yield client


def alert(number: int) -> dict[str, Any]:
    return {
        "id": f"sdk-{number:02}",
        "title": f"Alert {number}",
        "severity": "high" if number % 3 == 0 else "low",
        "createdDateTime": f"2026-11-01T00:{number:02}:00Z",
        "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"},
        "fileStates": [{"name": "a.exe", "fileHash": {"hashType": "sha256", "hashValue": f"aa{number}"}}],
        "userStates": [{"userPrincipalName": f"user{number}@contoso.com", "accountName": f"user{number}"}],
        "tags": ["sdk"],
    }


def options(**asked: Any) -> RequestConfiguration[Any]:
    parameters = AlertsRequestBuilder.AlertsRequestBuilderGetQueryParameters(**asked)
    return RequestConfiguration(query_parameters=parameters)


async def test_alerts_come_as_typed_objects(graph: Any) -> None:
    found = await graph.security.alerts.by_alert_id("sdk-03").get()
    assert isinstance(found, Alert)
    assert (found.title, found.severity, found.status) == ("Alert 3", AlertSeverity.High, AlertStatus.NewAlert)
    assert found.created_date_time == datetime(2026, 11, 1, 0, 3, tzinfo=UTC)
    assert found.vendor_information.provider == "ASC"
    assert found.file_states[0].file_hash.hash_value == "aa3"
    assert found.user_states[0].user_principal_name == "user3@contoso.com"
    assert (found.tags, found.comments, found.assigned_to) == (["sdk"], [], None)


async def test_every_query_option_of_the_builder_works(app: Sdk, graph: Any) -> None:
    asked = options(
        filter="severity eq 'high' and vendorInformation/provider eq 'ASC'",
        top=2,
        count=True,
        select=["id", "title"],
        orderby=["createdDateTime desc"],
    )
    page = await graph.security.alerts.get(request_configuration=asked)
    assert [each.id for each in page.value] == ["sdk-09", "sdk-06"]
    assert [each.title for each in page.value] == ["Alert 9", "Alert 6"]
    assert [each.severity for each in page.value] == [None, None]
    assert page.odata_count == 4
    assert page.odata_next_link.startswith(f"{app.host}/v1.0/security/alerts?")
    (sent, _) = app.last[0]
    assert b"%2Fprovider" in sent.url.raw_path


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("userStates/any(u: u/userPrincipalName eq 'user4@contoso.com')", ["sdk-04"]),
        ("fileStates/any(f: f/fileHash/hashValue eq 'AA5')", []),
        ("fileStates/any(f: tolower(f/fileHash/hashValue) eq 'aa5')", ["sdk-05"]),
        ("createdDateTime ge 2026-11-01T00:10:00Z", ["sdk-10", "sdk-11"]),
        ("contains(title, 'Alert 1')", ["sdk-01", "sdk-10", "sdk-11"]),
    ],
)
async def test_filters_reach_the_server_as_they_were_meant(clause: str, expected: list[str], graph: Any) -> None:
    asked = options(filter=clause, orderby=["createdDateTime"])
    page = await graph.security.alerts.get(request_configuration=asked)
    assert [each.id for each in page.value] == expected


async def test_the_page_iterator_follows_next_links_to_the_end(app: Sdk, graph: Any) -> None:
    page = await graph.security.alerts.get(request_configuration=options(top=5, orderby=["createdDateTime"]))
    seen: list[str] = []

    def take(each: Any) -> bool:
        seen.append(each.id)
        return True

    await PageIterator(page, graph.request_adapter).iterate(take)
    assert seen == [f"sdk-{number:02}" for number in range(ALERTS)]
    assert [response.status_code for _, response in app.last] == [200, 200, 200]
    # The links are followed exactly as they were given.
    links = [response.json().get("@odata.nextLink") for _, response in app.last]
    assert [str(request.url) for request, _ in app.last[1:]] == links[:-1]


async def test_an_update_is_taken_and_kept(app: Sdk, graph: Any) -> None:
    change = Alert(
        assigned_to="analyst@contoso.com",
        status=AlertStatus.InProgress,
        feedback=AlertFeedback.TruePositive,
        comments=["seen"],
        tags=["sdk", "mine"],
        closed_date_time=datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC),
        vendor_information=SecurityVendorInformation(provider="ASC", vendor="Microsoft"),
    )
    assert await graph.security.alerts.by_alert_id("sdk-01").patch(change) is None
    assert app.last[-1][1].status_code == 204
    found = await graph.security.alerts.by_alert_id("sdk-01").get()
    assert (found.assigned_to, found.status, found.feedback) == (
        "analyst@contoso.com",
        AlertStatus.InProgress,
        AlertFeedback.TruePositive,
    )
    assert (found.comments, found.tags) == (["seen"], ["sdk", "mine"])
    assert found.closed_date_time == datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
    assert found.history_states[-1].app_id == app.client_id


async def test_an_update_that_prefers_the_alert_gets_it(graph: Any) -> None:
    change = Alert(comments=["again"], vendor_information=SecurityVendorInformation(provider="ASC", vendor="Microsoft"))
    asked: RequestConfiguration[Any] = RequestConfiguration()
    asked.headers.add("Prefer", "return=representation")
    answered = await graph.security.alerts.by_alert_id("sdk-02").patch(change, request_configuration=asked)
    assert (answered.id, answered.comments) == ("sdk-02", ["again"])


async def test_alerts_are_counted_by_the_builder(graph: Any) -> None:
    assert await graph.security.alerts.count.get() == ALERTS


async def test_a_refusal_becomes_an_error_that_says_everything(app: Sdk, graph: Any) -> None:
    with pytest.raises(ODataError) as missing:
        await graph.security.alerts.by_alert_id("nope").get()
    assert missing.value.response_status_code == 404
    assert missing.value.error.code == "ResourceNotFound"
    assert missing.value.error.message
    inner = missing.value.error.inner_error
    assert inner.request_id == app.last[-1][1].headers["request-id"]
    assert inner.client_request_id == app.last[-1][1].headers["client-request-id"]
    assert inner.date is not None
    with pytest.raises(ODataError) as unreadable:
        await graph.security.alerts.get(request_configuration=options(filter="severity eq 'high' and ("))
    assert (unreadable.value.response_status_code, unreadable.value.error.code) == (400, "BadRequest")
    with pytest.raises(ODataError) as incomplete:
        await graph.security.alerts.by_alert_id("sdk-01").patch(Alert(comments=["no vendor"]))
    assert incomplete.value.response_status_code == 400


async def test_an_application_without_the_permission_is_told_so(app: Sdk) -> None:
    reader = sdk.registered(app.server, "Reader", "SecurityEvents.Read.All")
    change = Alert(comments=["x"], vendor_information=SecurityVendorInformation(provider="ASC", vendor="Microsoft"))
    async with reader.v1() as graph:
        with pytest.raises(ODataError) as refused:
            await graph.security.alerts.by_alert_id("sdk-01").patch(change)
        assert refused.value.response_status_code == 403
        assert (await graph.security.alerts.by_alert_id("sdk-01").get()).id == "sdk-01"


async def test_a_subscription_lives_from_its_handshake_to_its_end(app: Sdk, receiver: Receiver, graph: Any) -> None:
    wanted = Subscription(
        change_type="updated",
        client_state="s3cret",
        notification_url=receiver.url,
        resource="security/alerts?$filter=severity eq 'high'",
        expiration_date_time=datetime.now(UTC) + timedelta(days=2),
    )
    before = len(receiver.handshakes)
    made = await graph.subscriptions.post(wanted)
    assert made.id
    assert (made.client_state, made.change_type) == ("s3cret", "updated")
    assert made.application_id == app.client_id
    assert len(receiver.handshakes) == before + 1
    one = graph.subscriptions.by_subscription_id(made.id)
    assert (await one.get()).client_state is None
    assert [each.id for each in (await graph.subscriptions.get()).value] == [made.id]
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    assert (await one.patch(Subscription(expiration_date_time=later))).expiration_date_time == later
    assert await one.reauthorize.post() is None
    assert await one.delete() is None
    with pytest.raises(ODataError) as gone:
        await one.get()
    assert gone.value.response_status_code == 404


async def test_a_subscriber_is_told_of_every_change_that_the_sdk_makes(
    app: Sdk, graph: Any, receiver: Receiver
) -> None:
    wanted = Subscription(
        change_type="updated",
        client_state="told",
        notification_url=receiver.url,
        resource="security/alerts?$filter=assignedTo eq 'told@contoso.com'",
        expiration_date_time=datetime.now(UTC) + timedelta(days=2),
    )
    made = await graph.subscriptions.post(wanted)
    vendor = SecurityVendorInformation(provider="ASC", vendor="Microsoft")

    def told(times: int) -> list[dict[str, Any]]:
        # The same one may arrive twice, under its id.
        own = {each["id"]: each for each in receiver.notifications if each["subscriptionId"] == made.id}
        return list(own.values()) if len(own) >= times else []

    for times, change in enumerate((Alert(assigned_to="told@contoso.com"), Alert(comments=["again"])), start=1):
        change.vendor_information = vendor
        await graph.security.alerts.by_alert_id("sdk-07").patch(change)
        notified = await asyncio.to_thread(processes.until, partial(told, times), "a notification")
        assert [each["resourceData"]["id"] for each in notified] == ["sdk-07"] * times, notified
    assert {(each["clientState"], each["changeType"], each["resource"]) for each in notified} == {
        ("told", "updated", "security/alerts/sdk-07")
    }
    await graph.subscriptions.by_subscription_id(made.id).delete()


async def test_an_endpoint_that_does_not_echo_gets_no_subscription(receiver: Receiver, graph: Any) -> None:
    wanted = Subscription(
        change_type="updated",
        notification_url=f"{receiver.url}/deaf",
        resource="security/alerts?$filter=severity eq 'high'",
        expiration_date_time=datetime.now(UTC) + timedelta(days=2),
    )
    with pytest.raises(ODataError) as refused:
        await graph.subscriptions.post(wanted)
    assert refused.value.error.code == "InvalidRequest"
    message = "Subscription validation request failed. Must respond with 200 OK to this request."
    assert refused.value.error.message == message


async def test_a_batch_holds_what_the_builders_make(app: Sdk, graph: Any) -> None:
    change = Alert(comments=["batch"], vendor_information=SecurityVendorInformation(provider="ASC", vendor="Microsoft"))
    content = BatchRequestContent()
    asked = [
        graph.security.alerts.by_alert_id("sdk-05").to_get_request_information(),
        graph.security.alerts.by_alert_id("sdk-05").to_patch_request_information(change),
        graph.security.alerts.by_alert_id("nope").to_get_request_information(),
    ]
    for each in asked:
        content.add_request_information(each)
    answered = await BatchRequestBuilder(graph.request_adapter).post(content)
    ids = list(content.requests)
    statuses = answered.get_response_status_codes()
    assert [statuses[each] for each in ids] == [200, 204, 404]
    # msgraph-core 1.5 loses every body, of whatever server: it asks kiota for bytes where an object stands.
    bodies = {each["id"]: each.get("body") for each in app.last[-1][1].json()["responses"]}
    assert bodies[ids[0]]["id"] == "sdk-05"
    assert bodies[ids[2]]["error"]["code"] == "ResourceNotFound"


async def test_who_asks_too_often_waits_as_told_and_asks_again(app: Sdk) -> None:
    eager = sdk.registered(app.server, "Eager")
    with eager.http() as http:
        statuses = [http.get("/v1.0/security/alerts?$top=1").status_code for _ in range(95)]
    assert statuses[-1] == httpx.codes.TOO_MANY_REQUESTS
    async with eager.v1() as graph:
        page = await graph.security.alerts.get(request_configuration=options(top=1))
    assert len(page.value) == 1
    sent = [(request.headers.get("Retry-Attempt"), response.status_code) for request, response in eager.last]
    assert sent == [(None, 429), ("1", 200)]
    assert int(eager.last[0][1].headers["Retry-After"]) >= 1
