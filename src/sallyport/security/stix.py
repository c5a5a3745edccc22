"""STIX objects as they are uploaded: what each must hold, and the indicator that a STIX indicator means.

The rule: every object that is well-formed is kept; a pattern that an indicator cannot express is no error.
Deviation: an indicator without `valid_until` holds until the year 9999; Azure does not say how long.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sallyport.odata import instants
from sallyport.security import stix_pattern
from sallyport.security.observables import ALTERNATIVES

Document = dict[str, Any]

#: What the upload takes.
TYPES = ("indicator", "attack-pattern", "threat-actor", "identity", "relationship")
_VERSIONS = ("2.0", "2.1")
_REQUIRED = ("id", "type", "created", "modified")
_INDICATOR_REQUIRED = ("pattern", "pattern_type", "valid_from")
_TIMES = ("created", "modified", "valid_from", "valid_until")
_ID = re.compile(r"([a-z0-9][a-z0-9-]{2,249})--[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FOR_EVER = "9999-12-31T23:59:59Z"
_LONGEST = 600

#: Levels of the traffic light protocol by the ids of their marking definitions; those of STIX 2.1 are those of 2.0.
MARKINGS: Mapping[str, str] = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": "white",
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": "white",
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": "green",
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": "green",
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": "amber",
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": "amber",
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": "red",
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": "red",
}
_LEVELS = ("white", "green", "amber", "red")
#: Words of labels and indicator types, and the threat type that they mean; the first that is found.
_THREATS = (
    ("botnet", "Botnet"),
    ("command-and-control", "C2"),
    ("c2", "C2"),
    ("mining", "CryptoMining"),
    ("darknet", "Darknet"),
    ("ddos", "DDoS"),
    ("phish", "Phishing"),
    ("url", "MaliciousUrl"),
    ("anonymization", "Proxy"),
    ("proxy", "Proxy"),
    ("pua", "PUA"),
    ("malicious-activity", "Malware"),
    ("malware", "Malware"),
)
_KILL_CHAIN = {
    "actions-on-objectives": "Actions",
    "command-and-control": "C2",
    "delivery": "Delivery",
    "exploitation": "Exploitation",
    "exploit": "Exploitation",
    "installation": "Installation",
    "reconnaissance": "Reconnaissance",
    "weaponization": "Weaponization",
}


#: What a comparison of a pattern begins with; each part of a text is looked at once, however hostile it is.
_LOOKS_FOR = re.compile(r"\[[\s(]*([a-z0-9-]+):")
_LONGEST_TYPE = 64


def faults(given: Any, types: tuple[str, ...] | None = TYPES) -> list[str]:
    """Answer what is wrong with an object, in the upload's words; nothing when it can be kept.

    `types` None takes objects of every type.
    """
    if not isinstance(given, dict):
        return ["Error for Property=object: An object is expected."]
    kind = given.get("type")
    required = (*_REQUIRED, *(_INDICATOR_REQUIRED if kind == "indicator" else ()))
    found = [_fault(name, "Required property is missing", None) for name in required if _is_missing(given, name)]
    found += [
        _fault(name, "Property must be a string", given[name])
        for name in required
        if not _is_missing(given, name) and not isinstance(given[name], str)
    ]
    return found or [*_malformed(given, str(kind), types), *_misdated(given)]


def indicator(given: Mapping[str, Any]) -> Document | None:
    """Answer the indicator that a STIX indicator means, ready to be submitted, or None when it cannot be said so."""
    pattern_type = given.get("pattern_type", "stix")
    alternatives = stix_pattern.read(given["pattern"]) if pattern_type == "stix" else None
    if not alternatives or any(len(text) > _LONGEST for each in alternatives for text in _indexed(each)):
        return None
    first, *rest = alternatives
    labels = _texts(given.get("labels"))
    meant: Document = {
        **first,
        "action": "alert",
        "confidence": given.get("confidence"),
        "description": given.get("description") or given.get("name"),
        "expirationDateTime": given.get("valid_until") or _FOR_EVER,
        "externalId": given["id"],
        "isActive": given.get("revoked") is not True,
        "killChain": _kill_chain(given.get("kill_chain_phases")),
        "stixId": given["id"],
        "tags": labels,
        "targetProduct": "Azure Sentinel",
        "threatType": _threat_type([*_texts(given.get("indicator_types")), *labels]),
        "tlpLevel": tlp_level(given),
    }
    if rest:
        meant[ALTERNATIVES] = rest
    return {name: value for name, value in meant.items() if value not in (None, [])}


def tlp_level(given: Mapping[str, Any]) -> str | None:
    """Answer the strictest level of the traffic light protocol that marks an object, or None."""
    marked = {MARKINGS[each] for each in _texts(given.get("object_marking_refs")) if each in MARKINGS}
    return max(marked, key=_LEVELS.index, default=None)


def version(given: Mapping[str, Any]) -> str:
    """Answer an object's version as sortable text: when it was modified, or else created, or the first of all."""
    text = given.get("modified") or given.get("created")
    return (instants.sortable(text) if isinstance(text, str) else None) or "0001-01-01T00:00:00.0000000Z"


def pattern_type(given: Mapping[str, Any]) -> str | None:
    """Answer what an indicator's pattern looks for first, such as `ipv4-addr`, or the language of another pattern."""
    stated = str(given.get("pattern_type") or "stix").lower()
    if stated != "stix":
        return stated[:_LONGEST_TYPE]
    found = _LOOKS_FOR.search(str(given.get("pattern") or ""))
    return None if found is None else found[1][:_LONGEST_TYPE]


def is_id(text: object) -> bool:
    """Answer whether a text is the id of a STIX object."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def _malformed(given: Mapping[str, Any], kind: str, types: tuple[str, ...] | None) -> list[str]:
    found = []
    if types is not None and kind not in types:
        found.append(_fault("type", f"Type is not one of {', '.join(types)}", kind))
    matched = _ID.fullmatch(given["id"])
    if matched is None or matched[1] != kind:
        found.append(_fault("id", f"Id is not '{kind}--' and a UUID", given["id"]))
    stated = given.get("spec_version")
    if stated is not None and stated not in _VERSIONS:
        found.append(_fault("spec_version", "Version is neither 2.0 nor 2.1", stated))
    confidence = given.get("confidence")
    if confidence is not None and (type(confidence) is not int or not 0 <= confidence <= 100):
        found.append(_fault("confidence", "Confidence is not a whole number from 0 to 100", confidence))
    revoked = given.get("revoked")
    if revoked is not None and not isinstance(revoked, bool):
        found.append(_fault("revoked", "Property must be true or false", revoked))
    return found


def _misdated(given: Mapping[str, Any]) -> list[str]:
    read = {name: instants.sortable(str(given[name])) for name in _TIMES if given.get(name) is not None}
    found = [_fault(name, "Not a date and time", given[name]) for name, moment in read.items() if moment is None]
    begins, ends = read.get("valid_from"), read.get("valid_until")
    if not found and begins is not None and ends is not None and ends <= begins:
        found.append(_fault("valid_until", "Must be later than valid_from", given["valid_until"]))
    return found


def _fault(name: str, reason: str, value: object) -> str:
    return f"Error for Property={name}: {reason}. Actual value: {'NULL' if value is None else str(value)[:80]}."


def _is_missing(given: Mapping[str, Any], name: str) -> bool:
    return given.get(name) in (None, "")


def _indexed(alternative: Mapping[str, str]) -> list[str]:
    return [text for name, text in alternative.items() if name in ("domainName", "networkIPv4", "fileHashValue")]


def _texts(given: Any) -> list[str]:
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def _threat_type(words: list[str]) -> str:
    folded = " ".join(words).lower()
    return next((meant for word, meant in _THREATS if word in folded), "WatchList")


def _kill_chain(given: Any) -> list[str]:
    phases = [each.get("phase_name") for each in given if isinstance(each, dict)] if isinstance(given, list) else []
    return [_KILL_CHAIN[each] for each in phases if isinstance(each, str) and each in _KILL_CHAIN]
