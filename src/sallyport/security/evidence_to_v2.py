"""The states of a legacy alert as the evidence of an alert of alerts_v2.

The rule: an element becomes evidence where the official table, or our choice beside it, names a type for it; the rest
stays in the legacy shape alone and is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sallyport.security import sources

Document = Mapping[str, Any]
Evidence = dict[str, Any]

_NAMESPACE = "#microsoft.graph.security."
_HASHES = {"sha256": "sha256", "sha1": "sha1", "md5": "md5", "authenticodeHash256": "sha256Ac"}


def evidence_of(alert: Document) -> list[Evidence]:
    """Answer the evidence that a legacy alert's states amount to, in the order of the official table."""
    found: list[Evidence] = []
    created = alert.get("createdDateTime")
    for collection, make in _MAKERS:
        for state in alert.get(collection) or ():
            for kind, own in make(state):
                told = {name: value for name, value in own.items() if value is not None}
                if told:
                    found.append({"@odata.type": f"{_NAMESPACE}{kind}", **_about(created), **told})
    return found


def _about(created: str | None) -> Evidence:
    """Answer what all evidence says: nobody has judged or treated it."""
    return {"createdDateTime": created, "verdict": "unknown", "remediationStatus": "none"}


def _user(state: Document) -> Iterator[tuple[str, Evidence]]:
    account = {
        "accountName": state.get("accountName"),
        "azureAdUserId": state.get("aadUserId"),
        "domainName": state.get("domainName"),
        "userPrincipalName": state.get("userPrincipalName"),
        "userSid": state.get("onPremisesSecurityIdentifier"),
    }
    yield "userEvidence", {"userAccount": _told(account)}


def _host(state: Document) -> Iterator[tuple[str, Evidence]]:
    yield (
        "deviceEvidence",
        {
            "deviceDnsName": state.get("fqdn"),
            "hostName": state.get("netBiosName"),
            "osPlatform": state.get("os"),
            "lastIpAddress": state.get("privateIpAddress"),
            "lastExternalIpAddress": state.get("publicIpAddress"),
        },
    )


def _file(state: Document) -> Iterator[tuple[str, Evidence]]:
    yield "fileEvidence", {"fileDetails": _details(state)}


def _connection(state: Document) -> Iterator[tuple[str, Evidence]]:
    yield "ipEvidence", {"ipAddress": state.get("destinationAddress")}
    yield "urlEvidence", {"url": state.get("destinationUrl")}


def _malware(state: Document) -> Iterator[tuple[str, Evidence]]:
    yield "malwareEvidence", {"name": state.get("name") or state.get("family"), "category": state.get("category")}


def _process(state: Document) -> Iterator[tuple[str, Evidence]]:
    parent = state.get("parentProcessName")
    account = state.get("accountName")
    yield (
        "processEvidence",
        {
            "processId": state.get("processId"),
            "processCommandLine": state.get("commandLine"),
            "processCreationDateTime": state.get("createdDateTime"),
            "imageFile": _details(state),
            "parentProcessId": state.get("parentProcessId"),
            "parentProcessCreationDateTime": state.get("parentProcessCreatedDateTime"),
            "parentProcessImageFile": {"fileName": parent} if parent else None,
            "userAccount": {"accountName": account} if account else None,
        },
    )


def _registry(state: Document) -> Iterator[tuple[str, Evidence]]:
    place = {"registryHive": sources.hive_name(state.get("hive")), "registryKey": state.get("key")}
    if state.get("valueName") is None and state.get("valueData") is None:
        yield "registryKeyEvidence", place
        return
    value = {
        "registryValue": state.get("valueData"),
        "registryValueName": state.get("valueName"),
        "registryValueType": state.get("valueType"),
    }
    yield "registryValueEvidence", {**place, **value}


def _details(state: Document) -> Evidence | None:
    """Answer a file as `fileDetails`: its name, path and hash."""
    given = state.get("fileHash") or {}
    member = _HASHES.get(given.get("hashType") or "")
    found = {"fileName": state.get("name"), "filePath": state.get("path")}
    if member is not None:
        found[member] = given.get("hashValue")
    return _told(found)


def _told(values: Evidence) -> Evidence | None:
    return {name: value for name, value in values.items() if value is not None} or None


_MAKERS: tuple[tuple[str, Callable[[Document], Iterator[tuple[str, Evidence]]]], ...] = (
    ("userStates", _user),
    ("hostStates", _host),
    ("fileStates", _file),
    ("networkConnections", _connection),
    ("malwareStates", _malware),
    ("processes", _process),
    ("registryKeyStates", _registry),
)
