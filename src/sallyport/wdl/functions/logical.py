"""Logical functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#logical-comparison-functions.

`and`, `or` and `if` are lazy: what does not matter any more is not evaluated, not even to find its errors.
"""

from __future__ import annotations

from sallyport.wdl import errors, values
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.values import Json


@function("and", lazy=True, at_least=1, parameters="booleans")
def and_(scope: Scope, *conditions: Closure) -> bool:
    """Answer whether all conditions are true, stopping at the first that is not."""
    return all(
        arguments.boolean("and", condition(scope), position) for position, condition in enumerate(conditions, start=1)
    )


@function("or", lazy=True, at_least=1, parameters="booleans")
def or_(scope: Scope, *conditions: Closure) -> bool:
    """Answer whether any condition is true, stopping at the first that is."""
    return any(
        arguments.boolean("or", condition(scope), position) for position, condition in enumerate(conditions, start=1)
    )


@function("if", lazy=True, parameters="a boolean, the value when it is true and the value when it is false")
def if_(scope: Scope, condition: Closure, yes: Closure, no: Closure) -> Json:
    """Answer one of two values; only the chosen one is evaluated."""
    return yes(scope) if arguments.boolean("if", condition(scope), 1) else no(scope)


@function("not", parameters="a boolean")
def not_(condition: Json) -> bool:
    """Answer the opposite of a boolean."""
    return not arguments.boolean("not", condition)


@function("equals", parameters="two values to compare")
def equals(scope: Scope, left: Json, right: Json) -> bool:
    """Answer whether two values are equal; values that cannot be compared are not.

    Deviation: `equals(true, 1)` is false, as the runtime was measured to answer; the documentation says true.
    """
    return values.equal(left, right, scope.meter)


@function("greater", parameters="two values to compare")
def greater(left: Json, right: Json) -> bool:
    """Answer whether the first value is greater than the second."""
    return _compare("greater", left, right) > 0


@function("greaterOrEquals", parameters="two values to compare")
def greater_or_equals(left: Json, right: Json) -> bool:
    """Answer whether the first value is greater than the second or equal to it."""
    return _compare("greaterOrEquals", left, right) >= 0


@function("less", parameters="two values to compare")
def less(left: Json, right: Json) -> bool:
    """Answer whether the first value is less than the second."""
    return _compare("less", left, right) < 0


@function("lessOrEquals", parameters="two values to compare")
def less_or_equals(left: Json, right: Json) -> bool:
    """Answer whether the first value is less than the second or equal to it."""
    return _compare("lessOrEquals", left, right) <= 0


def _compare(name: str, left: Json, right: Json) -> int:
    order = values.compare(left, right)
    if order is None:
        raise errors.expects(
            name, "two parameters to be strictly comparable", values.type_name(left), values.type_name(right)
        )
    return order
