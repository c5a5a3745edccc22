"""The table of triggers, and what is told of each type beside its code."""

from __future__ import annotations

import jsonschema
import pytest

from sallyport.triggers import TRIGGERS, manifest, trigger_type
from sallyport.triggers.request import CALLABLE
from sallyport.triggers.trigger_type import TriggerType
from sallyport.wdl import operation_types


@pytest.mark.parametrize("name", TRIGGERS)
def test_every_type_is_one_of_the_language_and_has_a_manifest(name: str) -> None:
    assert operation_types.canonical(operation_types.TRIGGERS, name) == name
    told = manifest.load(name)
    assert told.type == name
    for schema in (told.inputs, told.outputs or {}, *told.properties.values()):
        jsonschema.Draft7Validator.check_schema(dict(schema))


@pytest.mark.parametrize("trigger", TRIGGERS.values(), ids=lambda each: each.name)
def test_a_type_that_looks_says_when_it_looks_first(trigger: TriggerType) -> None:
    assert (trigger.begin is None) is (trigger.handler is None)
    assert trigger.called or trigger.handler is not None


def test_the_types_that_can_be_called_are_those_that_requests_reach() -> None:
    assert {name for name, each in TRIGGERS.items() if each.called} == CALLABLE - {"Manual"}


def test_a_type_twice_in_the_table_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="twice"):
        trigger_type.table(TRIGGERS["Request"], TRIGGERS["Request"])


def test_a_type_without_a_manifest_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"manifests/Unheard\.json"):
        manifest.described({"Unheard": TriggerType("Unheard", called=True)})


@pytest.mark.parametrize("name", ["../__init__", "Recurrence.json", "Nothing", ""])
def test_a_manifest_is_found_by_the_name_of_a_type_alone(name: str) -> None:
    with pytest.raises(KeyError):
        manifest.load(name)
