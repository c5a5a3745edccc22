"""What may happen to an indicator: how one is submitted, what makes two the same, what an update may change. Pure.

The rule: observables never change; whoever needs others deletes the indicator and makes a new one.
Deviation: of the documented required properties only product, expiry and an observable are demanded, unless strict.
Deviation: a submission with the key of an earlier one (application, product, external id or observables) updates it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sallyport import errors
from sallyport.graph import reading
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.security.observables import ALTERNATIVES, DEFENDER
from sallyport.store import indicators

Document = dict[str, Any]

#: What an indicator looks for.
OBSERVABLES = (
    *("emailEncoding", "emailLanguage", "emailRecipient", "emailSenderAddress", "emailSenderName"),
    *("emailSourceDomain", "emailSourceIpAddress", "emailSubject", "emailXMailer"),
    *("fileCompileDateTime", "fileCreatedDateTime", "fileHashType", "fileHashValue", "fileMutexName", "fileName"),
    *("filePacker", "filePath", "fileSize", "fileType"),
    *("domainName", "networkCidrBlock", "networkDestinationAsn", "networkDestinationCidrBlock"),
    *("networkDestinationIPv4", "networkDestinationIPv6", "networkDestinationPort", "networkIPv4", "networkIPv6"),
    *("networkPort", "networkProtocol", "networkSourceAsn", "networkSourceCidrBlock", "networkSourceIPv4"),
    *("networkSourceIPv6", "networkSourcePort", "url", "userAgent"),
)
_DEFENDER_OBSERVABLES = ("domainName", "url", "networkDestinationIPv4", "networkDestinationIPv6", "fileHashValue")
_PRODUCTS = {"azure sentinel": "Azure Sentinel", "microsoft defender atp": DEFENDER}
#: Text in the schema, but with documented values: written as documented, so that a filter finds them.
_THREAT_TYPES = {
    each.lower(): each
    for each in (
        *("Botnet", "C2", "CryptoMining", "Darknet", "DDoS", "MaliciousUrl"),
        *("Malware", "Phishing", "Proxy", "PUA", "WatchList"),
    )
}
_DOCUMENTED = ("action", "description", "threatType", "tlpLevel")
_SENTINEL_EDITABLE = (
    *("action", "activityGroupNames", "additionalInformation", "confidence", "description", "diamondModel"),
    *("expirationDateTime", "externalId", "isActive", "killChain", "knownFalsePositives", "lastReportedDateTime"),
    *("malwareFamilyNames", "passiveOnly", "severity", "tags", "tlpLevel"),
)
_DEFENDER_EDITABLE = ("expirationDateTime", "severity", "description")
_DEFAULTS: Mapping[str, Any] = {"isActive": True, "passiveOnly": False, "severity": 3}
#: How long a description should be at the most.
_SHORT = 100
_STAMPED = ("id", "azureTenantId", "ingestedDateTime")
#: What an upload of STIX says of itself, and nobody else.
_UPLOADED = ("stixId", ALTERNATIVES)


class ImmutableObservable(errors.BadRequest):
    """Raised when an update would change what an indicator looks for."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The property '{name}' cannot be changed: delete the indicator and create another.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Submission:
    """An indicator that somebody submitted, read and checked."""

    given: Document
    #: What makes two submissions of one application the same indicator.
    identity: str
    #: Documented as required, and missing all the same.
    missing: tuple[str, ...]
    #: What the documentation advises against, in words.
    doubts: tuple[str, ...]


def submitted(given: Any, *, strict: bool = False, uploaded: bool = False) -> Submission:
    """Answer a submitted indicator; `uploaded` when it is what an uploaded STIX object means.

    Raises BadRequest when it cannot be read or lacks what makes it work: a product, an expiry, an observable. The other
    properties that the documentation demands are demanded only when `strict`: real clients leave them out.
    """
    read = reading.compact(reading.resource(given, INDICATOR), INDICATOR)
    for name in ("targetProduct", "expirationDateTime"):
        if not read.get(name):
            raise reading.MissingProperty(name, "indicator creation")
    read["targetProduct"] = _PRODUCTS.get(read["targetProduct"].lower(), read["targetProduct"])
    if read.get("threatType"):
        read["threatType"] = _THREAT_TYPES.get(read["threatType"].lower(), read["threatType"])
    defender = read["targetProduct"] == DEFENDER
    accepted = _DEFENDER_OBSERVABLES if defender else OBSERVABLES
    if not any(read.get(name) not in (None, "") for name in accepted):
        raise reading.MissingProperty("One of " + ", ".join(accepted), "indicator creation")
    needed = ("action",) if defender else _DOCUMENTED
    missing = tuple(name for name in needed if not read.get(name))
    if strict and missing:
        raise reading.MissingProperty(missing[0], "indicator creation")
    _check_lengths(read)
    left_out = _STAMPED if uploaded else (*_STAMPED, *_UPLOADED)
    given_on = {name: value for name, value in read.items() if name not in left_out}
    return Submission(given_on, identity(read), missing, tuple(_doubts(read)))


def identity(document: Mapping[str, Any]) -> str:
    """Answer the digest of what makes an indicator itself: product and external id, or else product and observables."""
    external = document.get("externalId")
    own: Any = [external] if external else {name: document[name] for name in OBSERVABLES if name in document}
    text = orjson.dumps([document.get("targetProduct"), own], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()


def created(submission: Submission, new_id: str, tenant_id: str, now: str) -> Document:
    """Answer the document of a new indicator; `now` is a time as the service writes it."""
    stamped = {"id": new_id, "azureTenantId": tenant_id, "ingestedDateTime": now}
    return {**_DEFAULTS, **submission.given, **stamped}


def resubmitted(stored: Document, submission: Submission) -> Document:
    """Answer the document of an indicator that was submitted again: everything as given now, under the same id."""
    return {**_DEFAULTS, **submission.given, **{name: stored[name] for name in _STAMPED}}


def changes(given: Any) -> Document:
    """Answer what an update's body says, read; what may be changed depends on the indicator that it meets."""
    read = reading.resource(given, INDICATOR)
    _check_lengths(read)
    return {name: value for name, value in read.items() if name not in _STAMPED}


def changed(document: Document, change: Mapping[str, Any]) -> Document:
    """Answer an indicator after an update; an unchanged observable may be sent along, a changed one may not.

    What is neither editable nor an observable is ignored when the schema knows it, and kept when it does not. Null
    gives what has a default that default again.
    """
    for name in OBSERVABLES:
        if name in change and change[name] not in (document.get(name), None, ""):
            raise ImmutableObservable(name)
    defender = document.get("targetProduct") == DEFENDER
    editable = _DEFENDER_EDITABLE if defender else _SENTINEL_EDITABLE
    taken = {
        name: value
        for name, value in change.items()
        if name in editable or (INDICATOR.field(name) is None and name not in _UPLOADED)
    }
    if taken.get("expirationDateTime", "") is None:
        raise reading.MissingProperty("expirationDateTime", "an indicator")
    return {**_DEFAULTS, **reading.compact({**document, **taken}, INDICATOR)}


def _doubts(read: Mapping[str, Any]) -> Iterator[str]:
    if len(read.get("description") or "") > _SHORT:
        yield f"the description is longer than {_SHORT} characters"
    if read.get("tlpLevel") == "red" and read.get("passiveOnly") is not True:
        yield "tlpLevel is red, but passiveOnly is not true"


def _check_lengths(document: Mapping[str, Any]) -> None:
    for name in ("externalId", "targetProduct", "threatType", "domainName", "networkIPv4", "fileHashValue"):
        if len(document.get(name) or "") > indicators.LONGEST:
            raise reading.InvalidProperty((name,), f"it is longer than {indicators.LONGEST} characters")
