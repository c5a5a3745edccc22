"""Who is to hear of which change, and what a notification says. Pure.

The rule: a notification's id is made of its subscription and the change's number, so that whatever is sent twice is the
same twice.
Deviation: a deleted alert cannot be held against a filter any more: everybody who asks for deletions hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from sallyport.graph import subscription_rules
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.errors import TooManySteps
from sallyport.odata.matches import matches
from sallyport.odata.query import Query
from sallyport.store.deliveries import Parcel
from sallyport.store.notices import Event
from sallyport.store.subscriptions import Subscription

#: How many notifications one POST holds at first: few enough for receivers that take no more than 100 kB.
MOST = 100
#: And how many for an address that takes them while more are waiting than that.
MOST_BEHIND = 1_000
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
    target = _target(document["resource"])
    changes = frozenset(document["changeType"].split(","))
    url = document["notificationUrl"]
    return Watch(subscription, url, endpoint_of(url), changes, target.alert_id, target.query)


#: Most subscriptions are read again and again, and share their filters.
_target = lru_cache(maxsize=16_384)(subscription_rules.target)


def endpoint_of(url: str) -> str:
    """Answer scheme, host and port of an address."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{parts.hostname}:{port}".lower()


class Watches:
    """Everybody's subscriptions, ordered by what an event is to be held against."""

    def __init__(self, watches: Iterable[Watch]) -> None:
        self._of_alert: dict[str, list[Watch]] = {}
        self._filtered: dict[str, list[Watch]] = {}
        for each in watches:
            if each.alert_id is not None:
                self._of_alert.setdefault(each.alert_id, []).append(each)
            elif each.query is not None and each.query.filter is not None:
                # One filter is asked once of each alert, however many subscriptions share it.
                self._filtered.setdefault(each.query.filter.text, []).append(each)

    def parcels(self, events: Sequence[Event], alerts: Mapping[str, Mapping[str, Any]]) -> list[Parcel]:
        """Answer what is to be delivered to whom of some events, given the alerts that are still there, by id."""
        wanted: dict[tuple[str, str], dict[str, list[int]]] = {}
        for at, event in enumerate(events):
            for each in self._hearing(event, alerts.get(event.resource_id)):
                wanted.setdefault((each.endpoint, each.url), {}).setdefault(each.subscription.id, []).append(at)
        return [Parcel(*key, whole) for key, whole in wanted.items()]

    def _hearing(self, event: Event, alert: Mapping[str, Any] | None) -> Iterator[Watch]:
        for each in self._of_alert.get(event.resource_id, ()):
            if _hears(each, event):
                yield each
        for watches in self._filtered.values():
            hearing = [each for each in watches if _hears(each, event)]
            if hearing and _selects(hearing[0].query, event, alert):
                yield from hearing


def notification(subscription: Subscription, event: Event) -> dict[str, Any]:
    """Answer what a subscriber is told of one change."""
    resource, data = _resource(event.resource_id, event.etag)
    return {
        "id": f"{subscription.id}_{event.sequence}",
        "subscriptionId": subscription.id,
        "subscriptionExpirationDateTime": _wire(subscription.expires_at),
        "clientState": subscription.document.get("clientState"),
        "changeType": _shown_change(subscription, event),
        "tenantId": subscription.tenant_id,
        "resource": resource,
        "resourceData": data,
    }


@lru_cache(maxsize=4_096)
def _resource(resource_id: str, etag: str | None) -> tuple[str, orjson.Fragment]:
    """Answer an alert's address, and what is said of it: the same for everybody, so that it is written once."""
    resource = f"security/alerts/{quote(resource_id, safe='')}"
    data = {"@odata.type": _ALERT_TYPE, "@odata.id": resource, "id": resource_id}
    if etag is not None:
        data["@odata.etag"] = etag
    return resource, orjson.Fragment(orjson.dumps(data))


@lru_cache(maxsize=4_096)
def _wire(instant: str) -> str | None:
    return instants.wire(instant)


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


def lifecycle_parcels(subscriptions: Iterable[Subscription], event: str, due_at: str | None = None) -> list[Parcel]:
    """Answer the lifecycle notifications of those subscriptions that gave an address for them."""
    found = []
    for each in subscriptions:
        url = each.document.get("lifecycleNotificationUrl")
        if url:
            found.append(Parcel(endpoint_of(url), url, body=lifecycle(each, event), due_at=due_at))
    return found


def _hears(watch: Watch, event: Event) -> bool:
    if event.change_type == "created":
        return not watch.changes.isdisjoint(("created", "updated"))
    return event.change_type in watch.changes


def _selects(query: Query | None, event: Event, alert: Mapping[str, Any] | None) -> bool:
    if alert is None or query is None:
        return event.change_type == "deleted"
    try:
        return matches(query.filter, alert, ALERT)
    except TooManySteps:
        # Deviation: a filter whose lambdas stand inside one another selects an alert over which it would take too long;
        # rather one notification too many than none at all.
        return True


def _shown_change(subscription: Subscription, event: Event) -> str:
    # A new alert is an update to whoever asks for updates alone.
    asked = subscription.document["changeType"].split(",")
    return "updated" if event.change_type == "created" and "created" not in asked else event.change_type
