"""Closures that call a function, one shape for each number of arguments, because this is the hot path.

An error that has no place yet gets the place of the call; a `try` that nothing leaves costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn, TypeAlias

from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.functions.registry import Function
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.values import Json

Call: TypeAlias = Callable[..., Json]


class Place(NamedTuple):
    """Where a call stands."""

    expression: str
    column: int
    pointer: str


def build(facts: Function, arguments: Sequence[Closure], place: Place) -> Closure:
    """Answer the closure that evaluates the arguments, left to right, and calls the function."""
    if facts.lazy:
        return _lazy(facts.call, tuple(arguments), place)
    shapes = SCOPED if facts.needs_scope else PLAIN
    if len(arguments) < len(shapes):
        return shapes[len(arguments)](facts.call, place, *arguments)
    return _many(facts.call, facts.needs_scope, tuple(arguments), place)


def failing(message: str, place: Place) -> Closure:
    """Answer the closure that raises an error whenever it is evaluated."""

    def run(_scope: Scope) -> NoReturn:
        raise EvaluationError(message, expression=place.expression, column=place.column, pointer=place.pointer)

    return run


def _lazy(call: Call, arguments: tuple[Closure, ...], place: Place) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(scope, *arguments)
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _many(call: Call, scoped: bool, arguments: tuple[Closure, ...], place: Place) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            values = [argument(scope) for argument in arguments]
            return call(scope, *values) if scoped else call(*values)
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _none(call: Call, place: Place) -> Closure:
    def run(_scope: Scope) -> Json:
        try:
            return call()
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _one(call: Call, place: Place, first: Closure) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(first(scope))
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _two(call: Call, place: Place, first: Closure, second: Closure) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(first(scope), second(scope))
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _scoped_none(call: Call, place: Place) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(scope)
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _scoped_one(call: Call, place: Place, first: Closure) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(scope, first(scope))
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _scoped_two(call: Call, place: Place, first: Closure, second: Closure) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(scope, first(scope), second(scope))
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


def _scoped_three(call: Call, place: Place, first: Closure, second: Closure, third: Closure) -> Closure:
    def run(scope: Scope) -> Json:
        try:
            return call(scope, first(scope), second(scope), third(scope))
        except EvaluationError as error:
            error.locate(*place)
            raise

    return run


#: Shapes by the number of arguments.
PLAIN: tuple[Callable[..., Closure], ...] = (_none, _one, _two)
SCOPED: tuple[Callable[..., Closure], ...] = (_scoped_none, _scoped_one, _scoped_two, _scoped_three)
