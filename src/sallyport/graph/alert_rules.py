"""What may happen to an alert: how one arrives, what an analyst's change does to it, what a second arrival does. Pure.

The rule: an analyst changes six properties, and each change is kept in the history; whoever brings the alert again
changes everything else and never those six.
Deviation: Azure documents no way for customers to create alerts; here `POST /security/alerts` and `/ingest/alerts` do.
Deviation: `comments` and `tags` of an update replace what was there (undocumented in Azure); any text is a comment.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sallyport import errors
from sallyport.graph import reading
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.principal import Principal
from sallyport.security import alert_shapes, matching
from sallyport.store import alert_table, arrivals, incidents

Document = dict[str, Any]
#: Answers what a change sets in an alert's document at a time, as the service writes it.
Change = Callable[[Document, str], Mapping[str, Any]]

#: What a PATCH may change.
UPDATABLE = ("assignedTo", "closedDateTime", "comments", "feedback", "status", "tags")
#: What stays as it is when an alert is brought again.
_KEPT = frozenset(
    # When it was changed here is for this service to say: whoever asks for what has changed since then misses nothing.
    {*UPDATABLE, "id", "historyStates", "lastModifiedDateTime", matching.MATCHED, alert_shapes.PRIVATE}
)
#: What a history entry says about a change.
_IN_HISTORY = ("assignedTo", "comments", "feedback", "status")
_LONGEST_ID = 256
#: What is in the vendor's information or not, its name, its path, and how long it may be.
_BOUNDS = (
    (False, "id", ("id",), _LONGEST_ID),
    (False, "category", ("category",), alert_table.LONGEST),
    (False, "assignedTo", ("assignedTo",), alert_table.LONGEST),
    (True, "provider", ("vendorInformation", "provider"), alert_table.LONGEST),
    (True, "vendor", ("vendorInformation", "vendor"), alert_table.LONGEST),
)


class VendorRequired(errors.BadRequest):
    """Raised when a change does not say which vendor and provider the alert came from."""

    def __init__(self) -> None:
        super().__init__("vendorInformation/provider and vendorInformation/vendor are required to update an alert")


def new_id() -> str:
    """Draw the id of an alert that came without one."""
    return str(uuid.uuid4())


def arriving(given: Any, draw_id: Callable[[], str], tenant_id: str, now: str) -> arrivals.Arrival:
    """Answer an alert that somebody brought, read and completed.

    Raises BadRequest when it cannot be read, or lacks what makes it usable: a title, a vendor and a provider. Without
    the last two, nobody could update it. `now` is a time as the service writes it.
    """
    read = _read(given)
    vendor = read.get("vendorInformation") or {}
    for name, value in (
        ("title", read.get("title")),
        ("vendorInformation/provider", vendor.get("provider")),
        ("vendorInformation/vendor", vendor.get("vendor")),
    ):
        if not value:
            raise reading.MissingProperty(name, "alert creation")
    read["id"] = read.get("id") or draw_id()
    # Which indicators hit an alert is for this service to say.
    read.pop(matching.MATCHED, None)
    check_lengths(read)
    created = read.get("createdDateTime", now)
    defaults = {
        "azureTenantId": tenant_id,
        "createdDateTime": created,
        "eventDateTime": created,
        "lastModifiedDateTime": now,
        "severity": "unknown",
        "status": "newAlert",
    }
    completed = [name for name in defaults if name not in read]
    for name in completed:
        read[name] = defaults[name]
    return arrivals.ready(read, completed)


def _read(given: Any) -> Document:
    """Answer what somebody brought as the legacy document that is kept, whichever shape it came in."""
    if alert_shapes.is_v2(given):
        return alert_shapes.legacy_of(reading.compact(reading.resource(given, ALERT_V2), ALERT_V2))
    read = reading.compact(reading.resource(given, ALERT), ALERT)
    read.pop(alert_shapes.PRIVATE, None)
    return read


def changes(given: Any) -> Document:
    """Answer what a PATCH body changes: only the six properties, whatever else it holds.

    An empty string for an enumeration or a time means that nothing was given.
    """
    if not isinstance(given, dict):
        raise reading.InvalidProperty((), "An object is expected")
    said = {name: value for name, value in given.items() if value != "" or name.lower() == "assignedto"}
    changed = reading.changes(said, ALERT, (*UPDATABLE, "vendorInformation"))
    vendor = changed.pop("vendorInformation", None) or {}
    if not vendor.get("provider") or not vendor.get("vendor"):
        raise VendorRequired
    if changed.get("status", "") is None:
        del changed["status"]
    check_lengths(changed)
    return changed


def changed(document: Document, change: Mapping[str, Any], by: Principal, now: str) -> Document:
    """Answer an alert after an analyst's change, its history longer by one entry."""
    history = list(document.get("historyStates") or [])
    if not history and document.get("comments"):
        # The first change may replace comments that nobody's change has brought.
        history.append(_entry(document, None, None, document.get("createdDateTime")))
    after = {**document, **change, "lastModifiedDateTime": now}
    history.append(_entry(after, by.app_id, by.name if by.user_id else None, now))
    after["historyStates"] = history
    return reading.compact(after, ALERT)


def merged(stored: Document, given: Mapping[str, Any], now: str) -> Document:
    """Answer an alert that was brought again; the stored document itself when that changes nothing."""
    given = alert_shapes.staying(stored, given)
    news = {name: value for name, value in given.items() if name not in _KEPT and stored.get(name) != value}
    private = alert_shapes.merged(stored, given)
    if not news and private == stored.get(alert_shapes.PRIVATE):
        return stored
    after = {**alert_shapes.without_private(stored), **news, "lastModifiedDateTime": now}
    return after if private is None else {**after, alert_shapes.PRIVATE: private}


def _entry(document: Mapping[str, Any], app_id: str | None, user: str | None, at: str | None) -> Document:
    said = {name: document.get(name) for name in _IN_HISTORY}
    return {**said, "appId": app_id, "updatedDateTime": at, "user": user}


def check_lengths(document: Mapping[str, Any]) -> None:
    """Raise InvalidProperty for a value that is too long for the store to find it by."""
    vendor = document.get("vendorInformation") or {}
    for holder, name, path, longest in _BOUNDS:
        reading.check_length(path, (vendor if holder else document).get(name), longest)
    if any(len(incident_id) > incidents.LONGEST_ID for incident_id in document.get("incidentIds") or ()):
        raise reading.InvalidProperty(("incidentIds",), f"one is longer than {incidents.LONGEST_ID} characters")
