"""Every filter that the documentation and real clients use, in memory and in SQL, over random resources."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from odata_databases import Resources
from odata_entities import ENTITIES
from sallyport.odata import bind
from sallyport.odata.matches import matches
from workplace import CASES, SHARED, needs_shared

Json = dict[str, Any]

DOCUMENTED = json.loads((CASES / "odata" / "documented.json").read_text(encoding="utf-8"))
_ODD = st.sampled_from([None, 5, True, "x", [], {}, [1], {"a": "b"}])
_TIMES = ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.0000001Z", "2022-01-15T00:00:00Z", "2026-11-10T00:00:00.5Z"]
_TEXTS = ["x", "X", "A", "pc123.contoso.com", "p", "PC123.CONTOSO.COM", "user@contoso.com", "User@Contoso.com", "aa64"]
_MORE = ["AA64", "a.exe", "evil.example", "203.0.113.7", "at 203.0.113.70", "feed-1", "analyst@contoso.com", ""]
_text, _time = st.sampled_from([*_TEXTS, *_MORE]), st.sampled_from(_TIMES)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Answer objects that mostly have the members' types."""
    usual = {name: st.one_of(each, each, each, each, _ODD) for name, each in members.items()}
    return st.fixed_dictionaries({}, optional=usual)


def _some(element: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.one_of(element, element, element, _ODD), max_size=3)


_hash = _object(hashType=st.sampled_from(["sha1", "sha256", "SHA256"]), hashValue=_text)
_account = _object(userPrincipalName=_text, accountName=_text)
_kinds = ["deviceEvidence", "userEvidence", "ipEvidence", "DeviceEvidence"]
_type = st.builds(
    lambda mark, kind: f"{mark}microsoft.graph.security.{kind}", st.sampled_from(["#", ""]), st.sampled_from(_kinds)
)
_providers = ["IPC", "ASC", "A", "B", "Azure Security Center", "Palo Alto Networks"]
_severities = st.sampled_from(["unknown", "informational", "low", "medium", "high", "High"])

RESOURCES: dict[str, st.SearchStrategy[Json]] = {
    "alert": _object(
        severity=_severities,
        status=st.sampled_from(["newAlert", "inProgress", "resolved", "dismissed"]),
        category=_text,
        assignedTo=_text,
        createdDateTime=_time,
        eventDateTime=_time,
        lastModifiedDateTime=_time,
        vendorInformation=_object(provider=st.sampled_from(_providers)),
        hostStates=_some(_object(fqdn=_text)),
        userStates=_some(_account),
        fileStates=_some(_object(name=_text, fileHash=_hash)),
        networkConnections=_some(_object(destinationDomain=_text, sourceAddress=_text, natSourceAddress=_text)),
    ),
    "alert_v2": _object(
        severity=_severities,
        status=st.sampled_from(["new", "inProgress", "resolved", "unknown"]),
        serviceSource=st.sampled_from(["microsoftDefenderForEndpoint", "microsoftSentinel", "unknown"]),
        evidence=_some(_object(**{"@odata.type": _type}, deviceDnsName=_text, userAccount=_account)),
    ),
    "incident": _object(severity=_severities, status=st.sampled_from(["active", "Active", "resolved", "redirected"])),
    "indicator": _object(
        externalId=_text,
        threatType=st.sampled_from(["DDoS", "MaliciousUrl", "Malware", "ddos"]),
        networkIPv4=_text,
    ),
}


@pytest.fixture(scope="session")
def tables(database: Engine) -> dict[str, Resources]:
    """A table of each entity."""
    return {name: Resources(database, ENTITIES[name]) for name in RESOURCES}


@pytest.mark.parametrize("name", RESOURCES)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_memory_and_tables_answer_every_documented_filter_alike(
    tables: dict[str, Resources], name: str, data: st.DataObject
) -> None:
    resources = data.draw(st.lists(RESOURCES[name], min_size=1, max_size=10))
    named = [{**each, "id": str(index)} for index, each in enumerate(resources)]
    tables[name].fill(named)
    for text in (each["filter"] for each in DOCUMENTED if each["entity"] == name):
        condition = bind.read_filter(text, ENTITIES[name])
        expected = {each["id"] for each in named if matches(condition, each, ENTITIES[name])}
        assert tables[name].selected(condition) == expected, text


@needs_shared
def test_the_table_holds_every_filter_of_the_fact_sheet() -> None:
    sheet = (SHARED / "reference" / "graph-api.md").read_text(encoding="utf-8")
    section = sheet.partition("### 8.2")[2].partition("### 8.3")[0]
    blocks = [each.strip("\n") for each in section.split("```")[1::2]]
    listed = [*blocks[0].splitlines(), " ".join(line.strip() for line in blocks[1].splitlines())]
    known = {each["filter"].strip() for each in DOCUMENTED}
    assert [each for each in listed if each.removesuffix("\u2420").strip() not in known] == []
