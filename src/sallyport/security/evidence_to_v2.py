"""The states of a legacy alert as the evidence of an alert of alerts_v2.

The rule: an element becomes evidence where the official table, or our choice beside it, names a type for it; the rest
stays in the legacy shape alone and is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sallyport.security import sources

Document = Mapping[str, Any]
Evidence = dict[str, Any]

#: Types of evidence with what is told of each; nothing is told of what a state does not say.
_Made = tuple[tuple[str, Evidence], ...]

_NAMESPACE = "#microsoft.graph.security."
_USER, _DEVICE, _FILE, _IP, _URL, _MALWARE, _PROCESS, _REGISTRY_KEY, _REGISTRY_VALUE = (
    f"{_NAMESPACE}{kind}Evidence"
    for kind in ("user", "device", "file", "ip", "url", "malware", "process", "registryKey", "registryValue")
)
#: The members of evidence, each with the property of the state that it repeats.
_ACCOUNT_NAMES = {
    "accountName": "accountName",
    "azureAdUserId": "aadUserId",
    "domainName": "domainName",
    "userPrincipalName": "userPrincipalName",
    "userSid": "onPremisesSecurityIdentifier",
}
_DEVICE_NAMES = {
    "deviceDnsName": "fqdn",
    "hostName": "netBiosName",
    "osPlatform": "os",
    "lastIpAddress": "privateIpAddress",
    "lastExternalIpAddress": "publicIpAddress",
}
_FILE_NAMES = {"fileName": "name", "filePath": "path"}
_IP_NAMES = {"ipAddress": "destinationAddress"}
_URL_NAMES = {"url": "destinationUrl"}
_PROCESS_NAMES = {
    "processId": "processId",
    "processCommandLine": "commandLine",
    "processCreationDateTime": "createdDateTime",
    "parentProcessId": "parentProcessId",
    "parentProcessCreationDateTime": "parentProcessCreatedDateTime",
}
_REGISTRY_VALUE_NAMES = {
    "registryValue": "valueData",
    "registryValueName": "valueName",
    "registryValueType": "valueType",
}
_HASHES = {"sha256": "sha256", "sha1": "sha1", "md5": "md5", "authenticodeHash256": "sha256Ac"}


def evidence_of(alert: Document) -> list[Evidence]:
    """Answer the evidence that a legacy alert's states amount to, in the order of the official table."""
    found: list[Evidence] = []
    # What all evidence says: nobody has judged or treated it.
    about = {"createdDateTime": alert.get("createdDateTime"), "verdict": "unknown", "remediationStatus": "none"}
    for collection, make in _MAKERS:
        for state in alert.get(collection) or ():
            found += [{"@odata.type": kind, **about, **told} for kind, told in make(state) if told]
    return found


def _renamed(state: Document, names: Mapping[str, str]) -> Evidence:
    """Answer what a state says under other names."""
    return {told: value for told, name in names.items() if (value := state.get(name)) is not None}


def _within(name: str, told: Evidence) -> Evidence:
    return {name: told} if told else {}


def _user(state: Document) -> _Made:
    return ((_USER, _within("userAccount", _renamed(state, _ACCOUNT_NAMES))),)


def _host(state: Document) -> _Made:
    return ((_DEVICE, _renamed(state, _DEVICE_NAMES)),)


def _file(state: Document) -> _Made:
    return ((_FILE, _within("fileDetails", _details(state))),)


def _connection(state: Document) -> _Made:
    return (_IP, _renamed(state, _IP_NAMES)), (_URL, _renamed(state, _URL_NAMES))


def _malware(state: Document) -> _Made:
    name = state.get("name") or state.get("family")
    return ((_MALWARE, _said({"name": name, "category": state.get("category")})),)


def _process(state: Document) -> _Made:
    told = _renamed(state, _PROCESS_NAMES)
    if details := _details(state):
        told["imageFile"] = details
    if parent := state.get("parentProcessName"):
        told["parentProcessImageFile"] = {"fileName": parent}
    if account := state.get("accountName"):
        told["userAccount"] = {"accountName": account}
    return ((_PROCESS, told),)


def _registry(state: Document) -> _Made:
    place = {"registryHive": sources.hive_name(state.get("hive")), "registryKey": state.get("key")}
    if state.get("valueName") is None and state.get("valueData") is None:
        return ((_REGISTRY_KEY, _said(place)),)
    return ((_REGISTRY_VALUE, {**_said(place), **_renamed(state, _REGISTRY_VALUE_NAMES)}),)


def _details(state: Document) -> Evidence:
    """Answer a file as `fileDetails`: its name, path and hash."""
    found = _renamed(state, _FILE_NAMES)
    given = state.get("fileHash") or {}
    member = _HASHES.get(given.get("hashType") or "")
    if member is not None and given.get("hashValue") is not None:
        found[member] = given["hashValue"]
    return found


def _said(values: Evidence) -> Evidence:
    return {name: value for name, value in values.items() if value is not None}


_MAKERS: tuple[tuple[str, Callable[[Document], _Made]], ...] = (
    ("userStates", _user),
    ("hostStates", _host),
    ("fileStates", _file),
    ("networkConnections", _connection),
    ("malwareStates", _malware),
    ("processes", _process),
    ("registryKeyStates", _registry),
)
