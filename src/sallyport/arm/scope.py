"""What the expressions of one template may see: its parameters and variables, its loops, and the environment.

The rule to know: parameters and variables are evaluated when an expression first asks for them, so that a broken one
that nothing uses does no harm; a template inside a template has a scope of its own that shares the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sallyport.arm.environment import Environment
from sallyport.arm.errors import TemplateError
from sallyport.arm.values import Json, Meter

#: What stands for a parameter without a value, by type: neutral, not a text that could be mistaken for a value.
NEUTRAL: Mapping[str, Json] = {
    "string": "",
    "securestring": "",
    "int": 0,
    "bool": False,
    "array": [],
    "object": {},
    "secureobject": {},
}

#: So long a message says enough of the way on which an error was met.
_LONGEST_TRAIL = 500


@dataclass(frozen=True, slots=True)
class MissingParameter:
    """A template parameter that has neither a value nor a default."""

    name: str
    type: str
    description: str | None
    allowed_values: tuple[Json, ...] | None


@dataclass(frozen=True, slots=True)
class Unresolved:
    """A value that only a running target can give, and the text that stands for it."""

    function: str
    resource_id: str
    placeholder: str


@dataclass(slots=True)
class Report:
    """What evaluating one file has to say; shared by the scopes of nested templates."""

    notes: list[str] = field(default_factory=list)
    problems: list[TemplateError] = field(default_factory=list)
    missing: list[MissingParameter] = field(default_factory=list)
    #: In the order in which they were met, each once.
    unresolved: dict[Unresolved, None] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
    new_guids: int = 0
    _noted: set[str] = field(default_factory=set)

    def note(self, text: str) -> None:
        """Add a note, once."""
        if text not in self._noted:
            self._noted.add(text)
            self.notes.append(text)


@dataclass(slots=True)
class Scope:
    """What the expressions of one template may see."""

    template: Mapping[str, Json]
    environment: Environment
    report: Report
    #: Values given from outside, by casefolded name.
    given: Mapping[str, Json]
    #: Evaluates a value of the template in a scope; given by `template`, which knows the evaluator.
    evaluate: Callable[[Json, Scope], Json]
    #: The iterations that the expression is in, by casefolded loop name, innermost last.
    loops: Mapping[str, int] = field(default_factory=dict)
    #: Values worked out so far, by kind and casefolded name.
    _known: dict[tuple[str, str], Json] = field(default_factory=dict)
    #: What is being worked out, to notice a circle.
    _busy: list[tuple[str, str]] = field(default_factory=list)

    def within(self, loop: str, index: int) -> Scope:
        """Answer the scope of one iteration of a copy loop."""
        loops = {**self.loops, loop.casefold(): index}
        return Scope(
            self.template, self.environment, self.report, self.given, self.evaluate, loops, self._known, self._busy
        )

    def parameter(self, name: str) -> Json:
        """Answer the value of a template parameter."""
        spelled = self.spelled(declarations(self.template, "parameters"), name)
        if spelled is None:
            raise TemplateError(f"The template parameter '{name}' is not declared.")
        return self._once("parameter", spelled, self._parameter)

    def variable(self, name: str) -> Json:
        """Answer the value of a template variable."""
        variables = declarations(self.template, "variables")
        spelled = self.spelled(variables, name)
        if spelled is None and self._variable_copy(variables, name) is None:
            raise TemplateError(f"The template variable '{name}' is not declared.")
        return self._once("variable", spelled or name, self._variable)

    def spelled(self, members: Mapping[str, Json], name: str) -> str | None:
        """Answer how members write a name that may come in any letter case; None when they do not have it."""
        if name in members:
            return name
        self.report.meter.charge(len(members))
        folded = name.casefold()
        return next((key for key in members if key.casefold() == folded), None)

    def copy_index(self, loop: str | None) -> int:
        """Answer the number of the current iteration of a copy loop, the innermost when none is named."""
        if not self.loops:
            raise TemplateError("The function 'copyIndex' is only allowed inside a copy loop.")
        if loop is None:
            return list(self.loops.values())[-1]
        if loop.casefold() not in self.loops:
            raise TemplateError(f"There is no copy loop '{loop}' here.")
        return self.loops[loop.casefold()]

    def note_missing(self) -> None:
        """Report every parameter that has neither a value nor a default."""
        for name, declaration in declarations(self.template, "parameters").items():
            if isinstance(declaration, dict) and not self._has_value(name, declaration):
                allowed = declaration.get("allowedValues")
                metadata = declaration.get("metadata")
                description = metadata.get("description") if isinstance(metadata, dict) else None
                self.report.missing.append(
                    MissingParameter(
                        name=name,
                        type=str(declaration.get("type", "")),
                        description=description if isinstance(description, str) else None,
                        allowed_values=tuple(allowed) if isinstance(allowed, list) else None,
                    )
                )
                self.report.note(f"The parameter '{name}' has no value.")

    def _has_value(self, name: str, declaration: Mapping[str, Json]) -> bool:
        return name.casefold() in self.given or "defaultValue" in declaration or declaration.get("nullable") is True

    def _once(self, kind: str, name: str, work_out: Callable[[str], Json]) -> Json:
        key = (kind, name.casefold())
        if key in self._known:
            return self._known[key]
        if key in self._busy:
            raise TemplateError(f"The {kind} '{name}' is defined in terms of itself.")
        self._busy.append(key)
        try:
            self._known[key] = work_out(name)
        except TemplateError as error:
            if len(error.message) < _LONGEST_TRAIL:
                error.message = f"In the {kind} '{name}': {error.message}"
            error.column = None
            raise
        finally:
            self._busy.pop()
        return self._known[key]

    def _parameter(self, name: str) -> Json:
        declaration = declarations(self.template, "parameters")[name]
        if name.casefold() in self.given:
            return self.given[name.casefold()]
        if not isinstance(declaration, dict):
            raise TemplateError("The declaration must be an object.")
        if "defaultValue" in declaration:
            return self.evaluate(declaration["defaultValue"], self)
        if declaration.get("nullable") is True:
            return None
        allowed = declaration.get("allowedValues")
        if isinstance(allowed, list) and allowed:
            return allowed[0]
        return NEUTRAL.get(str(declaration.get("type", "")).casefold())

    def _variable(self, name: str) -> Json:
        variables = declarations(self.template, "variables")
        copy = self._variable_copy(variables, name)
        if copy is None:
            return self.evaluate(variables[name], self)
        expanded = self.evaluate({"copy": [copy]}, self)
        return next(iter(expanded.values())) if isinstance(expanded, dict) else None

    def _variable_copy(self, variables: Mapping[str, Json], name: str) -> Json:
        """Answer the copy loop that makes a variable, None when it is not made by one."""
        stated = variables.get("copy")
        copies = stated if isinstance(stated, list) else []
        self.report.meter.charge(len(copies))
        for copy in copies:
            if isinstance(copy, dict) and str(copy.get("name", "")).casefold() == name.casefold():
                return copy
        return None


def declarations(template: Mapping[str, Json], section: str) -> Mapping[str, Json]:
    """Answer the parameters or variables of a template, nothing when it has none."""
    found = template.get(section)
    return found if isinstance(found, dict) else {}
