"""Evaluates the tree of an ARM expression.

The rule to know: arguments are evaluated before the call, except those of `if`, whose branch not taken is never
touched.
"""

from __future__ import annotations

from collections.abc import Sequence

from sallyport.arm import functions, parser, values
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import Function
from sallyport.arm.parser import Call, Constant, Member, Node
from sallyport.arm.scope import Scope
from sallyport.arm.values import Json, Placeholder


def evaluate_text(text: str, scope: Scope) -> Json:
    """Answer the value of one string of a template: an expression, escaped text, or itself. Raises TemplateError."""
    if not parser.is_expression(text):
        return parser.unescaped(text)
    value = evaluate(parser.parse(values.whole(text)), scope)
    scope.report.meter.charge(values.weight(value))
    return value


def evaluate(node: Node, scope: Scope) -> Json:
    """Answer the value of a tree; raises TemplateError."""
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, Member):
        return _member(node, scope)
    return _call(node, scope)


def _call(node: Call, scope: Scope) -> Json:
    try:
        if node.name.casefold() == "if":
            return _if(node, scope)
        function = functions.find(node.name)
        arguments = [evaluate(argument, scope) for argument in node.arguments]
        scope.report.meter.charge(_work(function, arguments))
        value = function(scope, arguments)
    except TemplateError as error:
        if error.column is None:
            error.column = node.column
        raise
    scope.report.meter.charge(len(value) if isinstance(value, (str, list, dict)) else 1)
    return value


def _work(function: Function, arguments: Sequence[Json]) -> int:
    """Answer how much a function has to look at: its answer may be short, and be asked for over and over."""
    measured = [each for each in arguments if isinstance(each, (str, list, dict))]
    if function.looks_deep:
        return sum(len(each) if isinstance(each, str) else values.work(each) for each in measured)
    return sum(map(len, measured))


def _if(node: Call, scope: Scope) -> Json:
    if len(node.arguments) != 3:
        raise TemplateError("The function 'if' takes 3 arguments.", column=node.column)
    condition = evaluate(node.arguments[0], scope)
    if not isinstance(condition, bool):
        raise TemplateError(f"The condition of 'if' must be a bool, not {values.type_name(condition)}.")
    return evaluate(node.arguments[1 if condition else 2], scope)


def _member(node: Member, scope: Scope) -> Json:
    target = evaluate(node.target, scope)
    key = evaluate(node.key, scope)
    if isinstance(target, Placeholder):
        return target.member(str(key))
    if isinstance(target, dict) and isinstance(key, str):
        return _property(target, key, node, scope)
    if isinstance(target, (list, str)) and isinstance(key, int):
        if 0 <= key < len(target):
            return target[key]
        if node.safe:
            return None
        raise TemplateError(f"The index {key} is outside of the array.", column=node.column)
    if target is None and node.safe:
        return None
    kinds = f"{values.type_name(target)} by {values.type_name(key)}"
    raise TemplateError(f"A value cannot be taken from {kinds}.", column=node.column)


def _property(target: dict[str, Json], key: str, node: Member, scope: Scope) -> Json:
    name = scope.spelled(target, key)
    if name is not None:
        return target[name]
    if node.safe:
        return None
    raise TemplateError(f"The object has no property '{key}'.", column=node.column)
