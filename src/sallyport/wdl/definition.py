"""A parsed workflow definition: immutable, shared by every run of one version.

The rule to know: a definition keeps the author's text (`raw`) untouched beside what was read from it, so that it can be
returned as it was saved; the parser reads structure only, and an expression is compiled when it is first asked for.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sallyport.errors import BadRequest
from sallyport.statuses import Status

if TYPE_CHECKING:
    from sallyport.wdl.template import Template
    from sallyport.wdl.values import Json


class InvalidDefinition(BadRequest):
    """Raised when a document is not a workflow definition; `pointer` (JSON pointer from its root) says where."""

    code = "InvalidTemplate"

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class Missing(enum.Enum):
    """The type of `MISSING`: a default that was not given, which is not the same as null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

#: Types whose `expression` is a condition, which may be a tree of functions.
_CONDITIONAL = ("If", "Until")


def pointer_to(parent: str, *keys: str | int) -> str:
    """Answer a JSON pointer (RFC 6901) to a member below another pointer."""
    return parent + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Actions that are ordered among themselves: the root, the body of a scope or a loop, or one branch."""

    #: The actions directly in this block, in the author's order.
    actions: Mapping[str, Action]
    #: For each action, those that name it in their `runAfter`.
    successors: Mapping[str, tuple[str, ...]]
    #: Actions that run first: those without a `runAfter`.
    roots: tuple[str, ...]
    #: How many actions each one waits for.
    predecessors: Mapping[str, int]
    #: Actions that nothing runs after; their statuses make the status of the block.
    leaves: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """What actions and triggers have alike."""

    name: str
    #: In the documented spelling; a type that the language does not know keeps its author's.
    type: str
    kind: str | None
    #: JSON pointer from the root of the definition, for example "/actions/For_each/actions/Mail".
    pointer: str
    raw: Mapping[str, Json]
    #: The tokens of `operationOptions`, casefolded.
    operation_options: frozenset[str]
    secure_inputs: bool
    secure_outputs: bool
    _templates: dict[tuple[str, frozenset[str]], Template] = field(init=False, repr=False, default_factory=dict)

    def template(self, key: str, *, without: frozenset[str] = frozenset()) -> Template:
        """Answer one property compiled, by its path ("inputs", "inputs/where"); the constant null when it is missing.

        `without` names members that are left out, for an action that evaluates them itself. Raises
        ExpressionSyntaxError when the property holds an expression that cannot be read.
        """
        found = self._templates.get((key, without))
        if found is None:
            value = _member(self.raw, key)
            if without and isinstance(value, dict):
                value = {name: each for name, each in value.items() if name not in without}
            is_condition = key == "expression" and self.type in _CONDITIONAL
            found = self._templates[key, without] = _compiled_condition(value) if is_condition else _compiled(value)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Action(Operation):
    """One step, and the blocks inside it when it is a container."""

    #: Names in the same block, each with the statuses that let this action run.
    run_after: Mapping[str, frozenset[Status]]
    #: Empty for a leaf. "actions" for Scope, Foreach, Until and If; also "else" for If; "case:<name>" and "default" for
    #: Switch. "actions", "else" and "default" are present even when the author left them out, then without actions.
    blocks: Mapping[str, Block]
    #: The container that this action is in, and the key of the block there; None at the root.
    parent: str | None
    branch: str | None
    #: Names of the Foreach and Until around this action, outermost first.
    loops: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Trigger(Operation):
    """A reason for a run to start."""

    @property
    def conditions(self) -> tuple[Template, ...]:
        """The expressions that must all be true for the trigger to fire."""
        listed = self.raw.get("conditions")
        if not isinstance(listed, list):
            return ()
        return tuple(self._condition(i, each) for i, each in enumerate(listed) if isinstance(each, dict))

    @property
    def split_on(self) -> Template | None:
        """The array that is split into one run per item, when there is one."""
        return None if self.raw.get("splitOn") is None else self.template("splitOn")

    @property
    def recurrence(self) -> Mapping[str, Json] | None:
        """The `recurrence` object as its author wrote it."""
        recurrence = self.raw.get("recurrence")
        return recurrence if isinstance(recurrence, dict) else None

    def _condition(self, index: int, condition: Mapping[str, Json]) -> Template:
        key = (f"conditions/{index}", frozenset[str]())
        if key not in self._templates:
            self._templates[key] = _compiled(condition.get("expression"))
        return self._templates[key]


@dataclass(frozen=True, slots=True, eq=False)
class ParameterDeclaration:
    """A workflow parameter, as it is declared."""

    name: str
    #: Array, Bool, Float, Int, Object, SecureObject, SecureString or String.
    type: str
    default: Json | Missing
    allowed_values: tuple[Json, ...] | None

    @property
    def secure(self) -> bool:
        """Whether the value must never be shown."""
        return self.type in ("SecureObject", "SecureString")


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """A value that is worked out when a run ends."""

    name: str
    type: str
    raw: Mapping[str, Json]
    _templates: dict[str, Template] = field(init=False, repr=False, default_factory=dict)

    @property
    def value(self) -> Template:
        """The compiled value."""
        if "value" not in self._templates:
            self._templates["value"] = _compiled(self.raw.get("value"))
        return self._templates["value"]


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A whole workflow definition."""

    raw: Mapping[str, Json]
    #: "Stateful" or "Stateless" for a Standard workflow.
    kind: str | None
    parameters: Mapping[str, ParameterDeclaration]
    triggers: Mapping[str, Trigger]
    root: Block
    outputs: Mapping[str, Output]
    static_results: Mapping[str, Json]
    #: Every action at any depth, by its exact name.
    actions: Mapping[str, Action]
    #: SHA-256 of the canonical JSON of `raw`, in hexadecimal.
    digest: str
    _folded: Mapping[str, str] = field(repr=False)

    @property
    def stateless(self) -> bool:
        """Whether it is a Standard workflow whose runs are kept in memory there, which narrows some limits."""
        return (self.kind or "").casefold() == "stateless"

    def static_result(self, name: str) -> Json:
        """Answer a static result by its name, exact first, then in any letter case; null when there is none."""
        if name in self.static_results:
            return self.static_results[name]
        folded = name.casefold()
        return next((result for key, result in self.static_results.items() if key.casefold() == folded), None)

    def action(self, name: str) -> Action:
        """Answer an action by its name, exact first, then in any letter case; KeyError when there is none."""
        found = self.actions.get(name)
        return found if found is not None else self.actions[self._folded[name.casefold()]]


def parse(document: Mapping[str, Json], *, kind: str | None = None) -> Definition:
    """Answer the definition that a document holds, or raise InvalidDefinition at the first thing that is not one.

    `kind` is that of a Standard workflow.json, which stands beside the definition. Only structure is read: names that
    lead nowhere, cycles and expressions are for `sallyport.wdl.check`.
    """
    from sallyport.wdl import structure

    return structure.read_definition(document, kind)


def digest_of(document: Mapping[str, Json]) -> str:
    """Answer the SHA-256 of a document's canonical JSON, in hexadecimal."""
    try:
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    except RecursionError:
        raise InvalidDefinition("", "The definition is nested too deeply.") from None
    return hashlib.sha256(text.encode()).hexdigest()


def _member(raw: Mapping[str, Json], path: str) -> Json:
    """Answer a member by its path, null where there is none."""
    value: Json = dict(raw) if "/" in path else raw.get(path)
    if "/" in path:
        for key in path.split("/"):
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _compiled_condition(value: Json) -> Template:
    from sallyport.wdl import condition

    return condition.compile_condition(value)


def _compiled(value: Json) -> Template:
    from sallyport.wdl import template

    return template.compile_template(value, kept=True)
