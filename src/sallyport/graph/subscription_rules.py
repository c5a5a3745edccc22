"""What a subscription may ask for: which resources, which changes, how long, where to. Pure.

The rule: what is accepted here can be delivered later: its resource is a filter that can be read, or one alert.
Deviation: plain http is taken for an endpoint on loopback; everywhere else it must be https.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

from sallyport import errors
from sallyport.graph import reading, rich_content
from sallyport.graph.errors import InvalidRequest
from sallyport.odata import instants
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_subscription import SUBSCRIPTION
from sallyport.odata.query import Query, parse_query

Document = dict[str, Any]

#: https://learn.microsoft.com/graph/api/resources/subscription: the longest life of an alert subscription.
MAX_MINUTES = 43_200
_LONGEST_CLIENT_STATE = 128
_LONGEST_URL = 2_048
_CHANGES = ("created", "updated", "deleted")
_RESOURCE = re.compile(
    r"(?:https?://[^/?#]+)?/*(?:(?:v1\.0|beta)/+)?security/+alerts(?:/+([^/?]+))?/*(?:\?(.*))?\Z",
    re.IGNORECASE | re.DOTALL,
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
#: What a client may set when it creates one; everything else is ours.
_GIVEN = (
    "includeProperties",
    *("changeType", "clientState", "encryptionCertificate", "encryptionCertificateId", "expirationDateTime"),
    *("includeResourceData", "latestSupportedTlsVersion", "lifecycleNotificationUrl", "notificationQueryOptions"),
    *("notificationUrl", "notificationUrlAppId", "resource"),
)
_RENEWABLE = ("expirationDateTime", "encryptionCertificate", "encryptionCertificateId")


class TooWide(errors.Forbidden):
    """Raised when a subscription asks for every alert there is."""

    code = "ExtensionError"

    def __init__(self) -> None:
        super().__init__(
            "Operation: Create; Exception: [Status Code: Forbidden; Reason: a subscription to all alerts is too wide; "
            "add a $filter, or name one alert]"
        )


class TooManySubscriptions(errors.Forbidden):
    """Raised when a tenant has as many subscriptions as it may."""

    code = "ExtensionError"

    def __init__(self, most: int) -> None:
        super().__init__(f"The tenant has reached its limit of {most} subscriptions.")
        self.most = most


@dataclass(frozen=True, slots=True)
class Target:
    """What a subscription watches: one alert, or those that a query selects."""

    alert_id: str | None
    query: Query | None
    #: The resource as it is stored and answered: relative, without a version.
    text: str


def target(resource: str) -> Target:
    """Answer what a resource text names.

    Raises TooWide for all alerts, InvalidQuery for a filter that cannot be read, InvalidRequest for anything else.
    """
    found = _RESOURCE.match(resource.strip())
    if found is None:
        raise InvalidRequest(f"Unsupported resource '{resource[:200]}'. Subscribe to security/alerts.")
    alert_id, options = found.groups()
    if alert_id is not None:
        return Target(unquote(alert_id), None, f"security/alerts/{alert_id}")
    # A filter may hold `&` or `+` of its own: only what is encoded is decoded, and it is one option.
    query = parse_query([_option(options)] if options else [], ALERT)
    if query.filter is None:
        raise TooWide
    return Target(None, query, f"security/alerts?{options}")


def creation(given: Any, now: datetime) -> tuple[Document, Target]:
    """Answer the document of a new subscription, without its id and owner, and what it watches."""
    read = {name: value for name, value in reading.resource(given, SUBSCRIPTION).items() if name in _GIVEN}
    if read.get("includeProperties") and read.get("includeResourceData") is None:
        read["includeResourceData"] = True
    for name in ("changeType", "notificationUrl", "resource", "expirationDateTime"):
        if not read.get(name):
            raise reading.MissingProperty(name, "subscription creation")
    watched = target(read["resource"])
    for name in ("notificationUrl", "lifecycleNotificationUrl"):
        if read.get(name):
            _check_url(name, read[name])
    if len(read.get("clientState") or "") > _LONGEST_CLIENT_STATE:
        raise InvalidRequest(f"clientState must not be longer than {_LONGEST_CLIENT_STATE} characters.")
    _check_contents(read)
    check_expiry(read["expirationDateTime"], now)
    defaults = {"latestSupportedTlsVersion": "v1_2", "includeResourceData": False}
    fixed = {
        "resource": watched.text,
        "changeType": _change_types(read["changeType"]),
        "notificationContentType": "application/json",
    }
    return {**defaults, **{name: value for name, value in read.items() if value is not None}, **fixed}, watched


def renewal(given: Any, now: datetime) -> Document:
    """Answer what a PATCH body says, read; it must say something that can be renewed."""
    read = reading.resource(given, SUBSCRIPTION)
    if not any(read.get(name) is not None for name in _RENEWABLE):
        raise reading.MissingProperty("expirationDateTime", "subscription update")
    if read.get("expirationDateTime") is not None:
        check_expiry(read["expirationDateTime"], now)
    return read


def renewed(document: Document, change: Mapping[str, Any]) -> Document:
    """Answer a subscription's document after a renewal; what is unchanged may be sent along."""
    for name in ("resource", "lifecycleNotificationUrl", "notificationUrl", "changeType"):
        if change.get(name) is not None and _kept(name, change[name]) != document.get(name):
            raise InvalidRequest(f"The property '{name}' of a subscription cannot be changed.")
    after = {**document, **{name: change[name] for name in _RENEWABLE if change.get(name) is not None}}
    _check_contents(after)
    return after


def _kept(name: str, text: str) -> str:
    """Answer a property as a subscription keeps it, whatever the spelling that a client gave it in."""
    if name == "resource":
        return target(text).text
    return _change_types(text) if name == "changeType" else text


def _check_contents(read: Mapping[str, Any]) -> None:
    """Raise unless who asks for contents can be sent them encrypted."""
    certificate, name = read.get("encryptionCertificate"), read.get("encryptionCertificateId")
    if read.get("includeResourceData") and not (certificate and name):
        raise InvalidRequest("includeResourceData needs encryptionCertificate and encryptionCertificateId.")
    if certificate:
        rich_content.check(certificate)
    if len(name or "") > _LONGEST_CLIENT_STATE:
        raise InvalidRequest(f"encryptionCertificateId must not be longer than {_LONGEST_CLIENT_STATE} characters.")


def check_expiry(expiration: str, now: datetime) -> None:
    """Raise InvalidRequest unless a subscription may end at this time."""
    latest = instants.of_datetime(now + timedelta(minutes=MAX_MINUTES))
    sortable = instants.sortable(expiration) or ""
    if sortable <= instants.of_datetime(now):
        raise InvalidRequest("Subscription expiration must be in the future.")
    if sortable > latest:
        raise InvalidRequest(
            f"Subscription expiration can only be {MAX_MINUTES} minutes in the future, until {instants.wire(latest)}."
        )


def _option(options: str) -> tuple[str, str]:
    name, _, text = options.partition("=")
    return unquote(name), unquote(text)


def _change_types(text: str) -> str:
    found = [part.strip().lower() for part in text.split(",")]
    if not all(part in _CHANGES for part in found):
        raise InvalidRequest(f"changeType must be a list of {', '.join(_CHANGES)}.")
    return ",".join(dict.fromkeys(found))


def _check_url(name: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    if not secure or not host or len(url) > _LONGEST_URL or not url.isascii() or any(each.isspace() for each in url):
        raise InvalidRequest(f"{name} must be an https address.")
