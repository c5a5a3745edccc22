"""Which actions of a definition hold secrets, found once by following references.

Secured outputs spread: whoever consumes them has secret inputs. An action whose outputs are a pure function of its
inputs has secret outputs too, and so has a variable that was given one; whoever goes through secret items in a loop has
secret inputs. An answer from outside is secret only where its author secured it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sallyport.engine import references
from sallyport.engine.action_type import ActionType
from sallyport.wdl.definition import Action, Definition
from sallyport.wdl.template import Reference

#: Functions that show an action or a trigger with its inputs.
_WHOLE = ("actions", "action", "trigger", "triggers")


@dataclass(frozen=True, slots=True)
class Secrets:
    """The names of actions with secret inputs and outputs, and the secret texts themselves."""

    inputs: frozenset[str]
    outputs: frozenset[str]
    #: Outputs of the run that would show a secret.
    run_outputs: frozenset[str]
    trigger_inputs: bool
    trigger_outputs: bool
    #: Values of secure parameters long enough to be recognised in any text.
    texts: tuple[str, ...]


def find(definition: Definition, parameters: Mapping[str, Any], action_types: Mapping[str, ActionType]) -> Secrets:
    """Answer which actions of a definition hold secrets, given the values of its parameters."""
    triggers = definition.triggers.values()
    secure = {name.casefold() for name, declared in definition.parameters.items() if declared.secure}
    deriving = {name for name, action_type in action_types.items() if action_type.derives}
    search = _Search(
        definition,
        secure,
        deriving,
        # Which of them has fired is not known here: what one of them secures is secret whoever did.
        trigger_inputs=any(trigger.secure_inputs for trigger in triggers),
        trigger_outputs=any(trigger.secure_outputs for trigger in triggers),
    )
    search.run()
    texts: set[str] = set()
    for name, value in parameters.items():
        if name.casefold() in secure:
            texts.update(_texts(value))
    return Secrets(
        inputs=frozenset(search.inputs),
        outputs=frozenset(search.outputs),
        run_outputs=search.run_outputs(definition),
        trigger_inputs=search.trigger_inputs,
        trigger_outputs=search.trigger_outputs,
        texts=tuple(sorted(texts, key=len, reverse=True)),
    )


class _Search:
    """Marks actions until nothing new is marked."""

    def __init__(
        self,
        definition: Definition,
        secure_parameters: set[str],
        deriving: set[str],
        *,
        trigger_inputs: bool,
        trigger_outputs: bool,
    ) -> None:
        self.trigger_inputs = trigger_inputs
        self.trigger_outputs = trigger_outputs
        self.inputs: set[str] = set()
        self.outputs: set[str] = set()
        self._parameters = secure_parameters
        self._deriving = deriving
        self._variables: set[str] = set()
        self._actions = list(definition.actions.values())
        self._references = {action.name: tuple(references.of_action(action)) for action in self._actions}
        self._folded_inputs: set[str] = set()
        self._folded_outputs: set[str] = set()

    def run(self) -> None:
        anything = bool(self._parameters) or self.trigger_outputs or self.trigger_inputs
        if not anything and not any(action.secure_inputs or action.secure_outputs for action in self._actions):
            return
        before = (-1, -1, -1)
        while before != (now := (len(self.inputs), len(self.outputs), len(self._variables))):
            before = now
            for action in self._actions:
                self._mark(action)

    def _mark(self, action: Action) -> None:
        if action.secure_inputs or any(self._secret(each, action.loops) for each in self._references[action.name]):
            self.inputs.add(action.name)
            self._folded_inputs.add(action.name.casefold())
        derived = action.name in self.inputs and action.type in self._deriving
        if action.secure_outputs or derived:
            self.outputs.add(action.name)
            self._folded_outputs.add(action.name.casefold())
        if derived:
            self._variables.update(_variable_names(action))

    def run_outputs(self, definition: Definition) -> frozenset[str]:
        """Answer the names of the run's outputs that refer to a secret."""
        return frozenset(
            name
            for name, output in definition.outputs.items()
            if output.type.startswith("Secure") or any(self._secret(each) for each in output.value.references)
        )

    def _secret(self, reference: Reference, loops: tuple[str, ...] = ()) -> bool:
        """Answer whether a reference shows a secret; one whose name is computed may mean any of its kind."""
        name = (reference.name or "").casefold()
        if reference.kind == "trigger":
            return self.trigger_outputs or (self.trigger_inputs and reference.function in _WHOLE)
        if reference.kind in ("item", "items"):
            around = {loop.casefold() for loop in loops}
            return not self._folded_inputs.isdisjoint({name} & around or around)
        hidden: set[str] = set()
        if reference.kind == "parameter":
            hidden = self._parameters
        elif reference.kind == "variable":
            hidden = self._variables
        elif reference.kind in ("action", "result"):
            whole = reference.function in _WHOLE
            hidden = self._folded_outputs | self._folded_inputs if whole else self._folded_outputs
        return name in hidden or (not name and bool(hidden))


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
