"""The evidence of an alert of alerts_v2 as the states of a legacy alert.

The rule: what has no place among the states is not lost: the alert keeps its evidence as it was brought.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sallyport.security import sources

Document = Mapping[str, Any]
State = dict[str, Any]

_HASHES = (("sha256", "sha256"), ("sha1", "sha1"), ("md5", "md5"), ("sha256Ac", "authenticodeHash256"))


def states_of(evidence: Iterable[Document]) -> dict[str, list[State]]:
    """Answer the states that evidence amounts to, by the collection of the legacy alert."""
    found: dict[str, list[State]] = {}
    for each in evidence:
        make = _MAKERS.get(kind_of(each))
        if make is None:
            continue
        for collection, state in make(each):
            told = {name: value for name, value in state.items() if value is not None}
            if told:
                found.setdefault(collection, []).append(told)
    return found


def kind_of(evidence: Document) -> str:
    """Answer the type of a piece of evidence without its namespace, such as `deviceEvidence`."""
    return str(evidence.get("@odata.type") or "").rpartition(".")[2]


def _user(each: Document) -> Iterator[tuple[str, State]]:
    yield "userStates", _account(each.get("userAccount") or {})


def _mailbox(each: Document) -> Iterator[tuple[str, State]]:
    account = _account(each.get("userAccount") or {})
    address = each.get("upn") or each.get("primaryAddress")
    yield "userStates", {**account, "userPrincipalName": account.get("userPrincipalName") or address}


def _account(account: Document) -> State:
    return {
        "aadUserId": account.get("azureAdUserId"),
        "accountName": account.get("accountName"),
        "domainName": account.get("domainName"),
        "onPremisesSecurityIdentifier": account.get("userSid"),
        "userPrincipalName": account.get("userPrincipalName"),
    }


def _device(each: Document) -> Iterator[tuple[str, State]]:
    yield (
        "hostStates",
        {
            "fqdn": each.get("deviceDnsName"),
            "netBiosName": each.get("hostName"),
            "os": each.get("osPlatform"),
            "privateIpAddress": each.get("lastIpAddress"),
            "publicIpAddress": each.get("lastExternalIpAddress"),
        },
    )


def _file(each: Document) -> Iterator[tuple[str, State]]:
    details = each.get("fileDetails") or {}
    place = {"name": details.get("fileName"), "path": details.get("filePath")}
    hashes: list[State | None] = [*_hashes(details)]
    for each_hash in hashes or [None]:
        yield "fileStates", {**_told(place), "fileHash": each_hash}


def _address(each: Document) -> Iterator[tuple[str, State]]:
    yield "networkConnections", {"destinationAddress": each.get("ipAddress")}


def _url(each: Document) -> Iterator[tuple[str, State]]:
    yield "networkConnections", {"destinationUrl": each.get("url")}


def _malware(each: Document) -> Iterator[tuple[str, State]]:
    yield "malwareStates", {"name": each.get("name"), "category": each.get("category")}


def _process(each: Document) -> Iterator[tuple[str, State]]:
    image, parent = each.get("imageFile") or {}, each.get("parentProcessImageFile") or {}
    hashes = _hashes(image)
    yield (
        "processes",
        {
            "accountName": (each.get("userAccount") or {}).get("accountName"),
            "commandLine": each.get("processCommandLine"),
            "createdDateTime": each.get("processCreationDateTime"),
            "fileHash": hashes[0] if hashes else None,
            "name": image.get("fileName"),
            "parentProcessCreatedDateTime": each.get("parentProcessCreationDateTime"),
            "parentProcessId": _int32(each.get("parentProcessId")),
            "parentProcessName": parent.get("fileName"),
            "path": image.get("filePath"),
            "processId": _int32(each.get("processId")),
        },
    )


def _key(each: Document) -> Iterator[tuple[str, State]]:
    yield "registryKeyStates", _place(each)


def _value(each: Document) -> Iterator[tuple[str, State]]:
    yield (
        "registryKeyStates",
        {**_place(each), "valueName": each.get("registryValueName"), "valueData": each.get("registryValue")},
    )


def _place(each: Document) -> State:
    key = each.get("registryKey")
    return {"hive": sources.hive_of(each.get("registryHive"), key), "key": key}


def _hashes(details: Document) -> list[State]:
    return [{"hashType": kind, "hashValue": details[name]} for name, kind in _HASHES if details.get(name)]


def _int32(number: Any) -> int | None:
    return number if isinstance(number, int) and -(2**31) <= number < 2**31 else None


def _told(values: State) -> State:
    return {name: value for name, value in values.items() if value is not None}


_MAKERS: Mapping[str, Callable[[Document], Iterator[tuple[str, State]]]] = {
    "userEvidence": _user,
    "mailboxEvidence": _mailbox,
    "deviceEvidence": _device,
    "fileEvidence": _file,
    "ipEvidence": _address,
    "urlEvidence": _url,
    "malwareEvidence": _malware,
    "processEvidence": _process,
    "registryKeyEvidence": _key,
    "registryValueEvidence": _value,
}
