"""What a rule looks at: a definition, and what else is known about where it will run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sallyport.wdl.definition import Action, Block, Definition
from sallyport.wdl.findings import Finding, Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A definition under check."""

    definition: Definition
    #: The types that can be run, in any letter case.
    action_types: Collection[str]
    trigger_types: Collection[str]
    limits: Limits
    #: The names of workflow parameters that are given a value, None when that is not known.
    supplied: Collection[str] | None = None

    def blocks(self) -> Iterator[tuple[str, Block]]:
        """Answer every block with the JSON pointer of its container ("" for the root)."""
        yield "", self.definition.root
        for action in self.definition.actions.values():
            for block in action.blocks.values():
                yield action.pointer, block

    def block_of(self, action: Action) -> Block:
        """Answer the block that an action is in."""
        if action.parent is None or action.branch is None:
            return self.definition.root
        return self.definition.actions[action.parent].blocks[action.branch]

    def of_type(self, *types: str) -> Iterator[Action]:
        """Answer the actions of some types, in canonical spelling."""
        return (action for action in self.definition.actions.values() if action.type in types)


def error(code: str, pointer: str, message: str) -> Finding:
    """Answer a finding that keeps the definition from being saved."""
    return Finding("error", code, pointer, message)


def warning(code: str, pointer: str, message: str) -> Finding:
    """Answer a finding that the author should know about."""
    return Finding("warning", code, pointer, message)


def inputs_of(action: Action) -> Mapping[str, object]:
    """Answer an action's inputs, an empty object when they are not one."""
    inputs = action.raw.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def is_dynamic(value: object) -> bool:
    """Answer whether a value is text that an expression will replace."""
    return isinstance(value, str) and "@" in value
