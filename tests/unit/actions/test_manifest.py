"""Manifests, and the table that they belong to."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft7Validator

from sallyport.actions import ACTIONS, manifest
from sallyport.engine.action_type import ActionType, table
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.wdl import operation_types


async def nothing(_inputs: Any, _ctx: ActionContext) -> Outcome:
    return Succeeded()


@pytest.mark.parametrize("name", ACTIONS)
def test_every_action_type_is_described(name: str) -> None:
    described = manifest.load(name)
    assert described.type == name == operation_types.canonical(operation_types.ACTIONS, name.lower())
    assert described.title
    assert described.description.endswith(".")
    for schema in (described.inputs, described.outputs or {}, *described.properties.values()):
        Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("name", ACTIONS)
def test_only_containers_have_blocks_and_only_leaves_have_inputs(name: str) -> None:
    described = manifest.load(name)
    assert bool(described.blocks) is ACTIONS[name].container
    assert bool(described.inputs) is not ACTIONS[name].container


@pytest.mark.parametrize("name", ACTIONS)
def test_what_an_action_evaluates_itself_is_among_its_inputs(name: str) -> None:
    assert ACTIONS[name].deferred <= set(manifest.load(name).inputs.get("properties", {}))


def test_a_type_without_a_manifest_fails_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="The action type 'Unheard' has no manifest"):
        manifest.described(table(ActionType("Unheard", nothing)))


@pytest.mark.parametrize("name", ["Unheard", "../compose", ""])
def test_there_is_no_manifest_for_what_is_no_type(name: str) -> None:
    with pytest.raises(KeyError):
        manifest.load(name)
