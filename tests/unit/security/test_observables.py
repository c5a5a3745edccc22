from __future__ import annotations

import json
from typing import Any

import pytest

from sallyport.odata import entity_alert_v2
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.fields import Type
from sallyport.security import evidence_observables, observables, values
from sallyport.security.alert_shapes import PRIVATE
from sallyport.security.observables import Observable
from sallyport.security.values import Kind
from workplace import SHARED, needs_shared

_ALERT: dict[str, Any] = {
    "hostStates": [{"fqdn": "PC1.contoso.com", "netBiosName": "PC1", "privateIpAddress": "10.0.0.5"}],
    "userStates": [
        {"userPrincipalName": "Ann@contoso.com", "accountName": "ann", "emailRole": "recipient"},
        {"userPrincipalName": "bob@evil.example", "emailRole": "sender"},
    ],
    "networkConnections": [
        {"destinationAddress": "203.0.113.9", "destinationUrl": "http://cdn.evil.example/x", "sourceAddress": None}
    ],
    "fileStates": [
        {"name": "evil.exe", "path": "C:\\Temp", "fileHash": {"hashType": "sha256", "hashValue": "ABCD"}},
        {"name": None, "path": "C:\\Temp\\other.dll", "fileHash": None},
    ],
    "processes": [{"name": "cmd.exe", "parentProcessName": "word.exe", "fileHash": {"hashValue": "EF"}}],
    "messageSecurityStates": [{"connectingIP": "198.51.100.1", "messageSubject": "Your invoice"}],
    "uriClickSecurityStates": [{"uriDomain": "click.example"}],
    "cloudAppStates": [{"destinationServiceIp": "198.51.100.2"}],
    "triggers": [
        {"name": "Mutex Name", "type": "String", "value": "Global\\Evil"},
        {"name": "userAgent", "value": "EvilBot/1.0"},
        {"name": "port", "value": "80"},
    ],
}


def test_an_alert_mentions_what_its_states_hold() -> None:
    found = observables.of_alert(_ALERT)

    assert [(each.kind.value, each.value, each.path) for each in found] == [
        ("host", "pc1.contoso.com", "hostStates/fqdn"),
        ("domain", "contoso.com", "hostStates/fqdn"),
        ("host", "pc1", "hostStates/netBiosName"),
        ("address", "10.0.0.5", "hostStates/privateIpAddress"),
        ("user", "ann@contoso.com", "userStates/userPrincipalName"),
        ("account", "ann", "userStates/accountName"),
        ("user", "bob@evil.example", "userStates/userPrincipalName"),
        ("address", "203.0.113.9", "networkConnections/destinationAddress"),
        ("url", "http://cdn.evil.example/x", "networkConnections/destinationUrl"),
        ("domain", "cdn.evil.example", "networkConnections/destinationUrl"),
        ("domain", "evil.example", "networkConnections/destinationUrl"),
        ("fileName", "evil.exe", "fileStates/name"),
        ("fileName", "cmd.exe", "processes/name"),
        ("fileName", "word.exe", "processes/parentProcessName"),
        ("address", "198.51.100.2", "cloudAppStates/destinationServiceIp"),
        ("address", "198.51.100.1", "messageSecurityStates/connectingIP"),
        ("subject", "your invoice", "messageSecurityStates/messageSubject"),
        ("domain", "click.example", "uriClickSecurityStates/uriDomain"),
        ("hash", "abcd", "fileStates/fileHash/hashValue"),
        ("hash", "ef", "processes/fileHash/hashValue"),
        ("fileName", "other.dll", "fileStates/path"),
        ("mutex", "global\\evil", "triggers/value"),
        ("userAgent", "evilbot/1.0", "triggers/value"),
    ]


def test_an_alert_is_found_under_the_keys_of_all_that_it_mentions() -> None:
    assert observables.keys_of_alert(_ALERT) == {each.key for each in observables.of_alert(_ALERT)}


def test_evidence_that_has_no_place_among_the_states_is_mentioned_too() -> None:
    evidence = [
        {
            "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
            "p1Sender": {"emailAddress": "m@evil.example"},
            "subject": "Invoice",
            "urls": ["http://x.evil.example/"],
        },
        {"@odata.type": "#microsoft.graph.security.cloudLogonSessionEvidence", "userAgent": "EvilBot"},
        {"@odata.type": "#microsoft.graph.security.dnsEvidence", "ipAddresses": [{"ipAddress": "203.0.113.9"}, None]},
        {"@odata.type": "#microsoft.graph.security.fileHashEvidence", "value": "ABCD"},
        {"@odata.type": "#microsoft.graph.security.sasTokenEvidence", "allowedIpAddresses": "203.0.113.10"},
    ]

    found = observables.of_alert({PRIVATE: {"evidence": evidence}})

    assert [(each.kind.value, each.value, each.path) for each in found] == [
        ("email", "m@evil.example", "evidence/analyzedMessageEvidence/p1Sender/emailAddress"),
        ("subject", "invoice", "evidence/analyzedMessageEvidence/subject"),
        ("url", "http://x.evil.example/", "evidence/analyzedMessageEvidence/urls"),
        ("domain", "x.evil.example", "evidence/analyzedMessageEvidence/urls"),
        ("domain", "evil.example", "evidence/analyzedMessageEvidence/urls"),
        ("userAgent", "evilbot", "evidence/cloudLogonSessionEvidence/userAgent"),
        ("address", "203.0.113.9", "evidence/dnsEvidence/ipAddresses/ipAddress"),
        ("hash", "abcd", "evidence/fileHashEvidence/value"),
    ]


@pytest.mark.parametrize("kind", evidence_observables.PROPERTIES)
def test_the_listed_paths_of_evidence_are_texts_of_the_schema(kind: str) -> None:
    for path in evidence_observables.PROPERTIES[kind]:
        structure = entity_alert_v2.STRUCTURES[kind]
        *above, last = path.split("/")
        for name in above:
            field = structure.field(name)
            assert field is not None, path
            assert field.structure is not None, path
            structure = field.structure
        found = structure.field(last)
        assert found is not None, path
        assert (found.name, found.type) == (last, Type.STRING)


def test_an_alert_that_says_nothing_is_found_under_no_key() -> None:
    assert observables.keys_of_alert({"title": "t", "hostStates": [], "fileStates": [{}]}) == set()


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"networkIPv4": "192.0.2.1"}, [(Kind.ADDRESS, "192.0.2.1", "networkIPv4")]),
        ({"networkIPv4": "192.0.2.0/24"}, [(Kind.NETWORK, "192.0.2.0/24", "networkIPv4")]),
        ({"networkCidrBlock": "192.0.2.9/24"}, [(Kind.NETWORK, "192.0.2.0/24", "networkCidrBlock")]),
        ({"networkCidrBlock": "192.0.2.9"}, [(Kind.ADDRESS, "192.0.2.9", "networkCidrBlock")]),
        ({"networkCidrBlock": "192.0.2.9/32"}, [(Kind.ADDRESS, "192.0.2.9", "networkCidrBlock")]),
        ({"networkCidrBlock": "0.0.0.0/0"}, []),
        ({"networkCidrBlock": "nonsense/24"}, []),
        ({"domainName": "Evil.Example"}, [(Kind.DOMAIN, "evil.example", "domainName")]),
        ({"url": "http://evil.example/x"}, [(Kind.URL, "http://evil.example/x", "url")]),
        (
            {"fileName": "a.exe, B.exe"},
            [(Kind.FILE_NAME, "a.exe", "fileName"), (Kind.FILE_NAME, "b.exe", "fileName")],
        ),
        ({"fileName": "svchost.exe", "fileHashValue": "AB"}, [(Kind.HASH, "ab", "fileHashValue")]),
        (
            {"emailSenderAddress": "m@evil.example", "emailRecipient": "ann@contoso.com"},
            [(Kind.EMAIL, "m@evil.example", "emailSenderAddress")],
        ),
        ({"emailRecipient": "ann@contoso.com"}, [(Kind.EMAIL, "ann@contoso.com", "emailRecipient")]),
        (
            {"url": "http://a.example/", "alternativeObservables": [{"domainName": "b.example"}, "nonsense"]},
            [(Kind.URL, "http://a.example/", "url"), (Kind.DOMAIN, "b.example", "domainName")],
        ),
        ({"networkPort": 80, "domainName": "  "}, []),
    ],
)
def test_an_indicator_looks_for_its_strongest_observables(
    document: dict[str, Any], found: list[tuple[Kind, str, str]]
) -> None:
    assert observables.of_indicator(document) == [Observable(*each) for each in found]


def test_an_indicator_is_found_by_what_it_looks_for_and_by_what_stands_in_it() -> None:
    keys = observables.keys_of_indicator({"fileName": "a.exe,b.exe", "fileHashValue": "AB"})

    assert keys == {
        values.key(Kind.HASH, "ab"),
        values.property_key("fileHashValue", "ab"),
        values.property_key("fileName", "A.exe,b.exe"),
    }


def test_an_indicator_names_the_lengths_of_its_networks() -> None:
    document = {"networkCidrBlock": "192.0.2.0/24", "networkSourceCidrBlock": "2001:db8::/32", "networkIPv4": "1.2.3.4"}

    assert observables.prefixes_of_indicator(document) == {(4, 24), (6, 32)}


def test_the_listed_properties_are_texts_of_the_schema() -> None:
    paths = [path for members in observables.ALERT_PROPERTIES.values() for _, _, path in members]
    for path in [*paths, *observables.HASHED.values()]:
        structure = ALERT
        *above, last = path.split("/")
        for name in above:
            field = structure.field(name)
            assert field is not None
            assert field.structure is not None
            structure = field.structure
        found = structure.field(last)
        assert found is not None, path
        assert (found.name, found.type, found.collection) == (last, Type.STRING, False)
    for name in observables.INDICATOR_PROPERTIES:
        found = INDICATOR.field(name)
        assert found is not None, name
        assert (found.name, found.type) == (name, Type.STRING)


@needs_shared
def test_a_real_alert_mentions_its_host_user_and_addresses() -> None:
    alert = json.loads((SHARED / "samples/alert-legacy-mde.json").read_text())

    kinds = {each.kind for each in observables.of_alert(alert)}

    assert {Kind.HOST, Kind.USER, Kind.ACCOUNT, Kind.ADDRESS} <= kinds
