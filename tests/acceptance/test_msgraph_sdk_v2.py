"""msgraph-sdk from PyPI, unmodified: alerts_v2 with typed evidence, their comments, and incidents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.security.alert import Alert
from msgraph.generated.models.security.alert_classification import AlertClassification
from msgraph.generated.models.security.alert_comment import AlertComment
from msgraph.generated.models.security.alert_determination import AlertDetermination
from msgraph.generated.models.security.alert_severity import AlertSeverity
from msgraph.generated.models.security.alert_status import AlertStatus
from msgraph.generated.models.security.device_evidence import DeviceEvidence
from msgraph.generated.models.security.file_evidence import FileEvidence
from msgraph.generated.models.security.incident import Incident
from msgraph.generated.models.security.incident_status import IncidentStatus
from msgraph.generated.models.security.ip_evidence import IpEvidence
from msgraph.generated.models.security.service_source import ServiceSource
from msgraph.generated.models.security.user_evidence import UserEvidence
from msgraph.generated.security.alerts_v2.alerts_v2_request_builder import Alerts_v2RequestBuilder
from msgraph.generated.security.incidents.incidents_request_builder import IncidentsRequestBuilder
from msgraph_core.tasks.page_iterator import PageIterator

from acceptance import sdk
from acceptance.sdk import Sdk

PERMISSIONS = ("SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All", "SecurityEvents.ReadWrite.All")
SOURCE = "serviceSource eq 'microsoftDefenderForEndpoint'"
NAMESPACE = "#microsoft.graph.security"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    """A server with alerts of two incidents, and an application."""
    with sdk.running(tmp_path_factory.mktemp("v2")) as started:
        permitted = sdk.registered(started.server, "Newer", *PERMISSIONS)
        with permitted.http() as http:
            assert http.post("/ingest/alerts", json=[alert(number) for number in range(4)]).is_success
        yield permitted


@pytest.fixture
async def graph(app: Sdk) -> AsyncIterator[Any]:
    """A client of that application."""
    async with app.v1() as client:
        yield client


def alert(number: int) -> dict[str, Any]:
    common = {"createdDateTime": "2026-11-01T00:00:00Z", "verdict": "suspicious", "remediationStatus": "none"}
    return {
        "@odata.type": f"{NAMESPACE}.alert",
        "id": f"v2-{number}",
        "title": f"Newer {number}",
        "severity": "high" if number % 2 else "low",
        "status": "new",
        "category": "Malware",
        "serviceSource": "microsoftDefenderForEndpoint",
        "incidentId": str(100 + number // 2),
        "createdDateTime": f"2026-11-01T0{number}:00:00Z",
        "evidence": [
            {**common, "@odata.type": f"{NAMESPACE}.deviceEvidence", "deviceDnsName": f"pc{number}.contoso.com"},
            {
                **common,
                "@odata.type": f"{NAMESPACE}.userEvidence",
                "userAccount": {"accountName": f"user{number}", "userPrincipalName": f"user{number}@contoso.com"},
            },
            {
                **common,
                "@odata.type": f"{NAMESPACE}.fileEvidence",
                "fileDetails": {"fileName": "a.exe", "sha256": "aa"},
            },
            {**common, "@odata.type": f"{NAMESPACE}.ipEvidence", "ipAddress": f"203.0.113.{number}"},
        ],
    }


def alerts(**asked: Any) -> RequestConfiguration[Any]:
    parameters = Alerts_v2RequestBuilder.Alerts_v2RequestBuilderGetQueryParameters(**asked)
    return RequestConfiguration(query_parameters=parameters)


def incidents(**asked: Any) -> RequestConfiguration[Any]:
    parameters = IncidentsRequestBuilder.IncidentsRequestBuilderGetQueryParameters(**asked)
    return RequestConfiguration(query_parameters=parameters)


async def test_evidence_comes_in_the_class_of_its_type(graph: Any) -> None:
    found = await graph.security.alerts_v2.by_alert_id("v2-1").get()
    assert isinstance(found, Alert)
    assert (found.title, found.severity, found.status) == ("Newer 1", AlertSeverity.High, AlertStatus.New)
    assert found.service_source == ServiceSource.MicrosoftDefenderForEndpoint
    device, user, file, address = found.evidence
    assert [type(each) for each in found.evidence] == [DeviceEvidence, UserEvidence, FileEvidence, IpEvidence]
    assert device.device_dns_name == "pc1.contoso.com"
    assert user.user_account.user_principal_name == "user1@contoso.com"
    assert (file.file_details.file_name, file.file_details.sha256) == ("a.exe", "aa")
    assert address.ip_address == "203.0.113.1"


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("severity eq 'high'", ["v2-3", "v2-1"]),
        (
            "serviceSource eq 'microsoftDefenderForEndpoint' and createdDateTime ge 2026-11-01T02:00:00Z",
            ["v2-3", "v2-2"],
        ),
        ("evidence/any(e: e/microsoft.graph.security.deviceEvidence/deviceDnsName eq 'pc2.contoso.com')", ["v2-2"]),
        (
            "evidence/any(e: e/microsoft.graph.security.userEvidence/userAccount/userPrincipalName "
            "eq 'user0@contoso.com')",
            ["v2-0"],
        ),
    ],
)
async def test_filters_reach_into_evidence(graph: Any, clause: str, expected: list[str]) -> None:
    page = await graph.security.alerts_v2.get(request_configuration=alerts(filter=clause, count=True, top=10))
    assert [each.id for each in page.value] == expected
    assert page.odata_count == len(expected)


async def test_pages_are_followed_to_the_end(graph: Any) -> None:
    page = await graph.security.alerts_v2.get(request_configuration=alerts(top=3))
    seen: list[str] = []

    def take(each: Any) -> bool:
        seen.append(each.id)
        return True

    await PageIterator(page, graph.request_adapter).iterate(take)
    assert seen == ["v2-3", "v2-2", "v2-1", "v2-0"]


async def test_an_update_answers_the_alert_and_shows_in_the_legacy_shape(graph: Any) -> None:
    change = Alert(
        assigned_to="analyst@contoso.com",
        status=AlertStatus.InProgress,
        classification=AlertClassification.TruePositive,
        determination=AlertDetermination.Malware,
    )
    answered = await graph.security.alerts_v2.by_alert_id("v2-2").patch(change)
    assert (answered.status, answered.classification, answered.determination) == (
        AlertStatus.InProgress,
        AlertClassification.TruePositive,
        AlertDetermination.Malware,
    )
    legacy = await graph.security.alerts.by_alert_id("v2-2").get()
    assert (legacy.assigned_to, legacy.feedback.value, legacy.status.value) == (
        "analyst@contoso.com",
        "truePositive",
        "inProgress",
    )


async def test_a_comment_is_added_as_the_builder_sends_it(app: Sdk, graph: Any) -> None:
    one = graph.security.alerts_v2.by_alert_id("v2-3")
    await one.comments.post([AlertComment(comment="first"), AlertComment(comment="second")])
    (sent, received) = app.last[-1]
    assert sent.content.startswith(b"[")
    assert received.status_code == 200
    assert [each["comment"] for each in received.json()["value"]] == ["first", "second"]
    assert [each.comment for each in (await one.get()).comments] == ["first", "second"]
    assert await one.comments.count.get() == 2


async def test_incidents_come_with_their_alerts(graph: Any) -> None:
    asked = incidents(expand=["alerts"], orderby=["id"], filter="startswith(id, '10')")
    page = await graph.security.incidents.get(request_configuration=asked)
    assert [each.id for each in page.value] == ["100", "101"]
    assert all(isinstance(each, Incident) for each in page.value)
    assert sorted(each.id for each in page.value[0].alerts) == ["v2-0", "v2-1"]
    assert isinstance(page.value[0].alerts[0].evidence[0], DeviceEvidence)
    own = await graph.security.incidents.by_incident_id("101").alerts.get()
    assert sorted(each.id for each in own.value) == ["v2-2", "v2-3"]


async def test_an_incident_is_changed_and_answered(graph: Any) -> None:
    change = Incident(status=IncidentStatus.Resolved, custom_tags=["Demo"], assigned_to="analyst@contoso.com")
    answered = await graph.security.incidents.by_incident_id("100").patch(change)
    assert (answered.status, answered.custom_tags) == (IncidentStatus.Resolved, ["Demo"])
    found = await graph.security.incidents.by_incident_id("100").get()
    assert (found.assigned_to, found.status) == ("analyst@contoso.com", IncidentStatus.Resolved)


async def test_an_expansion_with_options_is_followed_to_its_next_page(graph: Any) -> None:
    asked = incidents(expand=["alerts($select=id,title;$orderby=id;$top=1;$count=true)"], filter="id eq '100'")
    first = (await graph.security.incidents.get(request_configuration=asked)).value[0]
    assert [(each.id, each.title, each.severity) for each in first.alerts] == [("v2-0", "Newer 0", None)]
    assert first.additional_data["alerts@odata.count"] == 2
    link = first.additional_data["alerts@odata.nextLink"]
    rest = await graph.security.incidents.by_incident_id("100").alerts.with_url(link).get()
    assert [each.id for each in rest.value] == ["v2-1"]
    own = graph.security.incidents.by_incident_id("100").alerts
    assert await own.count.get() == 2
    assert (await own.by_alert_id("v2-1").get()).title == "Newer 1"


async def test_what_is_not_there_is_told_as_ever(graph: Any) -> None:
    for asked in (graph.security.alerts_v2.by_alert_id("nope"), graph.security.incidents.by_incident_id("nope")):
        with pytest.raises(ODataError) as missing:
            await asked.get()
        assert (missing.value.response_status_code, missing.value.error.code) == (404, "ResourceNotFound")
