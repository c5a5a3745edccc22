"""Which actions of a definition hold secrets, found once by following references.

Secured outputs spread: whoever consumes them has secret inputs. An action whose outputs are a pure function of its
inputs has secret outputs too, and so has a variable that was given one. An answer from outside is secret only where its
author secured it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sallyport.engine import references
from sallyport.engine.action_type import ActionType
from sallyport.wdl.definition import Action, Definition
from sallyport.wdl.template import Reference


@dataclass(frozen=True, slots=True)
class Secrets:
    """The names of actions with secret inputs and outputs, and the secret texts themselves."""

    inputs: frozenset[str]
    outputs: frozenset[str]
    trigger_inputs: bool
    trigger_outputs: bool
    #: Values of secure parameters long enough to be recognised in any text.
    texts: tuple[str, ...]


def find(definition: Definition, parameters: Mapping[str, Any], action_types: Mapping[str, ActionType]) -> Secrets:
    """Answer which actions of a definition hold secrets, given the values of its parameters."""
    trigger = next(iter(definition.triggers.values()), None)
    secure = {name.casefold() for name, declared in definition.parameters.items() if declared.secure}
    deriving = {name for name, action_type in action_types.items() if action_type.derives}
    search = _Search(definition, secure, deriving, trigger_outputs=trigger is not None and trigger.secure_outputs)
    search.run()
    texts: set[str] = set()
    for name, value in parameters.items():
        if name.casefold() in secure:
            texts.update(_texts(value))
    return Secrets(
        inputs=frozenset(search.inputs),
        outputs=frozenset(search.outputs),
        trigger_inputs=trigger is not None and trigger.secure_inputs,
        trigger_outputs=search.trigger_outputs,
        texts=tuple(sorted(texts, key=len, reverse=True)),
    )


class _Search:
    """Marks actions until nothing new is marked."""

    def __init__(
        self, definition: Definition, secure_parameters: set[str], deriving: set[str], *, trigger_outputs: bool
    ) -> None:
        self.trigger_outputs = trigger_outputs
        self.inputs: set[str] = set()
        self.outputs: set[str] = set()
        self._parameters = secure_parameters
        self._deriving = deriving
        self._variables: set[str] = set()
        self._actions = list(definition.actions.values())
        self._references = {action.name: tuple(references.of_action(action)) for action in self._actions}
        self._folded_outputs: set[str] = set()

    def run(self) -> None:
        anything = bool(self._parameters) or self.trigger_outputs
        if not anything and not any(action.secure_inputs or action.secure_outputs for action in self._actions):
            return
        before = (-1, -1, -1)
        while before != (now := (len(self.inputs), len(self.outputs), len(self._variables))):
            before = now
            for action in self._actions:
                self._mark(action)

    def _mark(self, action: Action) -> None:
        if action.secure_inputs or any(self._secret(each) for each in self._references[action.name]):
            self.inputs.add(action.name)
        derived = action.name in self.inputs and action.type in self._deriving
        if action.secure_outputs or derived:
            self.outputs.add(action.name)
            self._folded_outputs.add(action.name.casefold())
        if derived:
            self._variables.update(_variable_names(action))

    def _secret(self, reference: Reference) -> bool:
        name = (reference.name or "").casefold()
        if reference.kind == "parameter":
            return name in self._parameters
        if reference.kind == "variable":
            return name in self._variables
        if reference.kind == "trigger":
            return self.trigger_outputs
        if reference.kind in ("action", "items", "result"):
            return name in self._folded_outputs or (not name and bool(self._folded_outputs))
        return reference.kind == "item" and bool(self._folded_outputs)


def _variable_names(action: Action) -> set[str]:
    inputs = action.raw.get("inputs")
    if not isinstance(inputs, dict):
        return set()
    listed = inputs.get("variables")
    declared = listed if isinstance(listed, list) else [inputs]
    return {str(each.get("name", "")).casefold() for each in declared if isinstance(each, dict)}


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str) and len(value) >= 6:
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
