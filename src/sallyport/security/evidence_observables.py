"""What the evidence of an alert mentions that was brought in the shape of alerts_v2: by its type, each path and kind.

The rule: what has a place among the states of a legacy alert is listed too; it is found under the same keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sallyport.security import evidence_to_legacy
from sallyport.security.values import Kind

Document = Mapping[str, Any]

_FILE: Mapping[str, Kind] = {
    "fileName": Kind.FILE_NAME,
    "sha256": Kind.HASH,
    "sha1": Kind.HASH,
    "md5": Kind.HASH,
    "sha256Ac": Kind.HASH,
}


def _files(place: str) -> dict[str, Kind]:
    return {f"{place}/{name}": kind for name, kind in _FILE.items()}


#: For each type of evidence, paths in it; collections on the way are looked through.
PROPERTIES: Mapping[str, Mapping[str, Kind]] = {
    "analyzedMessageEvidence": {
        "p1Sender/emailAddress": Kind.EMAIL,
        "p1Sender/domainName": Kind.DOMAIN,
        "p2Sender/emailAddress": Kind.EMAIL,
        "p2Sender/domainName": Kind.DOMAIN,
        "recipientEmailAddress": Kind.EMAIL,
        "senderIp": Kind.ADDRESS,
        "subject": Kind.SUBJECT,
        "urls": Kind.URL,
    },
    "blobEvidence": {"url": Kind.URL, "fileHashes/value": Kind.HASH},
    "cloudLogonSessionEvidence": {"userAgent": Kind.USER_AGENT, "account/userAccount/userPrincipalName": Kind.USER},
    "deviceEvidence": {
        "deviceDnsName": Kind.HOST,
        "hostName": Kind.HOST,
        "ipInterfaces": Kind.ADDRESS,
        "lastExternalIpAddress": Kind.ADDRESS,
        "lastIpAddress": Kind.ADDRESS,
    },
    "dnsEvidence": {
        "domainName": Kind.DOMAIN,
        "hostIpAddress/ipAddress": Kind.ADDRESS,
        "ipAddresses/ipAddress": Kind.ADDRESS,
    },
    "fileEvidence": _files("fileDetails"),
    "fileHashEvidence": {"value": Kind.HASH},
    "ioTDeviceEvidence": {"ipAddress/ipAddress": Kind.ADDRESS, "nics/ipAddress/ipAddress": Kind.ADDRESS},
    "ipEvidence": {"ipAddress": Kind.ADDRESS},
    "mailboxEvidence": {"primaryAddress": Kind.EMAIL, "upn": Kind.USER},
    "malwareEvidence": {**_files("files/fileDetails"), **_files("processes/imageFile")},
    "networkConnectionEvidence": {
        "destinationAddress/ipAddress": Kind.ADDRESS,
        "sourceAddress/ipAddress": Kind.ADDRESS,
    },
    "processEvidence": {
        **_files("imageFile"),
        **_files("parentProcessImageFile"),
        "userAccount/userPrincipalName": Kind.USER,
    },
    "submissionMailEvidence": {
        "recipient": Kind.EMAIL,
        "sender": Kind.EMAIL,
        "senderIp": Kind.ADDRESS,
        "subject": Kind.SUBJECT,
    },
    "teamsMessageEvidence": {
        **_files("files/fileDetails"),
        "senderFromAddress": Kind.EMAIL,
        "senderIP": Kind.ADDRESS,
        "subject": Kind.SUBJECT,
        "urls/url": Kind.URL,
    },
    "urlEvidence": {"url": Kind.URL},
    "userEvidence": {"userAccount/userPrincipalName": Kind.USER},
}

_NAMES = {name.lower(): name for name in PROPERTIES}


def mentions(evidence: list[Document]) -> Iterator[tuple[Kind, str, str]]:
    """Answer what evidence mentions: the kind, the text and the path with the type of the evidence."""
    for each in evidence:
        # A filter that names the type finds it in any letter case.
        name = _NAMES.get(evidence_to_legacy.kind_of(each).lower(), "")
        for path, kind in PROPERTIES.get(name, {}).items():
            for text in _texts(each, path.split("/")):
                yield kind, text, f"evidence/{name}/{path}"


def _texts(at: Any, names: list[str]) -> Iterator[str]:
    if isinstance(at, list):
        for each in at:
            yield from _texts(each, names)
    elif not names:
        if isinstance(at, str) and at:
            yield at
    elif isinstance(at, Mapping):
        yield from _texts(at.get(names[0]), names[1:])
