"""Templates: any JSON value whose strings, and keys of objects, may be expressions.

Compile once, evaluate often. A constant that `evaluate` hands out is shared: whoever receives it must not change it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sallyport.wdl import json_text, parser, values
from sallyport.wdl.budget import DEFAULT, Budget
from sallyport.wdl.calls import Place
from sallyport.wdl.compile import Code, Compiler, FaultyCall, Findings, Reference, constant, joined
from sallyport.wdl.errors import BudgetExceeded, ExpressionError, ExpressionSyntaxError
from sallyport.wdl.functions import FUNCTIONS
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

__all__ = ["FaultyCall", "Reference", "Template", "compile_template", "is_expression"]


#: What makes a decimal or NaN, and what makes at the most an infinity of two doubles.
_INEXACT = re.compile(r"\b(?:decimal|float|xpath)\s*\(", re.IGNORECASE)
_ARITHMETIC = re.compile(r"\b(?:add|div|mod|mul|sub)\s*\(", re.IGNORECASE)


class Template:
    """A JSON value, ready to be evaluated in a scope, and what static checks want to know of it."""

    __slots__ = ("_run", "_value", "constant", "functions", "misused_functions", "references", "unknown_functions")

    def __init__(self, code: Code, findings: Findings) -> None:
        self._run = code.run
        self._value = code.value
        #: Whether the value needs no scope.
        self.constant = code.constant
        self.references: tuple[Reference, ...] = tuple(findings.references)
        #: Names of all functions that are called, in Microsoft's spelling where they are known.
        self.functions: frozenset[str] = frozenset(findings.functions)
        self.unknown_functions: tuple[FaultyCall, ...] = tuple(findings.unknown)
        self.misused_functions: tuple[FaultyCall, ...] = tuple(findings.misused)

    def evaluate(self, scope: Scope) -> Json:
        """Answer the value in a scope; raises EvaluationError, and BudgetExceeded before it builds too much."""
        if self.constant:
            return self._value
        scope.meter.begin()
        return self.continued(scope)

    def continued(self, scope: Scope) -> Json:
        """Answer the value as a part of an evaluation that has begun: what it builds counts with the rest."""
        try:
            return self._run(scope)
        except RecursionError:
            raise BudgetExceeded("A value is nested too deep to be evaluated.") from None


def compile_template(value: Json, *, budget: Budget = DEFAULT, kept: bool = False) -> Template:
    """Compile a JSON value; raises ExpressionSyntaxError with the JSON pointer of the string that is at fault.

    When the result is `kept` in a run's history, it is as it will be read again.
    """
    compiler = _TemplateCompiler(budget, kept=kept)
    return Template(compiler.value(value, "", 0), compiler.findings)


def is_expression(text: str) -> bool:
    """Answer whether a string is an expression or holds an interpolation."""
    return (text.startswith("@") and len(text) > 1 and text[1] != "@") or (
        not text.startswith("@@") and any(text[at - 1] != "@" for at in _openings(text))
    )


class _TemplateCompiler:
    def __init__(self, budget: Budget, *, kept: bool) -> None:
        self.budget = budget
        self.kept = kept
        self.findings = Findings()

    def value(self, value: Json, pointer: str, depth: int) -> Code:
        if isinstance(value, str):
            return self.text(value, pointer)
        if not isinstance(value, (dict, list)):
            return constant(value)
        if depth >= self.budget.json_depth:
            raise ExpressionSyntaxError(
                f"The template is nested more than {self.budget.json_depth} levels deep.", pointer=pointer
            )
        if isinstance(value, list):
            codes = [self.value(item, f"{pointer}/{at}", depth + 1) for at, item in enumerate(value)]
            return _array(codes)
        entries = [
            (self.text(key, place), self.value(entry, place, depth + 1))
            for key, entry, place in ((key, entry, f"{pointer}/{_escape(key)}") for key, entry in value.items())
        ]
        return _object(entries)

    def text(self, text: str, pointer: str) -> Code:
        if "@" not in text or len(text) == 1:
            return constant(text)
        try:
            if text.startswith("@@"):
                return constant(text[1:])
            if text.startswith("@") and text[1] != "{":
                code = self._expression(text, 1, len(text), pointer)
                return _kept(code, text) if self.kept else code
            return self._interpolation(text, pointer)
        except ExpressionError as error:
            error.pointer = pointer
            raise

    def _expression(self, text: str, start: int, end: int, pointer: str) -> Code:
        tree = parser.parse(text, start, end, budget=self.budget)
        return Compiler(text, pointer, FUNCTIONS, self.findings).node(tree)

    def _interpolation(self, text: str, pointer: str) -> Code:
        parts: list[Code] = []
        position = 0
        for opening in _openings(text):
            if opening < position:
                continue
            if opening and text[opening - 1] == "@":
                parts.append(constant(text[position : opening - 1]))
                position = opening
                continue
            closing = _closing(text, opening)
            parts.append(constant(text[position:opening]))
            parts.append(self._expression(text, opening + 2, closing, pointer))
            position = closing + 1
        parts.append(constant(text[position:]))
        return joined(parts, Place(text, 0, pointer))


def _kept(code: Code, text: str) -> Code:
    """Answer the code of an expression whose value goes into the history."""
    deep = _INEXACT.search(text) is not None
    if not deep and not _ARITHMETIC.search(text):
        return code
    if code.constant:
        return constant(json_text.kept(code.value))
    closure = code.run

    def run(scope: Scope) -> Json:
        value = closure(scope)
        return json_text.kept(value) if deep or isinstance(value, float) else value

    return Code(run)


def _openings(text: str) -> Sequence[int]:
    found: list[int] = []
    at = text.find("@{")
    while at >= 0:
        found.append(at)
        at = text.find("@{", at + 1)
    return found


def _closing(text: str, opening: int) -> int:
    quoted = False
    for at in range(opening + 2, len(text)):
        if text[at] == "'":
            quoted = not quoted
        elif text[at] == "}" and not quoted:
            return at
    raise ExpressionSyntaxError(
        f"The template language expression is not valid at column {opening}: '@{{' is not closed by '}}'.",
        expression=text,
        column=opening,
    )


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _array(codes: list[Code]) -> Code:
    if all(code.constant for code in codes):
        return constant([code.value for code in codes])
    closures = tuple(code.run for code in codes)

    def run(scope: Scope) -> Json:
        return [closure(scope) for closure in closures]

    return Code(run)


def _object(entries: list[tuple[Code, Code]]) -> Code:
    if all(key.constant and entry.constant for key, entry in entries):
        return constant({values.to_text(key.value): entry.value for key, entry in entries})
    if all(key.constant for key, _ in entries):
        named = tuple((values.to_text(key.value), entry.run) for key, entry in entries)

        def run_named(scope: Scope) -> Json:
            return {name: closure(scope) for name, closure in named}

        return Code(run_named)
    computed = tuple((key.run, entry.run) for key, entry in entries)

    def run(scope: Scope) -> Json:
        return {values.to_text(key(scope), scope.meter): closure(scope) for key, closure in computed}

    return Code(run)
