"""Draws an indicator as a STIX 2.1 indicator: what TAXII shows of those that were not uploaded as STIX.

The rule: the same indicator is the same object, with the same id, however often it is drawn; `modified` follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sallyport.odata import instants
from sallyport.security import stix
from sallyport.security.observables import ALTERNATIVES

Document = Mapping[str, Any]

#: Who says that an indicator comes from them, when it was not uploaded.
SOURCE = "SecurityGraph"

_MARKINGS = {
    "white": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
    "red": "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
}
#: Algorithms of hashes that readers check, by their number of digits.
_CHECKED = {"md5": ("MD5", 32), "sha1": ("'SHA-1'", 40), "sha256": ("'SHA-256'", 64)}
_UNCHECKED = {"authenticodeHash256": "authentihash", "lsHash": "lsHash", "ctph": "SSDEEP"}
_MILLISECONDS = len("YYYY-MM-DDTHH:MM:SS.fff")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")
_PATHS = {
    "domainName": "domain-name:value",
    "url": "url:value",
    "emailSenderAddress": "email-message:from_ref.value",
    "emailRecipient": "email-message:to_refs[*].value",
    "emailSourceDomain": "domain-name:value",
    "emailSubject": "email-message:subject",
    "fileName": "file:name",
    "filePath": "file:parent_directory_ref.path",
    "fileMutexName": "mutex:name",
    "userAgent": "network-traffic:extensions.'http-request-ext'.request_header.'User-Agent'",
}
_ADDRESSES = (
    *("networkIPv4", "networkIPv6", "networkCidrBlock", "networkDestinationIPv4", "networkDestinationIPv6"),
    *("networkDestinationCidrBlock", "networkSourceIPv4", "networkSourceIPv6", "networkSourceCidrBlock"),
    "emailSourceIpAddress",
)
#: Observables that STIX has no path for: they stand under a type of our own.
_OTHERS = (
    *("emailEncoding", "emailLanguage", "emailSenderName", "emailXMailer", "fileCompileDateTime"),
    *(
        "fileCreatedDateTime",
        "fileHashType",
        "filePacker",
        "fileSize",
        "fileType",
        "networkDestinationAsn",
        "networkDestinationPort",
    ),
    *("networkPort", "networkProtocol", "networkSourceAsn", "networkSourcePort"),
)
_PHASES = {
    "actions": "actions-on-objectives",
    "c2": "command-and-control",
    "delivery": "delivery",
    "exploitation": "exploitation",
    "installation": "installation",
    "reconnaissance": "reconnaissance",
    "weaponization": "weaponization",
}


def indicator(document: Document, modified: str) -> dict[str, Any]:
    """Answer an indicator as a STIX object; `modified` is when it was last changed, as a time of STIX."""
    created = _time(document.get("ingestedDateTime")) or modified
    drawn: dict[str, Any] = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": object_id(document),
        "created": min(created, modified),
        "modified": modified,
        "name": document.get("description") or document.get("threatType") or "Indicator",
        "description": document.get("description"),
        "indicator_types": ["benign"] if document.get("action") == "allow" else ["malicious-activity"],
        "pattern": pattern(document),
        "pattern_type": "stix",
        "valid_from": created,
        "valid_until": _until(document, created),
        "labels": [*(document.get("tags") or ())] or None,
        "confidence": _confidence(document.get("confidence")),
        "kill_chain_phases": _phases(document) or None,
        "object_marking_refs": _marking(document),
        "external_references": _references(document),
        "revoked": document.get("isActive") is False or None,
    }
    return {name: value for name, value in drawn.items() if value is not None}


def time(version: str) -> str:
    """Answer a version, which is sortable text, as a time of STIX: as fine as it is, at least in milliseconds."""
    return f"{version[:_MILLISECONDS]}{version[_MILLISECONDS:-1].rstrip('0')}Z"


def version(at: str) -> str:
    """Answer the version of an object that is drawn at a moment: STIX counts in milliseconds."""
    return f"{at[:_MILLISECONDS]}0000Z"


def object_id(document: Document) -> str:
    """Answer the id of an indicator's STIX object: its own when it was uploaded as one."""
    stated = document.get("stixId")
    return stated if stix.is_id(stated) and isinstance(stated, str) else f"indicator--{document['id']}"


def pattern(document: Document) -> str:
    """Answer what an indicator looks for as a STIX pattern: any one of its observables."""
    parts = [each for each in (document, *(document.get(ALTERNATIVES) or ())) if isinstance(each, Mapping)]
    compared = list(dict.fromkeys(each for part in parts for each in _comparisons(part)))
    others = [
        f"x-ti-indicator:{each} = {_literal(document[each])}" for each in _OTHERS if document.get(each) is not None
    ]
    return f"[{' OR '.join(compared or others)}]"


def pattern_type(document: Document) -> str | None:
    """Answer what an indicator's pattern looks for first."""
    return stix.pattern_type({"pattern": pattern(document), "pattern_type": "stix"})


def _comparisons(part: Document) -> Iterator[str]:
    for name in _ADDRESSES:
        if part.get(name):
            kind = "ipv6-addr" if ":" in part[name] else "ipv4-addr"
            yield f"{kind}:value = {_literal(part[name])}"
    if part.get("fileHashValue"):
        yield f"file:hashes.{_algorithm(part)} = {_literal(part['fileHashValue'])}"
    for name, path in _PATHS.items():
        if part.get(name):
            yield f"{path} = {_literal(part[name])}"


def _algorithm(part: Document) -> str:
    """Answer the algorithm of a hash in STIX's words; without a type, the number of digits tells."""
    stated, value = part.get("fileHashType") or "unknown", str(part["fileHashValue"])
    if _HEXADECIMAL.fullmatch(value):
        for kind, (name, digits) in _CHECKED.items():
            if stated in (kind, "unknown") and len(value) == digits:
                return name
    return _UNCHECKED.get(stated, "UNKNOWN")


def _literal(value: Any) -> str:
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _time(text: Any) -> str | None:
    """Answer a time as STIX writes it, in milliseconds."""
    full = instants.sortable(text) if isinstance(text, str) else None
    return None if full is None else time(version(full))


def _until(document: Document, created: str) -> str | None:
    ends = _time(document.get("expirationDateTime"))
    return ends if ends is not None and ends > created else None


def _confidence(given: Any) -> int | None:
    return given if isinstance(given, int) and 0 <= given <= 100 else None


def _phases(document: Document) -> list[dict[str, str]]:
    named = [_PHASES.get(str(each).lower()) for each in document.get("killChain") or ()]
    return [{"kill_chain_name": "lockheed-martin-cyber-kill-chain", "phase_name": phase} for phase in named if phase]


def _marking(document: Document) -> list[str] | None:
    marking = _MARKINGS.get(document.get("tlpLevel") or "")
    return None if marking is None else [marking]


def _references(document: Document) -> list[dict[str, str]] | None:
    external = document.get("externalId")
    return [{"source_name": "externalId", "external_id": str(external)}] if external else None
