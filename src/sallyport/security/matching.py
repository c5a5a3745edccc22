"""Whether an indicator's observables stand in an alert, and what the alert then says about it.

The rule: keys only propose; an indicator is a hit when a value of its own equals one that the alert mentions or
implies, or a network of its own holds an address that the alert mentions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sallyport.security import observables, values
from sallyport.security.observables import Observable
from sallyport.security.values import Kind

Document = Mapping[str, Any]

#: The property of an alert that lists its hits.
MATCHED = "matchedIndicators"
#: How many hits an alert lists; all of them are kept beside it.
LISTED = 100
#: What an alert repeats of an indicator.
_REPEATED = (
    *("id", "externalId", "description", "threatType", "severity", "confidence", "action", "tlpLevel"),
    *("targetProduct", "passiveOnly"),
)
#: The key of an address of IPv4 is the address.
_IPV4_ADDRESSES = 1 << 32
_SAME = {Kind.USER: Kind.EMAIL, Kind.HOST: Kind.DOMAIN}


@dataclass(frozen=True, slots=True)
class Hit:
    """One indicator that was found in an alert."""

    indicator_id: str
    kind: Kind
    #: The property of the alert, such as `hostStates/publicIpAddress`.
    path: str
    #: The alert's value, in normal form; of a domain the part that the indicator names.
    value: str
    #: The property of the indicator.
    property: str
    action: str | None
    target_product: str | None
    passive_only: bool
    #: What the alert repeats of the indicator.
    shown: dict[str, Any]


class Mentioned:
    """What one alert mentions, ready to be compared with any number of indicators."""

    def __init__(self, document: Document) -> None:
        self._found: dict[tuple[Kind, str], Observable] = {}
        self._addresses: list[Observable] = []
        for each in observables.of_alert(document):
            self._found.setdefault((_SAME.get(each.kind, each.kind), each.value), each)
            if each.kind is Kind.ADDRESS:
                self._addresses.append(each)

    def hit(self, indicator: Document, now: str) -> Hit | None:
        """Answer the hit of an indicator, or None; `now` is a time as the service writes it."""
        for sought in observables.of_indicator(indicator):
            found = self._in_network(sought.value) if sought.kind is Kind.NETWORK else self._equal(sought)
            if found is not None:
                return _hit(indicator, sought, found, now)
        return None

    def _equal(self, sought: Observable) -> Observable | None:
        return self._found.get((_SAME.get(sought.kind, sought.kind), sought.value))

    def _in_network(self, block: str) -> Observable | None:
        network = ipaddress.ip_network(block)
        first, last = int(network.network_address), int(network.broadcast_address)
        for each in self._addresses:
            read = values.address(each.value)
            if read is not None and read[0] == network.version and first <= read[1] <= last:
                return each
        return None


class Prefixes:
    """The lengths of the networks that indicators name, ready to be compared with any number of alerts."""

    def __init__(self, named: Sequence[tuple[int, int]]) -> None:
        """Take them as pairs of version and length."""
        self._ipv4 = [values.ipv4_network_keys(length) for version, length in named if version == 4]
        self._ipv6 = [length for version, length in named if version != 4]

    def proposing(self, keys: set[int], document: Callable[[], Document]) -> set[int]:
        """Answer the keys of the indicators that could be hits of an alert; `keys` are the alert's own."""
        if self._ipv4 and (numbers := [key for key in keys if key < _IPV4_ADDRESSES]):
            keys = keys.union([first | (number & mask) for first, mask in self._ipv4 for number in numbers])
        if self._ipv6 and any(map(values.is_ipv6_key, keys)):
            networks = (values.network_key(6, each, length) for length in self._ipv6 for each in _ipv6(document()))
            keys = keys.union(networks)
        return keys


def with_hits(document: dict[str, Any], hits: Sequence[Hit]) -> dict[str, Any]:
    """Answer an alert that lists new hits behind those that it lists already, as many as it lists."""
    listed = [*(document.get(MATCHED) or ()), *(hit.shown for hit in hits)]
    return {**document, MATCHED: listed[:LISTED]}


def _hit(indicator: Document, sought: Observable, found: Observable, now: str) -> Hit:
    shown = {name: indicator[name] for name in _REPEATED if indicator.get(name) is not None}
    told = {"matchedProperty": found.path, "matchedValue": found.value, "matchedDateTime": now}
    return Hit(
        indicator_id=indicator["id"],
        kind=sought.kind,
        path=found.path,
        value=found.value,
        property=sought.path,
        action=indicator.get("action"),
        target_product=indicator.get("targetProduct"),
        passive_only=bool(indicator.get("passiveOnly")),
        shown={**shown, "indicatorProperty": sought.path, **told},
    )


def _ipv6(document: Document) -> set[int]:
    """Answer the addresses of IPv6 that an alert mentions."""
    read = (values.address(each.value) for each in observables.of_alert(document) if each.kind is Kind.ADDRESS)
    return {number for version, number in filter(None, read) if version == 6}
