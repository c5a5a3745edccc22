"""The values of a workflow's parameters; those of a Standard workflow may be expressions.

The rule: a Standard project keeps its parameters in a file beside its workflows; a value there may refer to app
settings and other parameters, nothing else. Everywhere else a value is what it is, whatever it looks like.
https://learn.microsoft.com/azure/logic-apps/create-parameters-workflows
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sallyport.wdl import values
from sallyport.wdl.definition import MISSING, Definition
from sallyport.wdl.errors import ExpressionError, ExpressionSyntaxError
from sallyport.wdl.scope import ContextScope, Scope, refuse
from sallyport.wdl.template import compile_template

_STANDARD = frozenset({"stateful", "stateless"})
#: What connects a workflow to its connections is no parameter of its author's.
_CONNECTIONS = "$connections"


class ValueScope(Scope):
    """What the value of a parameter may see."""

    __slots__ = ("_asked", "_given", "_settings")

    def __init__(self, given: Mapping[str, Any], settings: Mapping[str, str]) -> None:
        super().__init__()
        self._given = dict(given)
        self._settings = settings
        #: The parameters whose values are being worked out, to notice a circle.
        self._asked: list[str] = []

    def parameter(self, name: str) -> Any:
        key = values.find_key(self._given, name)
        if key is None:
            return super().parameter(name)
        if key in self._asked:
            refuse("parameters", f"The value of the workflow parameter '{key}' refers to itself")
        self._asked.append(key)
        try:
            return compile_template(self._given[key]).continued(self)
        except ExpressionSyntaxError as error:
            reason = error.message.removesuffix(".")
            refuse("parameters", f"The value of the workflow parameter '{key}' cannot be read: {reason}")
        finally:
            self._asked.pop()

    def app_setting(self, name: str) -> str:
        return self._settings[name] if name in self._settings else super().app_setting(name)


class BeforeScope(ContextScope):
    """What is known of a workflow before it runs: its parameters, and the moment."""

    def __init__(self, definition: Definition, given: Mapping[str, Any], **known: Any) -> None:
        super().__init__({"parameters": dict(given)}, **known)
        self._definition = definition
        self._given = given

    def parameter(self, name: str) -> Any:
        known = super().parameter(name)
        return value(self._definition, self._given, {}, name) if are_expressions(self._definition) else known


def given_to(definition: Definition, given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer every declared parameter's value: the given one, else its default; one without either is left out."""
    folded = {key.casefold(): each for key, each in given.items()}
    found = {}
    for name, declared in definition.parameters.items():
        if name.casefold() in folded:
            found[name] = folded[name.casefold()]
        elif declared.default is not MISSING:
            found[name] = declared.default
    return found


def are_expressions(definition: Definition) -> bool:
    """Answer whether the values of a definition's parameters may be expressions."""
    return (definition.kind or "").casefold() in _STANDARD


def value(definition: Definition, given: Mapping[str, Any], settings: Mapping[str, str], name: str) -> Any:
    """Answer the value of one parameter, in any letter case.

    Raises KeyError when it has none, EvaluationError when it is an expression that cannot be evaluated.
    """
    key = values.find_key(dict(given), name)
    if key is None:
        raise KeyError(name)
    if key == _CONNECTIONS or not are_expressions(definition):
        return given[key]
    return ValueScope(given, settings).parameter(key)


def settled(definition: Definition, given: Mapping[str, Any], settings: Mapping[str, str]) -> dict[str, Any]:
    """Answer all values, each as it is used; one that cannot be evaluated stays as it was given."""
    found = dict(given)
    for name in given:
        try:
            found[name] = value(definition, given, settings, name)
        except ExpressionError:
            continue
    return found
