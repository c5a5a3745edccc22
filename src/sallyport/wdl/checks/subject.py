"""What a rule looks at: a definition, and what else is known about where it will run."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from sallyport.wdl.definition import Action, Block, Definition, Operation
from sallyport.wdl.findings import Finding, Limits
from sallyport.wdl.values import Json

#: Among so many names somebody's slip is looked for, and in a name of so many characters: in a short one, anything is.
_MOST_NAMES = 500
_NAME_LENGTHS = (4, 80)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A definition under check."""

    definition: Definition
    #: The types that can be run, in any letter case.
    action_types: Collection[str]
    trigger_types: Collection[str]
    limits: Limits
    #: The values that workflow parameters are given, None when that is not known.
    supplied: Mapping[str, Json] | None = None

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


def error(code: str, pointer: str, message: str, excerpt: str = "") -> Finding:
    """Answer a finding that keeps the definition from being saved."""
    return Finding("error", code, pointer, message, excerpt)


def warning(code: str, pointer: str, message: str) -> Finding:
    """Answer a finding that the author should know about."""
    return Finding("warning", code, pointer, message)


def meant(name: str, known: Iterable[str]) -> str:
    """Answer the words that name what an author meant who slipped once, to follow a sentence; else nothing."""
    names = tuple(known)
    if len(names) > _MOST_NAMES or not _NAME_LENGTHS[0] <= len(name) <= _NAME_LENGTHS[1]:
        return ""
    by_slip = _by_slip(names)
    found = next((by_slip[slip] for slip in _slips(name) if slip in by_slip), None)
    return "" if found is None else f" Did you mean '{found}'?"


@functools.lru_cache(maxsize=4)
def _by_slip(names: tuple[str, ...]) -> dict[str, str]:
    # A definition may hold any number of names that do not exist; none of them is compared with every one that does.
    return {slip: name for name in names if len(name) <= _NAME_LENGTHS[1] for slip in _slips(name)}


def _slips(name: str) -> Iterator[str]:
    """Give a name, and what is left of it without one character: whoever slips once shares one of these."""
    folded = name.casefold()
    yield folded
    yield from (folded[:at] + folded[at + 1 :] for at in range(len(folded)))


def inputs_of(operation: Operation) -> Mapping[str, object]:
    """Answer an operation's inputs, an empty object when they are not one."""
    inputs = operation.raw.get("inputs")
    return inputs if isinstance(inputs, dict) else {}


def is_dynamic(value: object) -> bool:
    """Answer whether a value is text that an expression will replace."""
    return isinstance(value, str) and "@" in value


def whole(value: object) -> int | None:
    """Answer an integer, also from text or a float without a fraction, as templates write them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None
