"""Reads the structure of a workflow definition: blocks, containers, `runAfter`, declarations.

The rule to know: what real definitions do is accepted (any letter case, missing or null `runAfter`, unknown
properties); what would leave the structure ambiguous (two actions of one name, something that is not an object) is
refused where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sallyport import statuses
from sallyport.statuses import Status
from sallyport.wdl import operation_types
from sallyport.wdl.definition import (
    MISSING,
    Action,
    Block,
    Definition,
    InvalidDefinition,
    Output,
    ParameterDeclaration,
    Trigger,
    digest_of,
    pointer_to,
)

if TYPE_CHECKING:
    from sallyport.wdl.values import Json

#: Containers inside containers that the parser follows. Far above the documented limit of 8, which the checker reports.
DEEPEST = 64

_LOOPS = ("Foreach", "Until")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the definition a block is."""

    pointer: str = "/actions"
    parent: str | None = None
    branch: str | None = None
    loops: tuple[str, ...] = ()
    depth: int = 0


@dataclass(slots=True)
class _Reader:
    #: A runAfter may name a trigger (agents do): it has run by then, so that the name adds nothing.
    triggers: frozenset[str]
    actions: dict[str, Action] = field(default_factory=dict)
    #: Where each name was first seen, while its action is still being read.
    seen: dict[str, str] = field(default_factory=dict)

    def block(self, value: Json, place: _Place) -> Block:
        if place.depth > DEEPEST:
            raise InvalidDefinition(place.pointer, f"Actions are nested more than {DEEPEST} deep.")
        raw = _object(value, place.pointer, "The actions")
        spelling = {name.casefold(): name for name in raw}
        actions = {name: self.action(name, each, place, raw, spelling) for name, each in raw.items()}
        successors: dict[str, list[str]] = {name: [] for name in actions}
        for action in actions.values():
            for name in action.run_after:
                if name in successors:
                    successors[name].append(action.name)
        return Block(
            actions=actions,
            successors={name: tuple(after) for name, after in successors.items()},
            predecessors={name: len(action.run_after) for name, action in actions.items()},
            roots=tuple(name for name, action in actions.items() if not action.run_after),
            leaves=tuple(name for name, after in successors.items() if not after),
        )

    def action(
        self, name: str, value: Json, place: _Place, siblings: Mapping[str, Json], spelling: Mapping[str, str]
    ) -> Action:
        pointer = pointer_to(place.pointer, name)
        if name in self.seen:
            raise InvalidDefinition(
                pointer, f"The action name '{name}' is used more than once (also at {self.seen[name]})."
            )
        self.seen[name] = pointer
        raw = _object(value, pointer, f"The action '{name}'")
        type_name = operation_types.canonical(operation_types.ACTIONS, _type(raw, pointer, f"action '{name}'"))
        loops = (*place.loops, name) if type_name in _LOOPS else place.loops
        inside = _Place(pointer, name, None, loops, place.depth + 1)
        action = Action(
            name=name,
            type=type_name,
            kind=_optional_text(raw, "kind", pointer),
            pointer=pointer,
            raw=raw,
            operation_options=_options(raw),
            secure_inputs=_is_secure(raw, "inputs"),
            secure_outputs=_is_secure(raw, "outputs"),
            run_after=_run_after(raw, pointer, siblings, spelling, self.triggers),
            blocks=dict(self.blocks(type_name, raw, inside)),
            parent=place.parent,
            branch=place.branch,
            loops=place.loops,
        )
        self.actions[name] = action
        return action

    def blocks(self, type_name: str, raw: Mapping[str, Json], place: _Place) -> Iterator[tuple[str, Block]]:
        if type_name in ("Scope", "Foreach", "Until", "If"):
            yield "actions", self.branch("actions", raw, place)
        if type_name == "If":
            yield "else", self.nested("else", raw.get("else"), pointer_to(place.pointer, "else"), place)
        if type_name == "Switch":
            pointer = pointer_to(place.pointer, "cases")
            for name, case in _object(raw.get("cases"), pointer, "The cases").items():
                yield f"case:{name}", self.nested(f"case:{name}", case, pointer_to(pointer, name), place)
            yield "default", self.nested("default", raw.get("default"), pointer_to(place.pointer, "default"), place)

    def nested(self, branch: str, value: Json, pointer: str, place: _Place) -> Block:
        raw = _object(value, pointer, f"The branch '{branch}'")
        return self.branch(branch, raw, _Place(pointer, place.parent, None, place.loops, place.depth))

    def branch(self, branch: str, raw: Mapping[str, Json], place: _Place) -> Block:
        pointer = pointer_to(place.pointer, "actions")
        return self.block(raw.get("actions"), _Place(pointer, place.parent, branch, place.loops, place.depth))


def read_definition(document: Mapping[str, Json], kind: str | None) -> Definition:
    """Answer the definition in a document; raises InvalidDefinition."""
    if not isinstance(document, dict):
        raise InvalidDefinition("", "A workflow definition must be an object.")
    digest = digest_of(document)
    triggers = _triggers(document)
    reader = _Reader(frozenset(triggers))
    root = reader.block(document.get("actions"), _Place())
    return Definition(
        raw=document,
        kind=kind,
        parameters=_parameters(document),
        triggers=triggers,
        root=root,
        outputs=_outputs(document),
        static_results=_object(document.get("staticResults"), "/staticResults", "The static results"),
        actions=reader.actions,
        digest=digest,
        _folded={name.casefold(): name for name in reader.actions},
    )


def _parameters(document: Mapping[str, Json]) -> dict[str, ParameterDeclaration]:
    declared = {}
    for name, value in _object(document.get("parameters"), "/parameters", "The parameters").items():
        pointer = pointer_to("/parameters", name)
        raw = _object(value, pointer, f"The parameter '{name}'")
        type_name = _declared_type(raw, pointer, f"parameter '{name}'")
        allowed = raw.get("allowedValues")
        if allowed is not None and not isinstance(allowed, list):
            raise InvalidDefinition(pointer, f"The allowedValues of the parameter '{name}' must be an array.")
        declared[name] = ParameterDeclaration(
            name=name,
            type=type_name,
            default=raw.get("defaultValue", MISSING),
            allowed_values=None if allowed is None else tuple(allowed),
        )
    return declared


def _outputs(document: Mapping[str, Json]) -> dict[str, Output]:
    outputs = {}
    for name, value in _object(document.get("outputs"), "/outputs", "The outputs").items():
        pointer = pointer_to("/outputs", name)
        raw = _object(value, pointer, f"The output '{name}'")
        outputs[name] = Output(name=name, type=_declared_type(raw, pointer, f"output '{name}'"), raw=raw)
    return outputs


def _triggers(document: Mapping[str, Json]) -> dict[str, Trigger]:
    triggers = {}
    for name, value in _object(document.get("triggers"), "/triggers", "The triggers").items():
        pointer = pointer_to("/triggers", name)
        raw = _object(value, pointer, f"The trigger '{name}'")
        triggers[name] = Trigger(
            name=name,
            type=operation_types.canonical(operation_types.TRIGGERS, _type(raw, pointer, f"trigger '{name}'")),
            kind=_optional_text(raw, "kind", pointer),
            pointer=pointer,
            raw=raw,
            operation_options=_options(raw),
            secure_inputs=_is_secure(raw, "inputs"),
            secure_outputs=_is_secure(raw, "outputs"),
        )
    return triggers


def _run_after(
    raw: Mapping[str, Json],
    pointer: str,
    siblings: Mapping[str, Json],
    spelling: Mapping[str, str],
    triggers: frozenset[str],
) -> dict[str, frozenset[Status]]:
    pointer = pointer_to(pointer, "runAfter")
    run_after = {}
    for name, listed in _object(raw.get("runAfter"), pointer, "runAfter").items():
        known = name if name in siblings else spelling.get(name.casefold(), name)
        if known not in siblings and known in triggers:
            continue
        run_after[known] = _statuses(listed, pointer_to(pointer, name))
    return run_after


def _statuses(listed: Json, pointer: str) -> frozenset[Status]:
    if not isinstance(listed, list):
        raise InvalidDefinition(pointer, "The statuses of a runAfter must be an array.")
    found = set()
    for each in listed:
        try:
            found.add(statuses.parse(each if isinstance(each, str) else ""))
        except ValueError:
            allowed = ", ".join(statuses.RUN_AFTER)
            raise InvalidDefinition(pointer, f"{each!r} is not a status of runAfter; these are: {allowed}.") from None
    return frozenset(found)


def _object(value: Json, pointer: str, what: str) -> dict[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidDefinition(pointer, f"{what} must be an object.")
    return value


def _type(raw: Mapping[str, Json], pointer: str, what: str) -> str:
    value = raw.get("type")
    if not isinstance(value, str) or not value:
        raise InvalidDefinition(pointer, f"The {what} has no type.")
    return value


def _declared_type(raw: Mapping[str, Json], pointer: str, what: str) -> str:
    type_name = operation_types.canonical(operation_types.PARAMETERS, _type(raw, pointer, what))
    if type_name.casefold() not in operation_types.PARAMETERS:
        known = ", ".join(operation_types.PARAMETERS.values())
        raise InvalidDefinition(
            pointer_to(pointer, "type"), f"The {what} has the type '{type_name}'; the types are: {known}."
        )
    return type_name


def _optional_text(raw: Mapping[str, Json], key: str, pointer: str) -> str | None:
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidDefinition(pointer_to(pointer, key), f"The property '{key}' must be a string.")
    return value


def _options(raw: Mapping[str, Json]) -> frozenset[str]:
    value = raw.get("operationOptions")
    if not isinstance(value, str):
        return frozenset()
    return frozenset(token.strip().casefold() for token in value.split(",") if token.strip())


def _is_secure(raw: Mapping[str, Json], what: str) -> bool:
    found: Json = dict(raw)
    for key in ("runtimeConfiguration", "secureData", "properties"):
        found = found.get(key) if isinstance(found, dict) else None
    return isinstance(found, list) and any(isinstance(each, str) and each.casefold() == what for each in found)
