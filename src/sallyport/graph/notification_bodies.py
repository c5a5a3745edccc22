"""What one POST says: several notifications, with contents for those who subscribed to them.

The rule: who subscribed is asked at the moment of sending; who has expired or is gone hears nothing any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from sallyport.graph import notification_rules, rich_content
from sallyport.store.notices import Event, Wanted
from sallyport.store.subscriptions import Subscription

#: About how many bytes one POST holds at the most.
_MOST_BYTES = 1024 * 1024
#: About how many bytes a notification takes without contents.
_BARE_BYTES = 600

#: Answers a token that proves to an application that the house sent a notification.
ValidationToken = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Telling:
    """One notification: to whom, of what."""

    subscription: Subscription
    event: Event
    #: Which notice or row it belongs to; whoever has taken the last of it has taken all of it.
    of: int

    @property
    def is_rich(self) -> bool:
        """Whether it is to hold the alert itself."""
        return bool(self.subscription.document.get("includeResourceData"))


@dataclass(frozen=True, slots=True)
class Post:
    """One body, and how many of the tellings it tells."""

    body: bytes
    count: int


def tellings(
    of: int, events: Sequence[Event], wanted: Wanted, subscriptions: Mapping[str, Subscription]
) -> Iterator[Telling]:
    """Answer what those who still subscribe are told of some events."""
    for subscription_id, places in wanted.items():
        subscription = subscriptions.get(subscription_id)
        if subscription is not None:
            yield from (Telling(subscription, events[at], of) for at in places)


def posts(
    told: Iterable[Telling], contents: Mapping[str, dict[str, Any]], validation_token: ValidationToken
) -> Iterator[Post]:
    """Answer what tells some notifications, in order: mostly one body, more when contents are large."""
    waiting: list[dict[str, Any]] = []
    apps: set[str] = set()
    size = 0
    for each in told:
        note = notification_rules.notification(each.subscription, each.event)
        content = contents.get(each.event.resource_id) if each.is_rich else None
        if content is not None:
            note["encryptedContent"] = _encrypted(each.subscription, content)
            size += len(note["encryptedContent"]["data"])
            apps.add(each.subscription.app_id)
        size += _BARE_BYTES
        waiting.append(note)
        if size >= _MOST_BYTES:
            yield Post(_body(waiting, apps, validation_token), len(waiting))
            waiting, apps, size = [], set(), 0
    if waiting:
        yield Post(_body(waiting, apps, validation_token), len(waiting))


def _body(notes: Sequence[Mapping[str, Any]], apps: set[str], validation_token: ValidationToken) -> bytes:
    told: dict[str, Any] = {"value": notes}
    if apps:
        # Receivers of contents check that it was us who sent them.
        told["validationTokens"] = [validation_token(each) for each in sorted(apps)]
    return orjson.dumps(told)


def _encrypted(subscription: Subscription, content: dict[str, Any]) -> dict[str, Any]:
    document = subscription.document
    return rich_content.encrypted(content, document["encryptionCertificate"], document["encryptionCertificateId"])
