"""Math functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#math-functions.

Integers are 64 bits wide and overflow is an error; a decimal makes the result decimal, else a float makes it float.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, localcontext
from typing import Any, TypeAlias

from sallyport.wdl import errors, values
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

Number: TypeAlias = int | float | Decimal

INTEGER_LIMIT = 2**63
#: The digits of .NET's Decimal.MaxValue: 96 bits.
DECIMAL_MANTISSA = 2**96 - 1
#: How many digits a .NET decimal may have behind the point.
DECIMAL_SCALE = 28
#: Digits in which a result is exact, or nearly so, before it is rounded to what a .NET decimal holds.
DECIMAL_DIGITS = 100
RANGE_COUNT = 100_000
RANGE_END = 2_147_483_647
#: What one integer of a range occupies: the object and the place in the array.
INTEGER_BYTES = 36


@function("add", parameters="two numbers")
def add(left: Json, right: Json) -> Number:
    """Answer the sum of two numbers."""
    return _arithmetic("add", left, right, lambda a, b: a + b)


@function("sub", parameters="two numbers")
def sub(left: Json, right: Json) -> Number:
    """Answer the first number less the second."""
    return _arithmetic("sub", left, right, lambda a, b: a - b)


@function("mul", parameters="two numbers")
def mul(left: Json, right: Json) -> Number:
    """Answer the product of two numbers."""
    return _arithmetic("mul", left, right, lambda a, b: a * b)


@function("div", parameters="two numbers")
def div(left: Json, right: Json) -> Number:
    """Answer the first number divided by the second; two integers give an integer, cut off towards zero."""
    return _arithmetic("div", left, right, _divide)


@function("mod", parameters="two numbers")
def mod(left: Json, right: Json) -> Number:
    """Answer the remainder of a division, with the sign of the dividend."""
    return _arithmetic("mod", left, right, _remainder)


@function("min", at_least=1, parameters="numbers, or one array of numbers")
def min_(scope: Scope, *numbers: Json) -> Number:
    """Answer the smallest of some numbers, or of an array."""
    return _extreme(scope, "min", numbers, -1)


@function("max", at_least=1, parameters="numbers, or one array of numbers")
def max_(scope: Scope, *numbers: Json) -> Number:
    """Answer the largest of some numbers, or of an array."""
    return _extreme(scope, "max", numbers, 1)


@function("rand", pure=False, parameters="the smallest integer and the one after the largest")
def rand(minimum: Json, maximum: Json) -> int:
    """Answer a random integer, at least the minimum and less than the maximum."""
    lowest = arguments.integer("rand", minimum, 1)
    end = arguments.integer("rand", maximum, 2)
    if lowest >= end:
        raise errors.failed("rand", f"The minimum value '{lowest}' must be less than the maximum value '{end}'")
    return lowest + secrets.randbelow(end - lowest)


@function("range", parameters="the first integer and the number of integers")
def range_(scope: Scope, start: Json, count: Json) -> list[Json]:
    """Answer an array of consecutive integers."""
    first = arguments.integer("range", start, 1)
    number = arguments.integer("range", count, 2)
    if not 1 <= number <= RANGE_COUNT:
        raise errors.failed("range", f"The range count '{number}' must be an integer between 1 and {RANGE_COUNT}")
    if first + number > RANGE_END:
        raise errors.failed(
            "range", f"The sum of the start index '{first}' and the count '{number}' must be at most {RANGE_END}"
        )
    scope.meter.items(number, INTEGER_BYTES)
    return list(range(first, first + number))


def _arithmetic(name: str, left: Json, right: Json, operation: Callable[..., Any]) -> Number:
    if type(left) is int and type(right) is int:
        return _checked(name, _attempt(name, operation, left, right))
    one, other = _number(name, left, 1), _number(name, right, 2)
    if isinstance(one, Decimal) or isinstance(other, Decimal):
        return _decimal(name, operation, one, other)
    if isinstance(one, float) or isinstance(other, float):
        return _attempt(name, operation, _double(name, one), _double(name, other))
    return _checked(name, _attempt(name, operation, one, other))


def _number(name: str, value: Json, position: int) -> Number:
    if values.is_number(value):
        return value
    raise arguments.unfit(name, "an integer or a decimal number", value, position)


def _double(name: str, value: Number) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _overflow(name) from None


def _attempt(name: str, operation: Callable[..., Any], one: Number, other: Number) -> Number:
    try:
        result: Number = operation(one, other)
    except (ZeroDivisionError, DecimalException):
        raise errors.failed(name, "Attempt to divide an integral or decimal value by zero") from None
    except OverflowError:
        raise _overflow(name) from None
    return result


def _checked(name: str, result: Number) -> Number:
    if isinstance(result, int) and -INTEGER_LIMIT <= result < INTEGER_LIMIT:
        return result
    raise _overflow(name)


def _overflow(name: str) -> errors.EvaluationError:
    return errors.failed(name, "The result is too large: an arithmetic operation resulted in an overflow")


def _decimal(name: str, operation: Callable[..., Any], one: Number, other: Number) -> Decimal:
    with localcontext(Context(prec=DECIMAL_DIGITS, rounding=ROUND_HALF_EVEN)):
        result = Decimal(_attempt(name, operation, _to_decimal(name, one), _to_decimal(name, other)))
        exponent = result.as_tuple().exponent
        if not isinstance(exponent, int) or abs(result) >= DECIMAL_MANTISSA + 1:
            raise _overflow(name)
        for scale in range(max(0, min(-exponent, DECIMAL_SCALE)), -1, -1):
            rounded = result.quantize(Decimal((0, (1,), -scale)))
            if abs(rounded).scaleb(scale) <= DECIMAL_MANTISSA:
                # A decimal has no negative zero.
                return rounded or abs(rounded)
    raise _overflow(name)


def _to_decimal(name: str, value: Number) -> Decimal:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _overflow(name)
        # .NET takes 15 significant digits of a double.
        return Decimal(format(value, ".15g"))
    return Decimal(value)


def _divide(one: Any, other: Any) -> Any:
    if isinstance(one, int) and isinstance(other, int):
        quotient = abs(one) // abs(other)
        return quotient if (one < 0) == (other < 0) else -quotient
    return one / other


def _remainder(one: Any, other: Any) -> Any:
    if isinstance(one, int) and isinstance(other, int):
        rest = abs(one) % abs(other)
        return rest if one >= 0 else -rest
    if isinstance(one, float):
        if other == 0:
            raise ZeroDivisionError
        return math.fmod(one, other) if math.isfinite(one) else math.nan
    return one % other


def _extreme(scope: Scope, name: str, numbers: tuple[Json, ...], sign: int) -> Number:
    only = numbers[0]
    given = only if len(numbers) == 1 and isinstance(only, list) else list(numbers)
    if not given:
        raise errors.failed(name, "The array must not be empty")
    scope.meter.look(len(given))
    best = _number(name, given[0], 1)
    for position, candidate in enumerate(given[1:], start=2):
        number = _number(name, candidate, position)
        if values.compare(number, best) == sign:
            best = number
    return best
