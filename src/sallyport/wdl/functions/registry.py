"""How a Python function becomes a function of the expression language: marked with its facts, then listed in one table.

The decorator only attaches facts; nothing is registered by importing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from sallyport.wdl import errors

Call = TypeVar("Call", bound=Callable[..., Any])

NUMBERS = ("no parameters", "one parameter", "two parameters", "three parameters", "four parameters", "five parameters")


@dataclass(frozen=True, slots=True)
class Function:
    """The facts of one function of the expression language."""

    #: The name in Microsoft's spelling; other spellings are in `aliases`.
    name: str
    call: Callable[..., Any]
    aliases: tuple[str, ...]
    #: Same arguments, same result: a call with constant arguments is folded when it is compiled.
    pure: bool
    #: Receives closures `(scope) -> Json` instead of values, and the scope before them.
    lazy: bool
    #: Takes the scope as its first Python parameter.
    needs_scope: bool
    #: The smallest and the largest number of parameters; `maximum` is None when there is no limit.
    minimum: int
    maximum: int | None
    #: What kind of thing the first parameter names (see `template.Reference`), or what the call itself refers to.
    reference: str | None
    #: What the parameters are, in words, for the error about a wrong number of them.
    parameters: str

    def arity_error(self, given: int) -> errors.EvaluationError:
        """Answer the error about a wrong number of parameters."""
        if not given and self.minimum == 1 and self.maximum is None:
            wording = "Expected at least one argument"
            return errors.EvaluationError(
                f"The template language function '{self.name}' was invoked without parameters. {wording}. "
                f"{errors.usage(self.name)}"
            )
        return errors.EvaluationError(
            f"The template language function '{self.name}' expects {self.expectation()}. "
            f"The function was invoked with '{given}' parameter(s). {errors.usage(self.name)}"
        )

    def expectation(self) -> str:
        """Answer how many parameters there are, and which, in words."""
        names = f": {self.parameters}" if self.parameters else ""
        if self.maximum is None:
            return f"at least {_number(self.minimum)}{names}"
        if self.minimum == self.maximum:
            return f"{_number(self.minimum)}{names}"
        return f"between {self.minimum} and {_number(self.maximum)}{names}"


def _number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else f"{count} parameters"


def function(
    name: str,
    *aliases: str,
    pure: bool = True,
    lazy: bool = False,
    reference: str | None = None,
    at_least: int | None = None,
    parameters: str = "",
) -> Callable[[Call], Call]:
    """Attach the facts of a function of the expression language.

    The number of parameters comes from the Python signature (`at_least` raises the minimum of one with `*args`);
    a first Python parameter called `scope` receives the scope. `parameters` is the wording for arity errors; without it
    the Python names are used.
    """

    def attach(call: Call) -> Call:
        names = list(inspect.signature(call).parameters.values())
        needs_scope = bool(names) and names[0].name == "scope"
        named = names[1:] if needs_scope else names
        variadic = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in named)
        fixed = [parameter for parameter in named if parameter.kind is not parameter.VAR_POSITIONAL]
        required = sum(parameter.default is parameter.empty for parameter in fixed)
        words = parameters or ", ".join(f"'{parameter.name.strip('_')}'" for parameter in named)
        vars(call)["facts"] = Function(
            name=name,
            call=call,
            aliases=aliases,
            pure=pure,
            lazy=lazy,
            needs_scope=needs_scope,
            minimum=required if at_least is None else at_least,
            maximum=None if variadic else len(fixed),
            reference=reference,
            parameters=words,
        )
        return call

    return attach


def table(*calls: Callable[..., Any]) -> Mapping[str, Function]:
    """Answer the functions by casefolded name; a duplicate or an unmarked function fails with a sentence."""
    functions: dict[str, Function] = {}
    for call in calls:
        facts = getattr(call, "facts", None)
        if not isinstance(facts, Function):
            raise TypeError(f"{call.__module__}.{call.__qualname__} is listed but not marked with @function.")
        for name in (facts.name, *facts.aliases):
            if name.casefold() in functions:
                raise ValueError(f"The function '{name}' is listed twice.")
            functions[name.casefold()] = facts
    return MappingProxyType(functions)
