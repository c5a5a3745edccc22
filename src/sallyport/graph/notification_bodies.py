"""What one POST says: several notifications, with contents for those who subscribed to them.

The rule: who subscribed is asked at the moment of sending; who has expired or is gone hears nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sallyport.graph import notification_rules, rich_content
from sallyport.store.deliveries import Delivery, Event
from sallyport.store.subscriptions import Subscription

#: About how many bytes one POST holds at the most.
_MOST_BYTES = 1024 * 1024
#: About how many bytes a notification takes without contents.
_BARE_BYTES = 600

#: Answers a token that proves to an application that the house sent a notification.
ValidationToken = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Load:
    """What is brought to one address, and what it refers to."""

    rows: Sequence[Delivery]
    #: By notice.
    events: Mapping[int, Sequence[Event]]
    subscriptions: Mapping[str, Subscription]


def groups(rows: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Answer deliveries in groups that one POST holds, in order."""
    group: list[Delivery] = []
    size = 0
    for row in rows:
        if group and (size + row.count > notification_rules.MOST or row.body is not None or group[0].body is not None):
            yield group
            group, size = [], 0
        group.append(row)
        size += row.count
    if group:
        yield group


def with_contents(load: Load, group: Sequence[Delivery]) -> set[str]:
    """Answer the ids of the alerts whose contents a group is to hold."""
    return {event.resource_id for subscription, event in _told(load, group) if _is_rich(subscription)}


def bodies(
    load: Load,
    group: Sequence[Delivery],
    contents: Mapping[str, dict[str, Any]],
    validation_token: ValidationToken,
) -> list[bytes]:
    """Answer what a group says: mostly one body, more when contents are large, none when nobody is left to hear it."""
    if group[0].body is not None:
        return [orjson.dumps(group[0].body)]
    found: list[bytes] = []
    waiting: list[dict[str, Any]] = []
    apps: set[str] = set()
    size = 0
    for subscription, event in _told(load, group):
        note = notification_rules.notification(subscription, event)
        content = contents.get(event.resource_id) if _is_rich(subscription) else None
        if content is not None:
            note["encryptedContent"] = _encrypted(subscription, content)
            size += len(note["encryptedContent"]["data"])
            apps.add(subscription.app_id)
        size += _BARE_BYTES
        waiting.append(note)
        if size >= _MOST_BYTES:
            found.append(_body(waiting, apps, validation_token))
            waiting, apps, size = [], set(), 0
    if waiting:
        found.append(_body(waiting, apps, validation_token))
    return found


def _told(load: Load, group: Sequence[Delivery]) -> Iterator[tuple[Subscription, Event]]:
    for row in group:
        events = load.events.get(row.notice_id or 0, ())
        for subscription_id, places in row.wanted.items():
            subscription = load.subscriptions.get(subscription_id)
            if subscription is not None:
                yield from ((subscription, events[at]) for at in places)


def _body(notes: Sequence[Mapping[str, Any]], apps: set[str], validation_token: ValidationToken) -> bytes:
    told: dict[str, Any] = {"value": notes}
    if apps:
        # Receivers of contents check that it was us who sent them.
        told["validationTokens"] = [validation_token(each) for each in sorted(apps)]
    return orjson.dumps(told)


def _is_rich(subscription: Subscription) -> bool:
    return bool(subscription.document.get("includeResourceData"))


def _encrypted(subscription: Subscription, content: dict[str, Any]) -> dict[str, Any]:
    document = subscription.document
    return rich_content.encrypted(content, document["encryptionCertificate"], document["encryptionCertificateId"])
