"""Who refers to whom in a definition: what must be kept when a loop's iteration is over.

The rule: an action inside a Foreach that is read from outside of it answers with an array, one element for each
iteration; inside an Until with its last iteration.
"""

from __future__ import annotations

from collections.abc import Iterable

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


def from_outside(definition: Definition) -> frozenset[str]:
    """Answer the names of actions inside loops that are read from outside of their loop, or through `result()`."""
    found: set[str] = set()
    for action in definition.actions.values():
        for reference in of_action(action):
            if reference.kind in ("action", "result") and reference.name:
                found.update(_read(definition, action.loops, reference))
    for output in definition.outputs.values():
        for reference in output.value.references:
            if reference.kind in ("action", "result") and reference.name:
                found.update(_read(definition, (), reference))
    return frozenset(found)


def _read(definition: Definition, loops: tuple[str, ...], reference: Reference) -> Iterable[str]:
    try:
        named = definition.action(reference.name or "")
    except KeyError:
        return ()
    if reference.kind == "result":
        return [name for block in named.blocks.values() for name in block.actions]
    outside = loops[: len(named.loops)] != named.loops
    return [named.name] if outside else ()
