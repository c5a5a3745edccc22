"""Conditions: a template that answers a boolean, written as an expression or as a tree of functions.

`{"and": [{"equals": ["@variables('n')", 1]}]}` calls the functions that its keys name, in any letter case. The rule: an
object is a call when it has one member and that names a function; inside `and`, `or` and `not` every object is one.
"""

from __future__ import annotations

from dataclasses import replace

from sallyport.wdl import calls, values
from sallyport.wdl.budget import DEFAULT, Budget
from sallyport.wdl.calls import Place
from sallyport.wdl.compile import Code, FaultyCall, Findings, constant
from sallyport.wdl.errors import EvaluationError, ExpressionSyntaxError
from sallyport.wdl.functions import FUNCTIONS
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.template import Template, compile_template
from sallyport.wdl.values import Json

#: Functions whose operands are conditions themselves.
_CONNECTIVES = frozenset({"and", "or", "not"})


def compile_condition(value: Json, *, budget: Budget = DEFAULT) -> Template:
    """Compile a condition; what it answers is a boolean, or it raises EvaluationError."""
    compiler = _Compiler(budget)
    code = compiler.code(value, "", 0, condition=True)
    return Template(Code(_demanded(code)), compiler.findings)


class _Compiler:
    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.findings = Findings()

    def code(self, value: Json, pointer: str, depth: int, *, condition: bool) -> Code:
        if depth >= self.budget.depth:
            raise ExpressionSyntaxError(f"The condition is nested more than {self.budget.depth} deep.", pointer=pointer)
        if isinstance(value, dict) and (condition or _names_function(value)):
            if len(value) == 1:
                ((name, operands),) = value.items()
                return self._call(name, operands, pointer, depth)
            if value:
                # Several calls side by side: all of them must be true, as under an `and`.
                return self._call("and", value, pointer, depth)
            return _failing("A condition must not be an empty object.", Place("", 0, pointer))
        return self._template(value, pointer)

    def _call(self, name: str, operands: Json, pointer: str, depth: int) -> Code:
        place = Place(name, 0, pointer)
        facts = FUNCTIONS.get(name.casefold())
        if facts is None:
            message = f"The template function '{name[:80]}' is not defined or not valid."
            self.findings.unknown.append(FaultyCall(name, pointer, 0, message))
            return _failing(message, place)
        self.findings.functions.add(facts.name)
        inner = f"{pointer}/{name}"
        codes = [
            self.code(operand, each, depth + 1, condition=facts.name in _CONNECTIVES)
            for operand, each in _operands(facts.name, operands, inner)
        ]
        if len(codes) < facts.minimum or (facts.maximum is not None and len(codes) > facts.maximum):
            message = facts.arity_error(len(codes)).message
            self.findings.misused.append(FaultyCall(facts.name, pointer, 0, message))
            return _failing(message, place)
        return Code(calls.build(facts, [code.run for code in codes], place))

    def _template(self, value: Json, pointer: str) -> Code:
        try:
            template = compile_template(value, budget=self.budget)
        except ExpressionSyntaxError as error:
            error.pointer = pointer + error.pointer
            raise
        found = self.findings
        found.functions |= template.functions
        found.references += [replace(each, pointer=pointer + each.pointer) for each in template.references]
        found.unknown += [replace(each, pointer=pointer + each.pointer) for each in template.unknown_functions]
        found.misused += [replace(each, pointer=pointer + each.pointer) for each in template.misused_functions]
        return constant(value_of(template)) if template.constant else Code(template.continued)


def value_of(template: Template) -> Json:
    """Answer the value of a constant template."""
    return template.evaluate(Scope())


def _operands(function: str, operands: Json, pointer: str) -> list[tuple[Json, str]]:
    if isinstance(operands, list):
        return [(operand, f"{pointer}/{at}") for at, operand in enumerate(operands)]
    if isinstance(operands, dict) and function in ("and", "or"):
        return [({name: each}, pointer) for name, each in operands.items()]
    return [(operands, pointer)]


def _names_function(value: dict[str, Json]) -> bool:
    return len(value) == 1 and next(iter(value)).casefold() in FUNCTIONS


def _failing(message: str, place: Place) -> Code:
    return Code(calls.failing(message, place))


def _demanded(code: Code) -> Closure:
    """Answer the closure that demands a boolean of another."""

    def run(scope: Scope) -> Json:
        answer = code.run(scope)
        if isinstance(answer, bool):
            return answer
        raise EvaluationError(
            "The result of the evaluation of a condition must be a boolean; "
            f"it is of type '{values.type_name(answer)}'."
        )

    return run
