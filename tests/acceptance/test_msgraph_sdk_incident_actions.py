"""msgraph-sdk from PyPI, unmodified: alerts are moved, and incidents merged."""

from __future__ import annotations

import pytest
from msgraph.generated.models.security.correlation_reason import CorrelationReason
from msgraph.generated.models.security.incident_status import IncidentStatus
from msgraph.generated.security.alerts_v2.microsoft_graph_security_move_alerts.move_alerts_post_request_body import (
    MoveAlertsPostRequestBody,
)
from msgraph.generated.security.incidents.microsoft_graph_security_merge_incidents import (
    merge_incidents_post_request_body as merging_body,
)

from acceptance import sdk

PERMISSIONS = ("SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All", "SecurityEvents.ReadWrite.All")


async def test_alerts_are_moved_and_incidents_merged(tmp_path_factory: pytest.TempPathFactory) -> None:
    with sdk.running(tmp_path_factory.mktemp("together")) as started:
        app = sdk.registered(started.server, "Together", *PERMISSIONS)
        with app.http() as http:
            brought = [
                {
                    "@odata.type": "#microsoft.graph.security.alert",
                    "id": f"moved-{each}",
                    "title": f"Moved {each}",
                    "severity": "high",
                    "status": "new",
                    "serviceSource": "microsoftDefenderForEndpoint",
                    "incidentId": f"from-{each}",
                    "createdDateTime": "2026-11-01T09:00:00Z",
                    "evidence": [],
                }
                for each in range(3)
            ]
            assert http.post("/ingest/alerts", json=brought).is_success
        async with app.v1() as graph:
            body = MoveAlertsPostRequestBody(alert_ids=["moved-0"], incident_id="from-1", alert_comment="there")
            moved = await graph.security.alerts_v2.microsoft_graph_security_move_alerts.post(body)
            assert moved.target_incident_id == "from-1"
            merging = merging_body.MergeIncidentsPostRequestBody(
                incident_ids=["from-2", "from-1"], incident_comment="one", merge_reasons=CorrelationReason.SameActor
            )
            merged = await graph.security.incidents.microsoft_graph_security_merge_incidents.post(merging)
            assert merged.target_incident_id == "from-2"
            gone = await graph.security.incidents.by_incident_id("from-1").get()
            assert (gone.status, gone.redirect_incident_id) == (IncidentStatus.Redirected, "from-2")
            kept = await graph.security.incidents.by_incident_id("from-2").alerts.get()
            assert sorted(each.id for each in kept.value) == ["moved-0", "moved-1", "moved-2"]
