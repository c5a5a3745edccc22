"""Properties of objects and items of arrays: `.x`, `['x']`, `[n]` and their forms with a question mark.

A question mark forgives what is absent (null parent, missing property, index out of range), never a wrong kind.
"""

from __future__ import annotations

from sallyport.wdl import values
from sallyport.wdl.calls import Place
from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.values import Json

#: How many characters of the list of available properties an error shows.
LISTED = 500


def by_constant(target: Closure, key: Json, optional: bool, place: Place, target_place: Place) -> Closure:
    """Answer the closure that selects by a key which is known; an error of the target gets the target's place."""
    if type(key) is not str:
        return by_value(target, lambda _scope: key, optional, place)

    def run(scope: Scope) -> Json:
        try:
            parent = target(scope)
        except EvaluationError as error:
            error.locate(*target_place)
            raise
        if type(parent) is dict and key in parent:
            return parent[key]
        return select(scope, parent, key, optional, place)

    return run


def by_value(target: Closure, key: Closure, optional: bool, place: Place) -> Closure:
    """Answer the closure that selects by a key which is computed."""

    def run(scope: Scope) -> Json:
        return select(scope, target(scope), key(scope), optional, place)

    return run


def select(scope: Scope, parent: Json, key: Json, optional: bool, place: Place) -> Json:
    """Answer the property or item of a value; a property is found without regard to case when there is no exact one."""
    if parent is None and optional:
        return None
    if isinstance(parent, dict) and isinstance(key, str):
        return _property(scope, parent, key, optional, place)
    if isinstance(parent, list) and isinstance(key, int) and not isinstance(key, bool):
        return _item(parent, key, optional, place)
    raise _fault(_wrong_kind(parent, key), place)


def _property(scope: Scope, parent: dict[str, Json], key: str, optional: bool, place: Place) -> Json:
    if key not in parent:
        scope.meter.look(len(parent))
    stored = values.find_key(parent, key)
    if stored is not None:
        return parent[stored]
    if optional:
        return None
    names = ", ".join(parent)
    names = names if len(names) <= LISTED else f"{names[:LISTED]}..."
    raise _fault(f"property '{key}' doesn't exist, available properties are '{names}'", place)


def _item(parent: list[Json], index: int, optional: bool, place: Place) -> Json:
    if 0 <= index < len(parent):
        return parent[index]
    if optional:
        return None
    raise _fault(f"array index '{index}' is outside bounds (0, {len(parent) - 1}) of array", place)


def _wrong_kind(parent: Json, key: Json) -> str:
    shown = values.to_text(key) if not isinstance(key, (dict, list)) else values.type_name(key)
    problem = f"property '{shown}' cannot be selected"
    if isinstance(parent, list):
        return f"{problem}. Array elements can only be selected using an integer index"
    if isinstance(parent, dict):
        return f"{problem}. Properties of an object can only be selected by their name"
    return f"{problem}. Property selection is not supported on {values.type_name(parent)} values"


def _fault(reason: str, place: Place) -> EvaluationError:
    shown = place.expression if len(place.expression) <= LISTED else f"{place.expression[:LISTED]}..."
    return EvaluationError(
        f"The template language expression '{shown}' cannot be evaluated because {reason}. "
        "Please see https://aka.ms/logicexpressions for usage details.",
        expression=place.expression,
        column=place.column,
        pointer=place.pointer,
    )
