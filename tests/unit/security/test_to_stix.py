from __future__ import annotations

import uuid
from typing import Any

import pytest
import stix2  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from sallyport.security import observables, stix, to_stix

ID = "7d1e0c52-71a2-445c-ab86-927291df48f8"
STAMPED = {"id": ID, "ingestedDateTime": "2026-11-23T12:00:00Z", "expirationDateTime": "2026-12-01T00:00:00Z"}
MODIFIED = "2026-11-24T12:00:00.000Z"


def test_an_indicator_is_drawn_as_a_stix_object_that_stix2_reads() -> None:
    document: dict[str, Any] = {
        **STAMPED,
        "networkIPv4": "203.0.113.9",
        "description": "Command and control",
        "externalId": "feed-1",
        "confidence": 80,
        "killChain": ["C2", "delivery", "unheard of"],
        "tags": ["apt"],
        "tlpLevel": "amber",
        "isActive": False,
    }

    drawn = to_stix.indicator(document, MODIFIED)
    read = stix2.parse(drawn)

    assert read.id == f"indicator--{ID}"
    assert read.pattern == "[ipv4-addr:value = '203.0.113.9']"
    assert (read.revoked, read.confidence, read.labels) == (True, 80, ["apt"])
    assert [each.phase_name for each in read.kill_chain_phases] == ["command-and-control", "delivery"]
    assert read.object_marking_refs == ["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"]
    assert drawn["valid_until"] == "2026-12-01T00:00:00.000Z"
    assert drawn["external_references"] == [{"source_name": "externalId", "external_id": "feed-1"}]


@pytest.mark.parametrize(
    ("document", "pattern"),
    [
        ({"networkCidrBlock": "10.0.0.0/8"}, "[ipv4-addr:value = '10.0.0.0/8']"),
        ({"networkDestinationIPv6": "2001:db8::1"}, "[ipv6-addr:value = '2001:db8::1']"),
        ({"url": "http://a/'x'"}, r"[url:value = 'http://a/\'x\'']"),
        ({"fileHashValue": "ab" * 32, "fileHashType": "sha256"}, f"[file:hashes.'SHA-256' = '{'ab' * 32}']"),
        ({"fileHashValue": "ab" * 32, "fileHashType": "sha1"}, f"[file:hashes.UNKNOWN = '{'ab' * 32}']"),
        ({"fileHashValue": "AB" * 16}, f"[file:hashes.MD5 = '{'AB' * 16}']"),
        ({"fileHashValue": "3:abc:def", "fileHashType": "ctph"}, "[file:hashes.SSDEEP = '3:abc:def']"),
        ({"domainName": "a", "alternativeObservables": [{"domainName": "b"}]}, None),
        ({"fileMutexName": "Global\\Evil"}, r"[mutex:name = 'Global\\Evil']"),
        ({"filePacker": "upx"}, "[x-ti-indicator:filePacker = 'upx']"),
    ],
)
def test_what_an_indicator_looks_for_is_a_pattern(document: dict[str, Any], pattern: str | None) -> None:
    drawn = to_stix.indicator({**STAMPED, **document}, MODIFIED)

    assert drawn["pattern"] == (pattern or "[domain-name:value = 'a' OR domain-name:value = 'b']")
    stix2.parse(drawn)


_TEXT = st.text(min_size=1, max_size=30).filter(str.strip)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "networkIPv4": st.ip_addresses(v=4).map(str),
            "networkIPv6": st.ip_addresses(v=6).map(str),
            "networkCidrBlock": st.sampled_from(["10.0.0.0/8", "2001:db8::/32"]),
            "domainName": _TEXT,
            "url": _TEXT,
            "fileHashValue": _TEXT,
            "fileMutexName": _TEXT,
            "emailSenderAddress": _TEXT,
        },
    ).filter(bool)
)
def test_an_indicator_drawn_and_read_again_looks_for_the_same(document: dict[str, Any]) -> None:
    drawn = to_stix.indicator({**STAMPED, **document}, MODIFIED)
    again = stix.indicator(drawn)

    assert again is not None
    sought = {(each.kind, each.value) for each in observables.of_indicator(document)}
    assert {(each.kind, each.value) for each in observables.of_indicator(again)} == sought
    assert stix.faults(drawn) == []


def test_an_uploaded_object_keeps_its_id() -> None:
    uploaded = f"indicator--{uuid.UUID(int=5)}"

    assert to_stix.object_id({**STAMPED, "stixId": uploaded}) == uploaded
    assert to_stix.object_id({**STAMPED, "stixId": "nonsense"}) == f"indicator--{ID}"
