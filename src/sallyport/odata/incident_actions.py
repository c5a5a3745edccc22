"""What `mergeIncidents` and `moveAlerts` take and answer, and the reasons that may be given for them.

The rule: names are those of the v1.0 schema.
Deviation: the numbers of `correlationReason` are not published; here each is a bit of its own.
"""

from __future__ import annotations

from sallyport.odata import model
from sallyport.odata.entity_alert_v2 import NAMESPACE

REASONS = model.enumerations(
    {
        "correlationReason": """
            repeatedAlertOccurrence 1, sameGeography 2, similarArtifacts 4, sameTargetedAsset 8, sameNetworkSegment 16,
            eventSequence 32, timeFrame 64, sameThreatSource 128, similarTTPsOrBehavior 256, sameActor 512,
            sameCampaign 1024, sharedIndicators 2048, sameAsset 4096, networkProximity 8192, eventCasualSequence 16384,
            temporalProximity 32768, lateralMovementPath 65536, unknownFutureValue 131072
        """,
    }
)["correlationReason"]

_STRUCTURES = model.structures(
    NAMESPACE,
    {},
    {
        "mergeIncidents": "incidentIds: string[], incidentComment, mergeReasons: string[]",
        "moveAlerts": "alertIds: string[], incidentId, alertComment, newCorrelationReasons: string[]",
        "mergeResponse": "targetIncidentId",
    },
)
MERGE = _STRUCTURES["mergeIncidents"]
MOVE = _STRUCTURES["moveAlerts"]
RESPONSE = _STRUCTURES["mergeResponse"]
