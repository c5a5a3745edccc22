"""Who is to hear of which change, and what a notification says. Pure.

The rule: a notification's id is made of its subscription and the change's number, so that whatever is sent twice is the
same twice.
Deviation: a deleted alert cannot be held against a filter any more: everybody who asks for deletions hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from sallyport.graph import subscription_rules
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.matches import matches
from sallyport.odata.query import Query
from sallyport.store.deliveries import Event, Parcel
from sallyport.store.subscriptions import Subscription

#: How a resource is named; the exact text is not published.
_ALERT_TYPE = "#Microsoft.Graph.alert"


@dataclass(frozen=True, slots=True)
class Watch:
    """A subscription, ready to be held against changes."""

    subscription: Subscription
    url: str
    endpoint: str
    changes: frozenset[str]
    #: The one alert that it watches, or the filter of those that it does.
    alert_id: str | None
    query: Query | None


def watch(subscription: Subscription) -> Watch:
    """Answer a subscription, read."""
    document = subscription.document
    target = subscription_rules.target(document["resource"])
    changes = frozenset(document["changeType"].split(","))
    url = document["notificationUrl"]
    return Watch(subscription, url, endpoint_of(url), changes, target.alert_id, target.query)


def endpoint_of(url: str) -> str:
    """Answer scheme, host and port of an address."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}".lower()


def parcels(watches: Sequence[Watch], events: Sequence[Event], alerts: Mapping[str, Mapping[str, Any]]) -> list[Parcel]:
    """Answer what is to be delivered to whom of some changes, given the alerts that are still there, by id."""
    selected: dict[str, list[bool]] = {}
    wanted: dict[tuple[str, str], dict[str, list[int]]] = {}
    for each in watches:
        places = [at for at, event in enumerate(events) if _hears(each, event)]
        if each.query is not None and places:
            # One filter is asked once of each alert, however many subscriptions share it.
            text = each.query.filter.text if each.query.filter is not None else ""
            truths = selected.setdefault(text, [_selects(each.query, event, alerts) for event in events])
            places = [at for at in places if truths[at]]
        if places:
            wanted.setdefault((each.endpoint, each.url), {})[each.subscription.id] = places
    return [Parcel(endpoint, url, found) for (endpoint, url), found in wanted.items()]


def notification(watch: Watch, event: Event) -> dict[str, Any]:
    """Answer what a subscriber is told of one change."""
    subscription = watch.subscription
    resource = f"security/alerts/{quote(event.resource_id, safe='')}"
    data = {"@odata.type": _ALERT_TYPE, "@odata.id": resource, "id": event.resource_id}
    if event.etag is not None:
        data["@odata.etag"] = event.etag
    return {
        "id": f"{subscription.id}_{event.sequence}",
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": instants.wire(subscription.expires_at),
        "clientState": subscription.document.get("clientState"),
        "changeType": _shown_change(watch, event),
        "tenantId": subscription.tenant_id,
        "resource": resource,
        "resourceData": data,
    }


def lifecycle(subscription: Subscription, event: str) -> dict[str, Any]:
    """Answer what a subscriber is told of its subscription itself."""
    return {
        "value": [
            {
                "subscriptionId": subscription.id,
                "subscriptionExpirationDateTime": instants.wire(subscription.expires_at),
                "tenantId": subscription.tenant_id,
                "clientState": subscription.document.get("clientState"),
                "lifecycleEvent": event,
            }
        ]
    }


def lifecycle_parcels(subscriptions: Iterable[Subscription], event: str) -> list[Parcel]:
    """Answer the lifecycle notifications of those subscriptions that gave an address for them."""
    found = []
    for each in subscriptions:
        url = each.document.get("lifecycleNotificationUrl")
        if url:
            found.append(Parcel(endpoint_of(url), url, body=lifecycle(each, event)))
    return found


def body(notifications: Sequence[Mapping[str, Any]], tokens: Sequence[str] = ()) -> bytes:
    """Answer the body of a POST; `tokens` prove to receivers of contents that we sent them."""
    told: dict[str, Any] = {"value": notifications}
    if tokens:
        told["validationTokens"] = tokens
    return orjson.dumps(told)


def whole(stored: Mapping[str, Any]) -> bytes:
    """Answer the body of a POST that was stored as it is."""
    return orjson.dumps(stored)


def _hears(watch: Watch, event: Event) -> bool:
    if watch.alert_id is not None and watch.alert_id != event.resource_id:
        return False
    if event.change_type == "created":
        return not watch.changes.isdisjoint(("created", "updated"))
    return event.change_type in watch.changes


def _selects(query: Query, event: Event, alerts: Mapping[str, Mapping[str, Any]]) -> bool:
    alert = alerts.get(event.resource_id)
    return event.change_type == "deleted" if alert is None else matches(query.filter, alert, ALERT)


def _shown_change(watch: Watch, event: Event) -> str:
    # A new alert is an update to whoever asks for updates alone.
    return "updated" if event.change_type == "created" and "created" not in watch.changes else event.change_type
