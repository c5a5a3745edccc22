"""One alert in two shapes: the legacy alert, which is kept, and the alert of alerts_v2, which is derived from it.

The rule: what both shapes know is read from the legacy properties alone; what only alerts_v2 knows stands in one member
of the kept document, `PRIVATE`, that no legacy answer shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sallyport.security import evidence_to_legacy, evidence_to_v2, sources

Document = dict[str, Any]

#: The member of a kept alert that holds what only alerts_v2 knows.
PRIVATE = "@sallyport.v2"
#: Said in it of an alert that was brought in the shape of alerts_v2: nothing of it is guessed from its legacy shape.
_BROUGHT = "@brought"
#: Said in it of an alert that was moved: the incidents that it belonged to before.
_LEFT = "@left"
#: What is said for this module alone.
_MARKS = frozenset({_BROUGHT, _LEFT})
#: Properties of the same meaning: alerts_v2 to legacy.
_RENAMED = (
    ("id", "id"),
    ("tenantId", "azureTenantId"),
    ("title", "title"),
    ("description", "description"),
    ("category", "category"),
    ("severity", "severity"),
    ("assignedTo", "assignedTo"),
    ("createdDateTime", "createdDateTime"),
    ("lastUpdateDateTime", "lastModifiedDateTime"),
    ("resolvedDateTime", "closedDateTime"),
)
#: Properties of alerts_v2 that are read from the legacy alert whoever brought it.
_SHARED = frozenset({*(v2 for v2, _ in _RENAMED), "status", "classification", "comments", "incidentId"})
#: Where evidence comes from in a legacy alert: who brings these anew makes evidence of before outdated.
STATES = ("userStates", "hostStates", "fileStates", "networkConnections", "malwareStates", "processes")
_LEGACY_STATES = frozenset({*STATES, "registryKeyStates"})
#: Texts that say where an alert came from, when no product of Microsoft's brought it.
_ORIGIN = ("vendor", "subProvider")


def is_v2(given: Any) -> bool:
    """Answer whether somebody brings an alert in the shape of alerts_v2."""
    if not isinstance(given, dict) or "vendorInformation" in given:
        return False
    # Microsoft's own examples of requests leave the sign before the type out.
    kind = str(given.get("@odata.type") or "").lower().removeprefix("#")
    return kind == "microsoft.graph.security.alert" or "serviceSource" in given or "evidence" in given


def legacy_of(alert: Mapping[str, Any]) -> Document:
    """Answer the kept document of an alert that was brought in the shape of alerts_v2."""
    own = {name: value for name, value in alert.items() if name not in _SHARED and name not in _MARKS}
    if alert.get("comments"):
        own["comments"] = alert["comments"]
    kept: Document = {legacy: alert[v2] for v2, legacy in _RENAMED if alert.get(v2) is not None}
    kept.update(_once(alert))
    kept.update(evidence_to_legacy.states_of(alert.get("evidence") or ()))
    kept[PRIVATE] = {_BROUGHT: True, "evidence": [], **own}
    return kept


def v2_of(alert: Mapping[str, Any]) -> Document:
    """Answer a kept alert in the shape of alerts_v2, without what it does not say."""
    private: Mapping[str, Any] = alert.get(PRIVATE) or {}
    shape: Document = {} if _BROUGHT in private else _derived(alert)
    if "evidence" not in private:
        shape["evidence"] = evidence_to_v2.evidence_of(alert)
    for name, value in private.items():
        if name not in _SHARED and name not in _MARKS:
            shape[name] = value
    for v2, legacy in _RENAMED:
        value = alert.get(legacy)
        if value is not None:
            shape[v2] = value
    status = alert.get("status") or "unknown"
    shape["status"] = sources.STATUS_TO_V2.get(status, "unknownFutureValue")
    feedback = alert.get("feedback")
    if feedback is not None:
        shape["classification"] = sources.CLASSIFICATION_OF.get(feedback, "unknown")
    elif status == "dismissed":
        shape["classification"] = "falsePositive"
    if alert.get("incidentIds"):
        shape["incidentId"] = alert["incidentIds"][0]
    if alert.get("comments"):
        shape["comments"] = _comments(alert, private.get("comments") or ())
    return shape


def without_private(alert: Mapping[str, Any]) -> Document:
    """Answer a kept alert as a legacy answer may show it."""
    return {name: value for name, value in alert.items() if name != PRIVATE}


def changed(alert: Mapping[str, Any], change: Mapping[str, Any], now: str) -> Document:
    """Answer what a change in the shape of alerts_v2 sets in the kept document.

    There nobody says when an alert was resolved: it is when somebody says so, until it is opened again.
    """
    told: Document = {}
    if "assignedTo" in change:
        told["assignedTo"] = change["assignedTo"]
    status = change.get("status")
    if status is not None and sources.STATUS_TO_V2.get(alert.get("status") or "") != status:
        # A dismissed alert is resolved already: saying so again leaves it dismissed.
        told["status"] = sources.STATUS_TO_LEGACY.get(status, "unknown")
        told["closedDateTime"] = now if status == "resolved" else None
    if change.get("classification") is not None:
        told["feedback"] = sources.FEEDBACK_OF.get(change["classification"], "unknown")
    if "determination" in change:
        told[PRIVATE] = {**(alert.get(PRIVATE) or {}), "determination": change["determination"]}
    return told


def commented(alert: Mapping[str, Any], texts: Sequence[str], author: str, now: str) -> Document:
    """Answer what comments on an alert set in the kept document."""
    private = alert.get(PRIVATE) or {}
    more = [{"comment": text, "createdByDisplayName": author, "createdDateTime": now} for text in texts]
    known = _comments(alert, private.get("comments") or ())
    return {"comments": [*(alert.get("comments") or ()), *texts], PRIVATE: {**private, "comments": [*known, *more]}}


def moved(alert: Mapping[str, Any], incident_id: str, web_url: str | None) -> Document:
    """Answer what moving an alert into another incident sets in the kept document."""
    private = {**(alert.get(PRIVATE) or {}), "incidentWebUrl": web_url}
    before = alert.get("incidentIds") or []
    left = [each for each in (*private.get(_LEFT, ()), *before[:1]) if each != incident_id]
    others = [each for each in before[1:] if each != incident_id]
    return {"incidentIds": [incident_id, *others], PRIVATE: {**private, _LEFT: list(dict.fromkeys(left))}}


def staying(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Answer an alert that was brought again without the incident that it was moved away from."""
    left = (stored.get(PRIVATE) or {}).get(_LEFT, ())
    if not left or (given.get("incidentIds") or [None])[0] not in left:
        return given
    kept = {name: value for name, value in given.items() if name != "incidentIds"}
    if PRIVATE in kept:
        # The address of the incident that it left leads to where it is no more.
        kept[PRIVATE] = {name: value for name, value in kept[PRIVATE].items() if name != "incidentWebUrl"}
    return kept


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> Document | None:
    """Answer the private member of an alert that was brought again; None when there is none any more.

    What analysts said stays. Whoever brings legacy states anew makes the evidence of before outdated.
    """
    before: Mapping[str, Any] = stored.get(PRIVATE) or {}
    brought = given.get(PRIVATE)
    if brought is not None:
        said = {name: before[name] for name in ("comments", "determination") if name in before}
        return {**before, **brought, **said}
    if any(name in given and given[name] != stored.get(name) for name in _LEGACY_STATES):
        before = {name: value for name, value in before.items() if name != "evidence"}
    return dict(before) or None


def _once(alert: Mapping[str, Any]) -> Document:
    """Answer what an alert of alerts_v2 says once, when it is brought."""
    found: Document = {
        "status": sources.STATUS_TO_LEGACY.get(alert.get("status") or "new", "unknown"),
        "vendorInformation": _vendor(alert),
    }
    lists = {
        "sourceMaterials": [alert.get("alertWebUrl"), alert.get("incidentWebUrl")],
        "incidentIds": [alert.get("incidentId")],
        "detectionIds": [alert.get("providerAlertId")],
        "recommendedActions": str(alert.get("recommendedActions") or "").splitlines(),
        "tags": alert.get("systemTags") or [],
        "comments": [each.get("comment") for each in alert.get("comments") or ()],
    }
    found.update({name: told for name, values in lists.items() if (told := [each for each in values if each])})
    for v2, legacy in (
        ("firstActivityDateTime", "eventDateTime"),
        ("lastActivityDateTime", "lastEventDateTime"),
        ("actorDisplayName", "activityGroupName"),
    ):
        if alert.get(v2) is not None:
            found[legacy] = alert[v2]
    classification = alert.get("classification")
    if classification is not None:
        found["feedback"] = sources.FEEDBACK_OF.get(classification, "unknown")
    return found


def _vendor(alert: Mapping[str, Any]) -> Document:
    stated = alert.get("additionalData")
    additional: Mapping[str, Any] = stated if isinstance(stated, dict) else {}
    origin = {name: additional[name] for name in _ORIGIN if isinstance(additional.get(name), str)}
    provider = sources.legacy_provider(alert.get("serviceSource"), alert.get("productName"))
    return {"provider": provider or "unknown", "vendor": "Microsoft", **origin}


def _derived(alert: Mapping[str, Any]) -> Document:
    """Answer what a legacy alert implies of the properties that only alerts_v2 has."""
    vendor: Mapping[str, Any] = alert.get("vendorInformation") or {}
    source, product = sources.product_of(vendor.get("provider"))
    shape: Document = {"serviceSource": source}
    if product is not None:
        shape["productName"] = product
    if source == sources.OTHER:
        origin = {name: vendor[name] for name in _ORIGIN if vendor.get(name) is not None}
        if origin:
            shape["additionalData"] = origin
    materials = alert.get("sourceMaterials") or ()
    for name, value in zip(("alertWebUrl", "incidentWebUrl"), materials, strict=False):
        shape[name] = value
    if alert.get("detectionIds"):
        shape["providerAlertId"] = alert["detectionIds"][0]
    if alert.get("recommendedActions"):
        shape["recommendedActions"] = "\n".join(alert["recommendedActions"])
    event = alert.get("eventDateTime")
    if event is not None:
        shape["firstActivityDateTime"] = event
        shape["lastActivityDateTime"] = alert.get("lastEventDateTime") or event
    if alert.get("activityGroupName") is not None:
        shape["actorDisplayName"] = alert["activityGroupName"]
    return shape


def _comments(alert: Mapping[str, Any], known: Any) -> list[Document]:
    """Answer an alert's comments with who wrote them and when, as far as anybody said so."""
    left = list(known)
    found = []
    for text in alert.get("comments") or ():
        told = next((each for each in left if each.get("comment") == text), None)
        if told is not None:
            left.remove(told)
        found.append(told or _from_history(alert, text))
    return found


def _from_history(alert: Mapping[str, Any], text: str) -> Document:
    for entry in alert.get("historyStates") or ():
        if text in (entry.get("comments") or ()) and entry.get("updatedDateTime"):
            author = entry.get("user") or entry.get("appId")
            return {"comment": text, "createdByDisplayName": author, "createdDateTime": entry["updatedDateTime"]}
    return {"comment": text, "createdByDisplayName": None, "createdDateTime": alert.get("createdDateTime")}
