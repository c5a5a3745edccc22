"""Which observed values a filter demands, so that an index of values can propose the resources that it may select.

A demand is a set of values, each with the path of its property, of which every selected resource has at least one. The
rule: a demand is only a proposal; the filter itself is asked of each resource that was proposed.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from sallyport.odata import typed
from sallyport.odata.kinds import Kind

#: Pairs of a folded path, such as `hoststates/fqdn`, and a text.
Demand = frozenset[tuple[str, str]]
#: What leaves a text equal to itself when letter case and blanks around it do not count.
_HARMLESS = frozenset({"tolower", "toupper", "trim"})


def demands(condition: typed.Value, paths: Container[str]) -> list[Demand]:
    """Answer all demands of a condition on the observed properties of some folded paths; a filter may have none."""
    return _demands(condition, paths, {typed.RESOURCE: ""})


def _demands(node: typed.Value, paths: Container[str], origins: Mapping[int, str]) -> list[Demand]:
    match node:
        case typed.Junction("and", operands):
            return [demand for each in operands for demand in _demands(each, paths, origins)]
        case typed.Junction(_, operands):
            branches = [_demands(each, paths, origins) for each in operands]
            return [frozenset().union(*(min(each, key=len) for each in branches))] if all(branches) else []
        case typed.Quantified(False, collection, variable, body) if body is not None:
            return _demands(body, paths, {**origins, variable: _path(collection, origins)})
        case typed.Compare("eq", left, right):
            return _demand(left, [right], paths, origins) or _demand(right, [left], paths, origins)
        case typed.OneOf(operand, values):
            return _demand(operand, values, paths, origins)
        case _:
            return []


def _demand(
    operand: typed.Value,
    values: list[typed.Value] | tuple[typed.Constant, ...],
    paths: Container[str],
    origins: Mapping[int, str],
) -> list[Demand]:
    """Answer the demand that a property equals one of some values; nothing is found under an empty text."""
    while isinstance(operand, typed.Apply) and operand.function.name in _HARMLESS:
        operand = operand.arguments[0]
    if not isinstance(operand, typed.Property) or operand.kind is not Kind.STRING:
        return []
    path = _path(operand, origins)
    texts = [_text(each) for each in values]
    if path not in paths or not all(texts):
        return []
    return [frozenset((path, text) for text in texts if text is not None)]


def _text(node: typed.Value) -> str | None:
    match node:
        case typed.Constant(Kind.STRING, str() as text):
            return text
        case typed.Apply(function, (argument,)) if function.name in _HARMLESS:
            return _text(argument)
        case _:
            return None


def _path(node: typed.Property, origins: Mapping[int, str]) -> str:
    """Answer a folded path from the resource; a type in it stands without its namespace."""
    steps = (step.name if isinstance(step, typed.Member) else _short(step) for step in node.steps)
    return "/".join(filter(None, (origins[node.origin], *steps))).lower()


def _short(cast: typed.Cast) -> str:
    return cast.type_names[0].rpartition(".")[2]
