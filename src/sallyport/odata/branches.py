"""Takes a filter apart into branches, so that each can be answered by an index of its own.

The rule: a resource is selected by the filter exactly when it is selected by at least one branch.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Sequence

from sallyport.odata import typed
from sallyport.odata.kinds import Kind

#: More branches than this are not worth their number.
MOST = 16

#: Conditions that hold together.
Branch = tuple[typed.Value, ...]


class _TooManyError(Exception):
    """Raised when a filter has more branches than are worth while."""


def branches(conditions: Sequence[typed.Value], paths: Container[str]) -> list[Branch]:
    """Answer the branches of conditions that hold together, or one of them all when there would be too many.

    A comparison with several values is taken apart where the property's path is among `paths`.
    """
    try:
        found = _product([_alternatives(each, paths) for each in conditions])
    except _TooManyError:
        return [tuple(_conjuncts(conditions))]
    return [each for index, each in enumerate(found) if each not in found[:index]]


def _alternatives(node: typed.Value, paths: Container[str]) -> list[Branch]:
    match node:
        case typed.Junction("and", operands):
            return _product([_alternatives(each, paths) for each in operands])
        case typed.Junction(_, operands):
            return _bounded([branch for each in operands for branch in _alternatives(each, paths)])
        case typed.OneOf(typed.Property() as operand, values) if operand.path in paths:
            return _bounded([(typed.Compare("eq", operand, each),) for each in values])
        case typed.Compare("ne", typed.Property(kind=Kind.ENUM) as operand, typed.Constant() as constant):
            return _others(operand, constant) if operand.path in paths else [(node,)]
        case _:
            return [(node,)]


def _others(operand: typed.Property, constant: typed.Constant) -> list[Branch]:
    """Answer what else an enumeration may be; null is something else, too."""
    assert operand.enum is not None
    numbers = dict.fromkeys(operand.enum.members.values())
    others = (typed.Constant(Kind.ENUM, number) for number in numbers if number != constant.value)
    return _bounded([(typed.IsNull(operand),), *((typed.Compare("eq", operand, each),) for each in others)])


def _product(factors: list[list[Branch]]) -> list[Branch]:
    found = 1
    for each in factors:
        found *= len(each)
        if found > MOST:
            raise _TooManyError
    return [tuple(itertools.chain(*combination)) for combination in itertools.product(*factors)]


def _bounded(found: list[Branch]) -> list[Branch]:
    if len(found) > MOST:
        raise _TooManyError
    return found


def _conjuncts(conditions: Sequence[typed.Value]) -> Iterator[typed.Value]:
    for node in conditions:
        if isinstance(node, typed.Junction) and node.operator == "and":
            yield from _conjuncts(node.operands)
        else:
            yield node
