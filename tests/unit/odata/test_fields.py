from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import pytest

from odata_entities import ENTITIES
from sallyport.odata import entity_alert_v2, instants, model, promoted
from sallyport.odata.entity_alert import ALERT, STRUCTURES
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.entity_subscription import SUBSCRIPTION
from sallyport.odata.fields import Structure, Type
from workplace import SHARED, needs_shared

_EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
#: Structures of our own, which no schema of Microsoft's has.
_OURS = (model.DICTIONARY, "matchedIndicator")
_SCHEMAS = {
    "v1_legacy_alert.xml": [each for name, each in STRUCTURES.items() if name not in _OURS],
    "beta_legacy_alert.xml": [each for name, each in STRUCTURES.items() if name not in _OURS],
    "beta_tiIndicator.xml": [INDICATOR],
    "v1_subscription.xml": [SUBSCRIPTION],
    "beta_subscription_security.xml": [SUBSCRIPTION],
    "beta_usnat_2026_alert_subscription.xml": [SUBSCRIPTION],
    "v1_alerts_v2_incident_evidence.xml": [INCIDENT, *entity_alert_v2.STRUCTURES.values()],
}
_PRIMITIVES = {"DateTimeOffset": "datetime", "Int32": "int32", "Int64": "int64", "Boolean": "boolean"}


def _schema(file: str) -> dict[str, ET.Element]:
    tree = ET.parse(SHARED / "reference" / "csdl" / file)
    return {
        f"{schema.get('Namespace')}.{element.get('Name')}": element
        for schema in tree.iter(f"{_EDM}Schema")
        for element in schema
    }


@needs_shared
@pytest.mark.parametrize("file", _SCHEMAS)
def test_every_property_of_the_schema_is_known_with_its_type(file: str) -> None:
    elements = _schema(file)
    for structure in _SCHEMAS[file]:
        element = elements[structure.name]
        assert structure.open == (element.get("OpenType") == "true") or structure.name.endswith(".dictionary")
        for declared in element.iter(f"{_EDM}Property"):
            field = structure.field(declared.get("Name", "").upper())
            assert field is not None, declared.attrib
            assert field.name == declared.get("Name")
            kind = declared.get("Type", "")
            assert field.collection == kind.startswith("Collection(")
            bare = kind.removeprefix("Collection(").rstrip(")").rpartition(".")[2]
            if field.enum is not None:
                assert field.enum.name == bare
            elif field.structure is not None:
                assert field.structure.name.rpartition(".")[2] == bare
            else:
                assert field.type == _PRIMITIVES.get(bare, bare.lower())


@needs_shared
def test_no_table_has_a_property_that_no_schema_has() -> None:
    # What a subscription may say differs between the versions; both are served alike.
    elements = [_schema(file) for file in _SCHEMAS]
    for structure in {each for known in _SCHEMAS.values() for each in known} - {
        entity_alert_v2.STRUCTURES["dictionary"]
    }:
        declared = {
            each.get("Name")
            for schema in elements
            if structure.name in schema
            for each in schema[structure.name].iter(f"{_EDM}Property")
        }
        ours = {field.name for field in structure.own() if not field.extension} - declared
        assert ours <= ({"id", "riskScore"} if structure is ALERT else {"id"}), structure


def _enumerations(structure: Structure, seen: set[str]) -> Iterator[Any]:
    for field in structure:
        if field.extension:
            continue
        if field.enum is not None:
            yield field.enum
        if field.structure is not None and field.structure.name not in seen:
            seen.add(field.structure.name)
            yield from _enumerations(field.structure, seen)


@needs_shared
@pytest.mark.parametrize("file", _SCHEMAS)
def test_every_enumeration_has_the_numbers_of_the_schema(file: str) -> None:
    declared = {
        name.rpartition(".")[2]: {member.get("Name"): int(member.get("Value", "")) for member in element}
        for name, element in _schema(file).items()
        if element.tag == f"{_EDM}EnumType"
    }
    for structure in _SCHEMAS[file]:
        for enum in _enumerations(structure, set()):
            assert enum.members == declared[enum.name]


@needs_shared
@pytest.mark.parametrize("sample", ["asc", "ipc", "mcas", "mde"])
def test_every_property_of_a_captured_alert_is_known_with_its_casing(sample: str) -> None:
    def check(value: Any, structure: Structure) -> None:
        for name, inner in value.items():
            field = structure.field(name)
            if name.startswith("@") or name == "CustomProperties":
                continue
            assert field is not None, name
            assert field.name == name
            for each in inner if isinstance(inner, list) else [inner]:
                if field.structure is not None and each is not None:
                    check(each, field.structure)
                if field.type is Type.DATETIME and each is not None:
                    assert instants.wire(each) == each

    alert = json.loads((SHARED / "samples" / f"alert-legacy-{sample}.json").read_text(encoding="utf-8"))
    check(alert, ALERT)


def test_an_answer_shows_nothing_as_the_schema_says() -> None:
    roles = STRUCTURES["userSecurityState"].field("emailRole")
    assert roles is not None
    assert roles.empty() == "unknown"
    assert [field.empty() for field in (ALERT.field("tags"), ALERT.field("severity")) if field] == [[], None]


def test_evidence_inherits_what_all_evidence_has() -> None:
    device = entity_alert_v2.STRUCTURES["deviceEvidence"]
    assert [field.name for field in device][:2] == ["createdDateTime", "detailedRoles"]
    assert device.field("VERDICT") is not None
    assert device.field("ipAddress") is None


def test_an_enumeration_knows_its_members_in_any_case_and_which_came_late() -> None:
    enum = entity_alert_v2.ENUMERATIONS["incidentStatus"]
    assert (enum.canonical("AWAITINGACTION"), enum.rank("Active"), enum.rank("new")) == ("awaitingAction", 1, None)
    assert enum.late == {"awaitingAction"}
    assert entity_alert_v2.ENUMERATIONS["alertDetermination"].canonical("clean") == "notMalicious"


@pytest.mark.parametrize(
    ("text", "sortable", "wire"),
    [
        ("2022-04-12T01:49:42.3797106Z", "2022-04-12T01:49:42.3797106Z", "2022-04-12T01:49:42.3797106Z"),
        ("2022-04-12T01:49:42.379710699Z", "2022-04-12T01:49:42.3797106Z", "2022-04-12T01:49:42.3797106Z"),
        ("2022-03-30T10:16:56.846Z", "2022-03-30T10:16:56.8460000Z", "2022-03-30T10:16:56.846Z"),
        ("2026-12-01T00:00:00+00:00", "2026-12-01T00:00:00.0000000Z", "2026-12-01T00:00:00Z"),
        ("2026-12-01T00:30:00.5+02:00", "2026-11-30T22:30:00.5000000Z", "2026-11-30T22:30:00.5Z"),
        ("2020-01-02 03:04:05", "2020-01-02T03:04:05.0000000Z", "2020-01-02T03:04:05Z"),
        ("2020-04-20", "2020-04-20T00:00:00.0000000Z", "2020-04-20T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z", "0001-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+01:00", None, None),
        ("2022-02-30", None, None),
        ("2022-01-01T24:00:00Z", None, None),
        ("2022-01-01T00:00:00+24:00", None, None),
        ("٢٠٢٢-01-01", None, None),
        ("soon", None, None),
    ],
)
def test_an_instant_has_one_sortable_text_and_one_on_the_wire(
    text: str, sortable: str | None, wire: str | None
) -> None:
    assert (instants.sortable(text), instants.wire(text)) == (sortable, wire)


def test_a_column_holds_what_a_filter_compares() -> None:
    alert = {
        "severity": "High",
        "createdDateTime": "2022-01-01T00:00:00.5Z",
        "vendorInformation": {"provider": "ASC"},
        "title": 5,
    }
    read = {path: promoted.reader(path, ALERT)(alert) for path in ("SEVERITY", "createdDateTime", "provider", "title")}
    assert read == {
        "SEVERITY": 4,
        "createdDateTime": "2022-01-01T00:00:00.5000000Z",
        "provider": "ASC",
        "title": None,
    }


def test_entities_are_told_apart_by_their_qualified_names() -> None:
    assert len({entity.name for entity in ENTITIES.values()}) == len(ENTITIES)
