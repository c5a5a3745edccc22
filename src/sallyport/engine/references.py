"""Who refers to whom in a definition: what must be kept when a loop's iteration is over.

The rule: an action inside a Foreach that is read from outside of it answers with an array, one element for each
iteration; inside an Until with its last iteration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile

from sallyport.wdl.definition import Action, Definition
from sallyport.wdl.errors import ExpressionSyntaxError
from sallyport.wdl.template import Reference

#: Properties in which an action may refer to others.
PROPERTIES = ("inputs", "expression", "foreach", "trackedProperties", "limit", "runtimeConfiguration")


def of_action(action: Action) -> Iterable[Reference]:
    """Answer what an action refers to."""
    for key in PROPERTIES:
        try:
            yield from action.template(key).references
        except ExpressionSyntaxError:
            # Such a property fails the action before it has inputs at all.
            continue


def from_outside(definition: Definition) -> dict[str, int]:
    """Answer the actions inside loops that are read from outside of their loop, or through `result()`, by name.

    Each with the number of loops around it that are around whoever reads it, too: of the reader that stands furthest
    out. When an iteration of one of those loops is over, nobody reads it any more.
    """
    found: dict[str, int] = {}
    for loops, reference in _readers(definition):
        for name, around in _read(definition, loops, reference):
            found[name] = min(around, found.get(name, around))
    return found


def gathered(definition: Definition) -> frozenset[str]:
    """Answer the names of actions inside loops that `result()` gathers from all iterations of their loop."""
    return frozenset(
        name
        for loops, reference in _readers(definition)
        if reference.kind == "result"
        for name, _ in _read(definition, loops, reference)
    )


def _readers(definition: Definition) -> Iterator[tuple[tuple[str, ...], Reference]]:
    """Give every reference to an action, with the loops around whoever reads."""
    for action in definition.actions.values():
        yield from ((action.loops, reference) for reference in of_action(action) if _names_action(reference))
    for output in definition.outputs.values():
        yield from (((), reference) for reference in output.value.references if _names_action(reference))


def _names_action(reference: Reference) -> bool:
    return reference.kind in ("action", "result") and bool(reference.name)


def _read(definition: Definition, loops: tuple[str, ...], reference: Reference) -> Iterator[tuple[str, int]]:
    try:
        named = definition.action(reference.name or "")
    except KeyError:
        return
    if reference.kind == "result":
        inside = [action for block in named.blocks.values() for action in block.actions.values()]
        yield from ((action.name, _shared(loops, action.loops)) for action in inside)
    elif (around := _shared(loops, named.loops)) < len(named.loops):
        yield named.name, around


def _shared(loops: tuple[str, ...], others: tuple[str, ...]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(loops, others, strict=False)))
