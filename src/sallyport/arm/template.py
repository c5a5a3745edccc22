"""Finds the resources of an ARM template, wherever they are, and evaluates them value by value.

The rule to know: property names are never evaluated, only values; a value that cannot be evaluated becomes a problem of
the report and keeps its text, so that one broken expression does not hide the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sallyport.arm import declared, evaluate, values
from sallyport.arm.environment import LOCAL, Environment
from sallyport.arm.errors import OverBudgetError, TemplateError
from sallyport.arm.functions import deployment
from sallyport.arm.scope import Report, Scope
from sallyport.arm.values import Json

#: The most iterations of one copy loop.
MOST_COPIES = 800
#: The most resources of one file, with all their copies.
MOST_RESOURCES = 10_000
#: Templates inside templates.
DEEPEST = 5

_Failed = Callable[[TemplateError, str], Json]


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource that a template declares, not yet evaluated."""

    #: JSON pointer in the file.
    pointer: str
    #: The full type, with the types of its parents.
    type: str
    #: The full name, evaluated.
    name: str
    raw: Mapping[str, Json]
    scope: Scope
    #: What else `dependsOn` may call it: its symbolic name, and that of the copy loop that made it.
    aliases: tuple[str, ...] = ()
    #: The resources whose templates it stands in, outermost first.
    around: tuple[Resource, ...] = ()

    def is_a(self, type_name: str) -> bool:
        """Answer whether the resource is of a type, in any letter case."""
        return self.type.casefold() == type_name.casefold()

    def value(self, key: str) -> Json:
        """Answer one property, evaluated; what cannot be is reported and keeps its text."""
        return collected(self.raw.get(key), self.scope, f"{self.pointer}/{key}")

    @property
    def id(self) -> str:
        """The resource id."""
        return deployment.resource_id(self.scope, [self.type, *self.name.split("/")])  # type: ignore[return-value]  # text


def is_template(document: Json) -> bool:
    """Answer whether a document is an ARM deployment template."""
    if not isinstance(document, dict) or not isinstance(document.get("resources"), (list, dict)):
        return False
    schema = document.get("$schema")
    return "definition" not in document if schema is None else "deploymenttemplate.json" in str(schema).casefold()


def open_template(
    document: Mapping[str, Json],
    *,
    parameters: Mapping[str, Json] | None = None,
    environment: Environment = LOCAL,
    report: Report | None = None,
) -> Scope:
    """Answer the scope of a template, given values for its parameters; those that have none are reported."""
    given = {name.casefold(): value for name, value in (parameters or {}).items()}
    scope = Scope(document, environment, report or Report(), given, strict)
    scope.note_missing()
    return scope


def strict(value: Json, scope: Scope) -> Json:
    """Answer a value with every expression in it evaluated; raises TemplateError at the first that cannot be."""
    return _Walk(scope, _refuse).value(value, "")


def collected(value: Json, scope: Scope, pointer: str) -> Json:
    """Answer a value with every expression in it evaluated; what cannot be is reported and keeps its text."""

    def keep(error: TemplateError, text: str) -> Json:
        scope.report.problems.append(error)
        return text

    return _Walk(scope, keep).value(value, pointer)


def resources(scope: Scope) -> Iterator[Resource]:
    """Answer every resource of a template, children and nested templates included."""
    yield from _resources(scope.template.get("resources"), scope, "/resources", _Inside())


@dataclass(frozen=True, slots=True)
class _Inside:
    """The parent of a child resource, and how deep the template is inside others."""

    type: str = ""
    name: str = ""
    depth: int = 0
    around: tuple[Resource, ...] = ()


def _resources(listed: Json, scope: Scope, pointer: str, inside: _Inside) -> Iterator[Resource]:
    members: list[tuple[str, Json, tuple[str, ...]]]
    if isinstance(listed, dict):
        members = [(f"{pointer}/{values.escaped(key)}", raw, (key,)) for key, raw in listed.items()]
    else:
        members = [(f"{pointer}/{i}", raw, ()) for i, raw in enumerate(listed if isinstance(listed, list) else ())]
    for place, raw, symbol in members:
        if isinstance(raw, dict):
            loop = raw.get("copy")
            aliases = (*symbol, str(loop.get("name"))) if isinstance(loop, dict) else symbol
            for within in _iterations(loop, scope, place):
                yield from _resource(raw, within, place, inside, aliases)
        else:
            scope.report.problems.append(TemplateError("A resource must be an object.", pointer=place))


def _resource(
    raw: Mapping[str, Json], scope: Scope, pointer: str, inside: _Inside, aliases: tuple[str, ...]
) -> Iterator[Resource]:
    scope.report.meter.charge(values.MOST_IN_ALL // MOST_RESOURCES)
    if not _is_wanted(raw, scope, pointer):
        return
    type_name = f"{inside.type}/{raw.get('type')}".strip("/")
    name = f"{inside.name}/{_name(raw, scope, pointer)}".strip("/")
    resource = Resource(pointer, type_name, name, raw, scope, aliases, inside.around)
    yield resource
    below = _Inside(type_name, name, inside.depth, inside.around)
    yield from _resources(raw.get("resources"), scope, f"{pointer}/resources", below)
    properties = raw.get("properties")
    if isinstance(properties, dict):
        if inside.depth >= DEEPEST:
            raise TemplateError(f"Templates are nested more than {DEEPEST} deep.", pointer=pointer)
        yield from _nested(resource, properties, _Inside(depth=inside.depth + 1, around=(*inside.around, resource)))


def _nested(resource: Resource, properties: Mapping[str, Json], inside: _Inside) -> Iterator[Resource]:
    scope = resource.scope
    inner = properties.get("template")
    if resource.is_a("Microsoft.Resources/deployments") and isinstance(inner, dict):
        pointer = f"{resource.pointer}/properties/template/resources"
        if _is_evaluated_inside(properties):
            stated = properties.get("parameters")
            declared.check(inner, parameter_values(stated), scope.report, f"{resource.pointer}/properties/template")
            given = collected(stated, scope, f"{resource.pointer}/properties/parameters")
            scope = _inner_scope(inner, scope, parameter_values(given))
        yield from _resources(inner.get("resources"), scope, pointer, inside)
    elif "templateLink" in properties:
        scope.report.note(f"The template that '{resource.name}' links to is not followed.")
    main = properties.get("mainTemplate")
    if isinstance(main, dict):
        pointer = f"{resource.pointer}/properties/mainTemplate"
        declared.check(main, {}, scope.report, pointer)
        evaluated = collected(main, scope, pointer)
        if isinstance(evaluated, dict):
            within = _inner_scope(evaluated, scope, {})
            yield from _resources(evaluated.get("resources"), within, f"{pointer}/resources", inside)


def parameter_values(given: Json) -> dict[str, Json]:
    """Answer plain values from `{name: {"value": ...}}` (or a whole parameter file, or plain values already)."""
    if not isinstance(given, dict):
        return {}
    if isinstance(given.get("parameters"), dict) and ("$schema" in given or "contentVersion" in given):
        return parameter_values(given["parameters"])
    return {
        name: each["value"] if isinstance(each, dict) and "value" in each else each
        for name, each in given.items()
        if not (isinstance(each, dict) and "reference" in each and "value" not in each)
    }


def _inner_scope(template: Mapping[str, Json], outer: Scope, given: Mapping[str, Json]) -> Scope:
    return open_template(template, parameters=given, environment=outer.environment, report=outer.report)


def _is_evaluated_inside(properties: Mapping[str, Json]) -> bool:
    options = properties.get("expressionEvaluationOptions")
    return isinstance(options, dict) and str(options.get("scope")).casefold() == "inner"


def _name(raw: Mapping[str, Json], scope: Scope, pointer: str) -> str:
    if "name" not in raw:
        return ""
    return values.to_text(collected(raw["name"], scope, f"{pointer}/name"))


def _is_wanted(raw: Mapping[str, Json], scope: Scope, pointer: str) -> bool:
    if raw.get("existing") is True:
        scope.report.note(f"The resource at {pointer} is one that exists already: the template only refers to it.")
        return False
    wanted = _condition(raw, scope, f"{pointer}/condition")
    if not wanted:
        scope.report.note(f"The resource at {pointer} is left out, because its condition is false.")
    return wanted


def _condition(raw: Mapping[str, Json], scope: Scope, pointer: str) -> bool:
    """Answer what the condition of a resource says; one that says neither true nor false is reported, and keeps it."""
    known = len(scope.report.problems)
    found = collected(raw.get("condition", True), scope, pointer)
    text = str(found).casefold()
    if isinstance(found, bool) or text in ("true", "false"):
        return text == "true"
    if len(scope.report.problems) == known and not isinstance(found, values.Placeholder):
        kind = values.type_name(found)
        problem = TemplateError(f"The condition of a resource must be true or false, not {kind}.", pointer=pointer)
        scope.report.problems.append(problem)
    return True


def _iterations(copy: Json, scope: Scope, pointer: str) -> Iterator[Scope]:
    if not isinstance(copy, dict):
        yield scope
        return
    try:
        count = _count(copy, scope)
    except TemplateError as error:
        error.pointer = f"{pointer}/copy/count"
        scope.report.problems.append(error)
        return
    for index in range(count):
        yield scope.within(str(copy.get("name", "")), index)


def _count(copy: Mapping[str, Json], scope: Scope) -> int:
    count = strict(copy.get("count"), scope)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= MOST_COPIES:
        raise TemplateError(f"The count of a copy loop must be an integer from 0 to {MOST_COPIES}.")
    return count


def _refuse(error: TemplateError, _: str) -> Json:
    raise error


class _Walk:
    """One pass over a value, evaluating every string in it."""

    def __init__(self, scope: Scope, failed: _Failed) -> None:
        self._scope = scope
        self._failed = failed

    def value(self, value: Json, pointer: str) -> Json:
        if isinstance(value, str):
            return self._text(value, pointer)
        if isinstance(value, dict):
            return self._object(value, pointer)
        if isinstance(value, list):
            return [self.value(each, f"{pointer}/{i}") for i, each in enumerate(value)]
        return value

    def _text(self, text: str, pointer: str) -> Json:
        try:
            return evaluate.evaluate_text(text, self._scope)
        except RecursionError:
            error = TemplateError("The expression leads through too many variables.", pointer=pointer)
        except OverBudgetError as over:
            over.pointer = over.pointer or pointer
            raise
        except TemplateError as broken:
            error = broken
            error.pointer = pointer
        return self._failed(error, text)

    def _object(self, value: Mapping[str, Json], pointer: str) -> dict[str, Json]:
        copies = value.get("copy")
        if not _are_copies(copies):
            return {key: self.value(each, f"{pointer}/{values.escaped(key)}") for key, each in value.items()}
        result = {k: self.value(each, f"{pointer}/{values.escaped(k)}") for k, each in value.items() if k != "copy"}
        for i, copy in enumerate(copies if isinstance(copies, list) else ()):
            if isinstance(copy, dict):
                result[str(copy["name"])] = self._copied(copy, f"{pointer}/copy/{i}")
        return result

    def _copied(self, copy: Mapping[str, Json], pointer: str) -> Json:
        name = str(copy["name"])
        try:
            count = _count(copy, self._scope)
        except TemplateError as error:
            error.pointer = f"{pointer}/count"
            return self._failed(error, "")
        return [
            _Walk(self._scope.within(name, index), self._failed).value(copy["input"], f"{pointer}/input")
            for index in range(count)
        ]


def _are_copies(value: Json) -> bool:
    """Answer whether a `copy` member is a loop over a property, and not simply something called copy."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and {"name", "count", "input"} <= each.keys() for each in value)
    )
