"""How an ARM function is described: its documented name and how many arguments it takes.

The rule to know: the decorator only attaches facts; what exists is the table written out in the package.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sallyport.arm.errors import TemplateError
from sallyport.arm.scope import Scope
from sallyport.arm.values import Json

Body = Callable[..., Json]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions may call."""

    name: str
    body: Body
    #: Whether the body takes the scope before the arguments.
    needs_scope: bool
    fewest: int
    #: None when any number is allowed.
    most: int | None
    #: Whether it looks at everything that is inside its arguments, and not only at how many members they have.
    looks_deep: bool = False

    def __call__(self, scope: Scope, arguments: Sequence[Json]) -> Json:
        """Answer what the function makes of its arguments; raises TemplateError."""
        if len(arguments) < self.fewest or (self.most is not None and len(arguments) > self.most):
            raise TemplateError(f"The function '{self.name}' takes {self._arity()}, not {len(arguments)}.")
        return self.body(scope, *arguments) if self.needs_scope else self.body(*arguments)

    def _arity(self) -> str:
        if self.most is None:
            return f"at least {self.fewest} argument{'' if self.fewest == 1 else 's'}"
        count = str(self.most) if self.fewest == self.most else f"{self.fewest} to {self.most}"
        return f"{count} argument{'' if count == '1' else 's'}"


def function(name: str, *, needs_scope: bool = False, looks_deep: bool = False) -> Callable[[Body], Function]:
    """Describe a Python function as an ARM function; the number of arguments is read from its signature."""

    def describe(body: Body) -> Function:
        parameters = list(inspect.signature(body).parameters.values())[1 if needs_scope else 0 :]
        variadic = any(each.kind is each.VAR_POSITIONAL for each in parameters)
        named = [each for each in parameters if each.kind is not each.VAR_POSITIONAL]
        fewest = sum(each.default is each.empty for each in named)
        return Function(name, body, needs_scope, fewest, None if variadic else len(named), looks_deep)

    return describe


def table(*functions: Function) -> Mapping[str, Function]:
    """Answer functions by casefolded name; a name given twice is refused."""
    found: dict[str, Function] = {}
    for each in functions:
        if each.name.casefold() in found:
            raise ValueError(f"The function '{each.name}' is listed twice.")
        found[each.name.casefold()] = each
    return found
