"""Trees to closures: an expression is compiled once and then called with a scope, as often as it is needed.

A call of an unknown function, or with a wrong number of parameters, compiles into a closure that raises: it may stand
in a branch that is never evaluated. Static checks find it among the findings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sallyport.wdl import ast, calls, dereference, joining, values
from sallyport.wdl.budget import Budget, Meter
from sallyport.wdl.calls import Place
from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.functions import string
from sallyport.wdl.functions.registry import Function
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.values import Json

#: What a call may build to be worth computing when it is compiled; small, because a template may hold many calls.
FOLDING = Budget(string_characters=1_024, array_items=64, total_bytes=8_192)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something outside the expression that it refers to; `name` is None when it is computed, or not needed."""

    kind: str
    name: str | None
    #: JSON pointer of the string inside the template.
    pointer: str
    column: int
    function: str


@dataclass(frozen=True, slots=True)
class FaultyCall:
    """A call that fails whenever it is evaluated: an unknown function, or a wrong number of parameters."""

    function: str
    pointer: str
    column: int
    message: str
    #: The string that holds the call; empty for a function that is the key of a condition.
    expression: str = ""


@dataclass(slots=True)
class Findings:
    """What static checks want to know of a template, collected while it is compiled."""

    references: list[Reference] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    unknown: list[FaultyCall] = field(default_factory=list)
    misused: list[FaultyCall] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled node; when `constant`, its value is known and `run` answers it."""

    run: Closure
    constant: bool = False
    value: Json = None


def constant(value: Json) -> Code:
    """Answer the code of a value that is known; callers treat it as immutable."""

    def run(_scope: Scope) -> Json:
        return value

    return Code(run, True, value)


def joined(parts: Sequence[Code], place: Place) -> Code:
    """Answer the code that joins the parts, each as text."""
    if all(part.constant for part in parts):
        return constant("".join(values.to_text(part.value) for part in parts))
    return Code(joining.join([values.to_text(part.value) if part.constant else part.run for part in parts], place))


class Compiler:
    """Compiles the expressions of one string of a template."""

    def __init__(self, source: str, pointer: str, functions: Mapping[str, Function], findings: Findings) -> None:
        self.source = source
        self.pointer = pointer
        self.functions = functions
        self.findings = findings

    def node(self, node: ast.Node) -> Code:
        """Compile a tree."""
        if isinstance(node, ast.Literal):
            return constant(node.value)
        if isinstance(node, ast.Access):
            return self._access(node)
        return self._call(node)

    def _place(self, column: int) -> Place:
        return Place(self.source, column, self.pointer)

    def _access(self, node: ast.Access) -> Code:
        target, key = self.node(node.target), self.node(node.key)
        place = self._place(node.column)
        if key.constant:
            closure, target_place = self._bare(node.target, target)
            run = dereference.by_constant(closure, key.value, node.optional, place, target_place)
        else:
            run = dereference.by_value(target.run, key.run, node.optional, place)
        return self._fold(run) if target.constant and key.constant else Code(run)

    def _bare(self, node: ast.Node, code: Code) -> tuple[Closure, Place]:
        """Answer a call such as `triggerBody()` without the closure around it, and the place of it."""
        facts = self.functions.get(node.name.casefold()) if isinstance(node, ast.Call) else None
        if facts is not None and facts.needs_scope and facts.maximum == 0 and not node.height > 1:
            return facts.call, self._place(node.column)
        return code.run, self._place(node.column)

    def _call(self, node: ast.Call) -> Code:
        facts = self.functions.get(node.name.casefold())
        codes = [self.node(argument) for argument in node.arguments]
        place = self._place(node.column)
        if facts is None:
            return self._unknown(node, place)
        self.findings.functions.add(facts.name)
        if len(codes) < facts.minimum or (facts.maximum is not None and len(codes) > facts.maximum):
            return self._misused(node, facts, place)
        if facts.reference is not None:
            self._refer(facts, facts.reference, codes, node)
        run = calls.build(facts, [code.run for code in codes], place)
        if facts.pure and all(code.constant for code in codes):
            return self._fold(run)
        return joined(codes, place) if facts.call is string.concat else Code(run)

    def _refer(self, facts: Function, kind: str, codes: Sequence[Code], node: ast.Call) -> None:
        first = codes[0] if codes else None
        name = first.value if first is not None and first.constant and isinstance(first.value, str) else None
        self.findings.references.append(Reference(kind, name, self.pointer, node.column, facts.name))

    def _unknown(self, node: ast.Call, place: Place) -> Code:
        message = f"The template function '{node.name[:80]}' is not defined or not valid."
        self.findings.functions.add(node.name)
        self.findings.unknown.append(FaultyCall(node.name, self.pointer, node.column, message, self.source))
        return Code(calls.failing(message, place))

    def _misused(self, node: ast.Call, facts: Function, place: Place) -> Code:
        message = facts.arity_error(len(node.arguments)).message
        self.findings.misused.append(FaultyCall(facts.name, self.pointer, node.column, message, self.source))
        return Code(calls.failing(message, place))

    def _fold(self, run: Closure) -> Code:
        try:
            value = run(Scope(Meter(FOLDING)))
        except EvaluationError:
            # The same error, or a result too large to keep, belongs to the moment of evaluation.
            return Code(run)
        small = not isinstance(value, (str, list, dict)) or len(value) <= FOLDING.string_characters
        return constant(value) if small else Code(run)
