"""What an alert mentions and what an indicator looks for, as observables of the same kinds, so that they can meet.

The rule: an alert is found under every key of `keys_of_alert`; an indicator looks for all that `of_indicator` answers.
Deviation: whether an address was source or destination, and at which port, makes no difference; Azure does not say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sallyport.security import evidence_observables, values
from sallyport.security.alert_shapes import PRIVATE
from sallyport.security.values import Kind

Document = Mapping[str, Any]
#: A kind, the text as it stands in the alert, and the path of its property.
Mention = tuple[Kind, str, str]


@dataclass(frozen=True, slots=True)
class Observable:
    """One value that an alert mentions or an indicator looks for."""

    kind: Kind
    #: In normal form.
    value: str
    #: The property, such as `networkConnections/destinationAddress` or `networkIPv4`.
    path: str

    @property
    def key(self) -> int:
        """Answer the value's number."""
        return values.key(self.kind, self.value)


def _members(collection: str, **kinds: Kind) -> tuple[tuple[str, Kind, str], ...]:
    return tuple((name, kind, f"{collection}/{name}") for name, kind in kinds.items())


#: The collections of an alert, and what their elements mention.
ALERT_PROPERTIES: Mapping[str, tuple[tuple[str, Kind, str], ...]] = {
    "hostStates": _members(
        "hostStates",
        fqdn=Kind.HOST,
        netBiosName=Kind.HOST,
        privateIpAddress=Kind.ADDRESS,
        publicIpAddress=Kind.ADDRESS,
    ),
    "userStates": _members("userStates", userPrincipalName=Kind.USER, accountName=Kind.ACCOUNT, logonIp=Kind.ADDRESS),
    "networkConnections": _members(
        "networkConnections",
        destinationAddress=Kind.ADDRESS,
        sourceAddress=Kind.ADDRESS,
        natDestinationAddress=Kind.ADDRESS,
        natSourceAddress=Kind.ADDRESS,
        destinationDomain=Kind.DOMAIN,
        destinationUrl=Kind.URL,
        localDnsName=Kind.HOST,
    ),
    "fileStates": _members("fileStates", name=Kind.FILE_NAME),
    "processes": _members("processes", name=Kind.FILE_NAME, accountName=Kind.ACCOUNT, parentProcessName=Kind.FILE_NAME),
    "cloudAppStates": _members("cloudAppStates", destinationServiceIp=Kind.ADDRESS),
    "messageSecurityStates": _members("messageSecurityStates", connectingIP=Kind.ADDRESS, messageSubject=Kind.SUBJECT),
    "uriClickSecurityStates": _members("uriClickSecurityStates", uriDomain=Kind.DOMAIN),
}
#: Collections whose elements hold `fileHash`, and the path to its value.
HASHED = {"fileStates": "fileStates/fileHash/hashValue", "processes": "processes/fileHash/hashValue"}
#: The same members, each with what answers its keys.
_KEYED = tuple(
    (collection, tuple((name, values.keys_of(kind)) for name, kind, _ in members))
    for collection, members in ALERT_PROPERTIES.items()
)
_HASH_KEYS = values.keys_of(Kind.HASH)
#: What has no place in the schema, yet is told as what triggered the alert, by the trigger's folded name.
_TRIGGERS = {
    "mutex": Kind.MUTEX,
    "mutexname": Kind.MUTEX,
    "filemutexname": Kind.MUTEX,
    "useragent": Kind.USER_AGENT,
}

#: What an indicator's properties are; the weak ones count only where nothing stronger was given.
INDICATOR_PROPERTIES: Mapping[str, Kind] = {
    "networkIPv4": Kind.ADDRESS,
    "networkIPv6": Kind.ADDRESS,
    "networkDestinationIPv4": Kind.ADDRESS,
    "networkDestinationIPv6": Kind.ADDRESS,
    "networkSourceIPv4": Kind.ADDRESS,
    "networkSourceIPv6": Kind.ADDRESS,
    "networkCidrBlock": Kind.NETWORK,
    "networkDestinationCidrBlock": Kind.NETWORK,
    "networkSourceCidrBlock": Kind.NETWORK,
    "domainName": Kind.DOMAIN,
    "url": Kind.URL,
    "fileHashValue": Kind.HASH,
    "fileMutexName": Kind.MUTEX,
    "emailSenderAddress": Kind.EMAIL,
    "emailSourceDomain": Kind.DOMAIN,
    "emailSourceIpAddress": Kind.ADDRESS,
    "emailRecipient": Kind.EMAIL,
    "emailSubject": Kind.SUBJECT,
    "fileName": Kind.FILE_NAME,
    "userAgent": Kind.USER_AGENT,
}
WEAK = frozenset({"emailRecipient", "emailSubject", "fileName", "userAgent"})
#: The product for which a tenant may have only so many indicators.
DEFENDER = "Microsoft Defender ATP"
#: Values of the same indicator for which its properties have no room: a list of `{property: value}`. Any one is a hit.
ALTERNATIVES = "alternativeObservables"


def observed_paths() -> dict[str, Kind]:
    """Answer the properties of an alert under whose values it is always found, by path."""
    listed = {path: kind for members in ALERT_PROPERTIES.values() for _, kind, path in members}
    return {**listed, **dict.fromkeys(HASHED.values(), Kind.HASH)}


def keys_of_alert(document: Document) -> set[int]:
    """Answer every key under which an alert is found."""
    found: set[int] = set()
    for collection, members in _KEYED:
        for element in document.get(collection) or ():
            for name, keys in members:
                text = element.get(name)
                if text:
                    found.update(keys[text])
    for collection in HASHED:
        for element in document.get(collection) or ():
            text = (element.get("fileHash") or {}).get("hashValue")
            if text:
                found.update(_HASH_KEYS[text])
    for kind, text, _ in _more_mentions(document):
        found.update(values.keys(kind, text))
    return found


def of_alert(document: Document) -> list[Observable]:
    """Answer what an alert mentions and what that implies, each once, in the order of the alert's properties."""
    found: dict[tuple[Kind, str], Observable] = {}
    for kind, text, path in _mentions(document):
        for each, value in values.implied(kind, text):
            found.setdefault((each, value), Observable(each, value, path))
    return list(found.values())


def of_indicator(document: Document) -> list[Observable]:
    """Answer what an indicator looks for; any one of them is a hit.

    A file's name beside its hash, or a recipient beside the sender, only describes: the weak ones are left out where
    there is a stronger one beside them.
    """
    parts = [document, *(each for each in document.get(ALTERNATIVES) or () if isinstance(each, dict))]
    return list(dict.fromkeys(each for part in parts for each in _strongest(part)))


def is_active(document: Document) -> bool:
    """Answer whether an indicator is looked for at all while it has not expired.

    Deviation: an indicator whose action is `allow` names what is good and is never a hit; Azure does not say.
    """
    return document.get("isActive") is not False and document.get("action") != "allow"


def keys_of_indicator(document: Document) -> set[int]:
    """Answer every key under which an indicator is found: by its properties and, while it is active, by an alert."""
    named = {
        values.property_key(name, text)
        for name in INDICATOR_PROPERTIES
        if isinstance(text := document.get(name), str) and text
    }
    if document.get("targetProduct") == DEFENDER:
        # They are counted: a tenant may have only so many.
        named.add(values.property_key("targetProduct", DEFENDER))
    return named | {each.key for each in of_indicator(document)} if is_active(document) else named


def prefixes_of_indicator(document: Document) -> set[tuple[int, int]]:
    """Answer the versions and lengths of the networks that an indicator looks for."""
    blocks = (values.network(each.value) for each in of_indicator(document) if each.kind is Kind.NETWORK)
    return {(block.version, block.prefixlen) for block in blocks if block is not None}


def _mentions(document: Document) -> list[Mention]:
    found: list[Mention] = []
    for collection, members in ALERT_PROPERTIES.items():
        for element in document.get(collection) or ():
            for name, kind, path in members:
                text = element.get(name)
                if text:
                    found.append((kind, text, path))
    for collection, path in HASHED.items():
        for element in document.get(collection) or ():
            text = (element.get("fileHash") or {}).get("hashValue")
            if text:
                found.append((Kind.HASH, text, path))
    found += _more_mentions(document)
    return found


def _more_mentions(document: Document) -> Iterable[Mention]:
    """Answer what takes a second look: the sender's domain, files known by their path alone, what triggered it."""
    for user in document.get("userStates") or ():
        if user.get("emailRole") == "sender" and "@" in (name := user.get("userPrincipalName") or ""):
            yield Kind.DOMAIN, name.rpartition("@")[2], "userStates/userPrincipalName"
    for collection in HASHED:
        for element in document.get(collection) or ():
            if element.get("path") and not element.get("name"):
                yield Kind.FILE_NAME, element["path"], f"{collection}/path"
    for trigger in document.get("triggers") or ():
        name = (trigger.get("name") or "").replace("_", "").replace("-", "").replace(" ", "").lower()
        if name in _TRIGGERS and trigger.get("value"):
            yield _TRIGGERS[name], trigger["value"], "triggers/value"
    private = document.get(PRIVATE)
    if private:
        yield from evidence_observables.mentions(private.get("evidence") or [])


def _texts(document: Document) -> Iterable[Mention]:
    for name, kind in INDICATOR_PROPERTIES.items():
        text = document.get(name)
        if isinstance(text, str) and text.strip():
            yield kind, text, name


def _sought(document: Document) -> Iterable[Observable]:
    for kind, text, path in _texts(document):
        if kind is Kind.FILE_NAME:
            for part in filter(str.strip, text.split(",")):
                yield Observable(kind, values.normalised(kind, part), path)
        elif kind in (Kind.ADDRESS, Kind.NETWORK) and "/" in text:
            yield from _block(text, path)
        elif kind is Kind.NETWORK:
            yield Observable(Kind.ADDRESS, values.normalised(Kind.ADDRESS, text), path)
        else:
            yield Observable(kind, values.normalised(kind, text), path)


def _strongest(part: Document) -> list[Observable]:
    found = list(dict.fromkeys(_sought(part)))
    return [each for each in found if each.path not in WEAK] or found


def _block(text: str, path: str) -> Iterable[Observable]:
    """Answer a network; one of a single address is that address, one that is too wide is nothing."""
    block = values.network(text)
    if block is None or block.prefixlen < values.WIDEST[block.version]:
        return
    if block.num_addresses == 1:
        yield Observable(Kind.ADDRESS, values.normalised(Kind.ADDRESS, str(block.network_address)), path)
    else:
        yield Observable(Kind.NETWORK, str(block), path)
