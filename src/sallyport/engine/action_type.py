"""The mark that makes a function an action, and the table that the engine receives.

The decorator only attaches facts. Importing has no effects: the table is written out where it is composed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sallyport.engine.outcome import Outcome

if TYPE_CHECKING:
    from sallyport.engine.context import ActionContext

Handler = Callable[[Any, "ActionContext"], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class ActionType:
    """One type of action: its handler, and what the engine must know to run it."""

    name: str
    handler: Handler
    #: Whether it touches the outside, so that everything before it is committed first, and its own intent too.
    effect: bool = False
    #: Whether it holds blocks of other actions.
    container: bool = False
    #: Members of `inputs` that the handler evaluates itself, once for each item.
    deferred: frozenset[str] = frozenset()
    #: Whether its outputs are a pure function of its inputs, so that secrets in the inputs are secrets in the outputs.
    derives: bool = False
    #: Whether it answers the caller who waits for the run. The answer goes out after its commit, so it is no effect.
    responds: bool = False
    #: Whether it asks others to report, and gives that up when it is called again: a call of it is not cut off, because
    #: what it asks for may be granted all the same.
    subscribes: bool = False


def action(
    name: str,
    *,
    effect: bool = False,
    container: bool = False,
    deferred: tuple[str, ...] = (),
    derives: bool = False,
    responds: bool = False,
    subscribes: bool = False,
) -> Callable[[Handler], ActionType]:
    """Mark an async function `(inputs, context) -> Outcome` as the handler of an action type."""

    def mark(handler: Handler) -> ActionType:
        return ActionType(name, handler, effect, container, frozenset(deferred), derives, responds, subscribes)

    return mark


def table(*action_types: ActionType) -> Mapping[str, ActionType]:
    """Answer the action types by name; a duplicate is a mistake that shows at import.

    Raises ValueError when two of them share a name.
    """
    by_name: dict[str, ActionType] = {}
    for action_type in action_types:
        if action_type.name in by_name:
            raise ValueError(f"The action type '{action_type.name}' is in the table twice.")
        by_name[action_type.name] = action_type
    return by_name
