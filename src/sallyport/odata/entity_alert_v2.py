"""The alert of `/security/alerts_v2` and the incident of `/security/incidents`, in one schema with the evidence types.

Evidence is told apart by `@odata.type`; a filter names a type as a path segment. The types are closed.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType

from sallyport.odata import enumerations_v2, evidence, model

NAMESPACE = "microsoft.graph.security"

_ALERT = {
    "alert": """
        id, actorDisplayName, additionalData: dictionary, alertPolicyId, alertWebUrl, assignedTo, categories:
        string[], category, classification: alertClassification, comments: alertComment[], createdDateTime:
        datetime, customDetails: dictionary, description, detectionSource: detectionSource, detectorId,
        determination: alertDetermination, evidence: alertEvidence[], firstActivityDateTime: datetime, incidentId,
        incidentWebUrl, investigationState: investigationState, lastActivityDateTime: datetime, lastUpdateDateTime:
        datetime, mitreTechniques: string[], productName, providerAlertId, recommendedActions, resolvedDateTime:
        datetime, serviceSource: serviceSource, severity: alertSeverity, status: alertStatus, systemTags: string[],
        tenantId, threatDisplayName, threatFamilyName, title
    """,
}

_INCIDENT = {
    "incident": """
        id, assignedTo, classification: alertClassification, comments: alertComment[], createdDateTime: datetime,
        customTags: string[], description, determination: alertDetermination, displayName, incidentWebUrl,
        lastModifiedBy, lastUpdateDateTime: datetime, priorityScore: int32, redirectIncidentId, resolvingComment,
        severity: alertSeverity, status: incidentStatus, summary, systemTags: string[], tenantId
    """,
}

#: Members of the documentation's property table that the schema spells otherwise.
_DETERMINATION_SYNONYMS = {
    "compromisedUser": "compromisedAccount",
    "clean": "notMalicious",
    "insufficientData": "notEnoughDataToValidate",
    "confirmedUserActivity": "confirmedActivity",
}

ENUMERATIONS = model.enumerations(enumerations_v2.TABLES)
ENUMERATIONS["alertDetermination"] = dataclasses.replace(
    ENUMERATIONS["alertDetermination"], synonyms=_DETERMINATION_SYNONYMS
)

STRUCTURES = MappingProxyType(
    model.structures(
        NAMESPACE,
        ENUMERATIONS,
        {**evidence.EVIDENCE, **evidence.DETAILS, **_ALERT, **_INCIDENT},
        navigation={"incident": {"alerts": "alert"}},
    )
)

ALERT_V2 = STRUCTURES["alert"]
