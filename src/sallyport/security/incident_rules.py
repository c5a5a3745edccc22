"""What may happen to an incident: how one begins with an alert that names it, grows with others, and is changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sallyport.odata.entity_incident import INCIDENT

Document = dict[str, Any]

_SEVERITIES = INCIDENT.field("severity")
assert _SEVERITIES is not None
assert _SEVERITIES.enum is not None
_RANKS = _SEVERITIES.enum


def begun(incident_id: str, alert: Mapping[str, Any], now: str) -> Document:
    """Answer the incident that an alert, in the shape of alerts_v2, names and that nobody has described yet."""
    created = alert.get("createdDateTime") or now
    told = {
        "displayName": alert.get("title"),
        "incidentWebUrl": alert.get("incidentWebUrl"),
        "tenantId": alert.get("tenantId"),
        "severity": alert.get("severity") or "unknown",
    }
    fixed = {"id": incident_id, "status": "active", "createdDateTime": created, "lastUpdateDateTime": now}
    return {**fixed, **{name: value for name, value in told.items() if value is not None}}


def grown(incident: Mapping[str, Any], alert: Mapping[str, Any], now: str) -> Document:
    """Answer an incident after another alert was found to belong to it: as severe as its worst alert."""
    return {**incident, "severity": worst((incident, alert)), "lastUpdateDateTime": now}


def worst(told: Iterable[Mapping[str, Any]]) -> str:
    """Answer the highest severity among incidents and alerts in the shape of alerts_v2."""
    return max((str(each.get("severity") or "unknown") for each in told), key=lambda name: _RANKS.rank(name) or 0)


def redirect(incident: Mapping[str, Any]) -> str | None:
    """Answer the incident that another was merged into, or None when it was not."""
    leads = incident.get("redirectIncidentId")
    return str(leads) if leads and incident.get("status") == "redirected" else None


def redirected(target_id: str) -> Document:
    """Answer what a merge sets in an incident that another one takes in."""
    return {"status": "redirected", "redirectIncidentId": target_id}


def brought(given: Mapping[str, Any], new_id: str, tenant_id: str, now: str) -> Document:
    """Answer the document of an incident that somebody describes."""
    created = given.get("createdDateTime") or now
    defaults = {
        "id": new_id,
        "tenantId": tenant_id,
        "createdDateTime": created,
        "lastUpdateDateTime": now,
        "severity": "unknown",
        "status": "active",
    }
    return {**defaults, **given}


def commented(incident: Mapping[str, Any], texts: Sequence[str], author: str, now: str) -> Document:
    """Answer an incident with more comments."""
    more = [{"comment": text, "createdByDisplayName": author, "createdDateTime": now} for text in texts]
    return {"comments": [*(incident.get("comments") or ()), *more]}
