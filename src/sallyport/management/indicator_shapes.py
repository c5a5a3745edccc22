"""What indicators look like to clients of Microsoft Sentinel's management API, drawn from their STIX objects. Pure.

The rule: a resource is named by the id of its STIX object.
https://learn.microsoft.com/rest/api/securityinsights/threat-intelligence-indicator
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sallyport.security import stix, stix_pattern

TYPE = "Microsoft.SecurityInsights/threatIntelligence"
#: Members of a STIX object by what Sentinel calls them.
_RENAMED: Mapping[str, str] = MappingProxyType(
    {
        "confidence": "confidence",
        "created": "created",
        "createdByRef": "created_by_ref",
        "description": "description",
        "displayName": "name",
        "externalId": "id",
        "externalLastUpdatedTimeUtc": "modified",
        "granularMarkings": "granular_markings",
        "indicatorTypes": "indicator_types",
        "labels": "labels",
        "language": "lang",
        "modified": "modified",
        "objectMarkingRefs": "object_marking_refs",
        "pattern": "pattern",
        "patternVersion": "pattern_version",
        "threatIntelligenceTags": "labels",
        "threatTypes": "indicator_types",
        "validFrom": "valid_from",
        "validUntil": "valid_until",
    }
)


def indicator(resources: str, given: Mapping[str, Any], source: str, added_at: str, place: int) -> dict[str, Any]:
    """Answer an indicator as `threatIntelligence/main/indicators` shows it; `resources` is the provider's path."""
    properties = {name: given[member] for name, member in _RENAMED.items() if given.get(member) is not None}
    properties |= {
        "revoked": given.get("revoked") is True,
        "defanged": given.get("defanged") is True,
        "source": source,
        "lastUpdatedTimeUtc": added_at,
        "patternType": stix.pattern_type(given),
        "parsedPattern": _parsed(str(given.get("pattern") or "")),
        "killChainPhases": [
            {"killChainName": each.get("kill_chain_name"), "phaseName": each.get("phase_name")}
            for each in _objects(given.get("kill_chain_phases"))
        ],
        "externalReferences": [_reference(each) for each in _objects(given.get("external_references"))],
    }
    return {**_resource(resources, given), "etag": f'"{place:x}"', "kind": "indicator", "properties": properties}


def stix_object(resources: str, given: Mapping[str, Any], source: str, added_at: str, place: int) -> dict[str, Any]:
    """Answer an object of any type as `threatIntelligence/main/query` shows it."""
    properties = {
        "data": given,
        "source": source,
        "createdBy": given.get("created_by_ref"),
        "lastUpdatedDateTimeUtc": added_at,
    }
    return {**_resource(resources, given), "etag": f'"{place:x}"', "kind": given.get("type"), "properties": properties}


def metrics(numbers: Mapping[str, Mapping[str, int]], now: str) -> dict[str, Any]:
    """Answer how many indicators there are, by source, pattern type and threat type."""

    def told(name: str) -> list[dict[str, Any]]:
        return [{"metricName": each, "metricValue": number} for each, number in sorted(numbers[name].items())]

    properties = {
        "lastUpdatedTimeUtc": now,
        "threatTypeMetrics": told("threat_type"),
        "patternTypeMetrics": told("pattern_type"),
        "sourceMetrics": told("source"),
    }
    return {"value": [{"properties": properties}]}


def _resource(resources: str, given: Mapping[str, Any]) -> dict[str, Any]:
    name = given["id"]
    return {"id": f"{resources}/threatIntelligence/{name}", "name": name, "type": TYPE}


def _parsed(pattern: str) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, str]]] = {}
    for path, value in stix_pattern.compared(pattern):
        kind, _, member = path.partition(":")
        found.setdefault(kind, []).append({"valueType": member, "value": value})
    return [{"patternTypeKey": kind, "patternTypeValues": values} for kind, values in found.items()]


def _reference(given: Mapping[str, Any]) -> dict[str, Any]:
    named = {"description": "description", "externalId": "external_id", "sourceName": "source_name", "url": "url"}
    return {name: given.get(member) for name, member in named.items()} | {"hashes": given.get("hashes") or {}}


def _objects(given: Any) -> list[Mapping[str, Any]]:
    return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
