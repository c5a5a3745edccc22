"""Finds the workflows that a command line names, and gives them the values that stand beside them.

The rule: a file that is named must hold a workflow; of a folder, its `workflow.json` counts, else every JSON file below
it that holds one. `parameters.json` and `connections.json` beside a `workflow.json` belong to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import orjson

from sallyport.arm import template
from sallyport.arm.environment import LOCAL, Environment
from sallyport.errors import BadRequest
from sallyport.wdl import load, strict_json
from sallyport.wdl.values import Json
from sallyport.wdl.workflow import Workflow


class Unusable(BadRequest):
    """Raised when what the command line names, or gives, cannot be used."""

    code = "InvalidInput"


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a command line says beside the files."""

    #: Values of parameters, from a file.
    parameters: Mapping[str, Json] = field(default_factory=dict)
    #: `--set name=value`: texts that the parameter's declared type gives a meaning.
    settings: Mapping[str, str] = field(default_factory=dict)
    #: `--connection key=api`.
    connections: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One file that holds workflows."""

    path: Path
    document: dict[str, Json]
    #: For a workflow that the file does not name.
    name: str
    notes: tuple[str, ...] = ()
    #: Values and connections of the files beside it.
    parameters: Mapping[str, Json] = field(default_factory=dict)
    connections: Mapping[str, Json] = field(default_factory=dict)

    @property
    def is_template(self) -> bool:
        """Whether the file is an ARM template."""
        return template.is_template(self.document)

    def declared(self) -> dict[str, str]:
        """Answer the parameters that the file declares, with their types in lower case."""
        found: dict[str, str] = {}
        inner = self.document if self.is_template else self.workflows(Given(), LOCAL)[0].document
        for name, declaration in _object(inner.get("parameters")).items():
            if name != "$connections":
                found[name] = str(_object(declaration).get("type") or "").casefold()
        return found

    def workflows(self, given: Given, environment: Environment = LOCAL) -> list[Workflow]:
        """Answer the workflows of the file, with the values that they are given, in the order of their deployment.

        Raises Unusable, NotAWorkflow, TemplateError.
        """
        parameters = _values(self, given) if given.parameters or given.settings else dict(self.parameters)
        # `newGuid()` depends on the deployment's name: the same file is the same deployment.
        named = replace(environment, deployment_name=self.name)
        found = load.load_document(self.document, name=self.name, parameters=parameters, environment=named)
        return [replace(each, notes=[*self.notes, *each.notes]) for each in found]


def find(paths: Sequence[Path]) -> list[Source]:
    """Answer the files to read.

    Raises Unusable, NotAWorkflow, InvalidJsonError.
    """
    found: list[Source] = []
    for path in paths:
        if not path.is_dir():
            found.append(read(path))
            continue
        inside = list(_in_folder(path))
        if not inside:
            raise Unusable(f"There is no workflow in the folder '{path}'.")
        found.extend(inside)
    return found


def read(path: Path) -> Source:
    """Answer one file, with what stands beside it.

    Raises Unusable, NotAWorkflow, InvalidJsonError.
    """
    standing_alone = path.name == "workflow.json"
    name = path.absolute().parent.name if standing_alone else path.name.removesuffix(".json")
    document, notes = _json(path)
    if not isinstance(document, dict):
        raise load.NotAWorkflow(f"The file '{path}' holds no workflow: it is not a JSON object.")
    if not standing_alone:
        return Source(path, document, name, tuple(notes))
    parameters = _beside(path, "parameters.json")
    values = template.parameter_values(parameters)
    return Source(path, _declaring(document, parameters), name, tuple(notes), values, _beside(path, "connections.json"))


def settings(pairs: Sequence[str], option: str) -> dict[str, str]:
    """Read `name=value` pairs.

    Raises Unusable.
    """
    found = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name.strip():
            raise Unusable(f"'{pair}' is not of the form name=value, as {option} expects.")
        found[name.strip()] = value
    return found


def parameter_file(path: Path | None) -> dict[str, Json]:
    """Read a file of parameter values: ARM's form, a Standard workflow's, or a plain object.

    Raises Unusable, InvalidJsonError.
    """
    if path is None:
        return {}
    document, _ = _json(path)
    if not isinstance(document, dict):
        raise Unusable(f"The parameter file '{path}' must hold a JSON object.")
    return template.parameter_values(document)


def typed(name: str, text: str, kind: str) -> Json:
    """Answer the value of `--set name=text` for a parameter of a type, as JSON unless that is a text.

    Raises Unusable.
    """
    if kind in ("string", "securestring"):
        return text
    try:
        value: Json = orjson.loads(text)
    except orjson.JSONDecodeError:
        if kind:
            raise Unusable(
                f"The value of '{name}' must be of the type {kind}, written as JSON; '{text}' is not."
            ) from None
        return text
    return value


def _values(source: Source, given: Given) -> dict[str, Json]:
    """Answer the values for what a file declares; what others declare is not its business."""
    declared = {name.casefold(): (name, kind) for name, kind in source.declared().items()}
    found = dict(source.parameters)
    for name, value in given.parameters.items():
        if name.casefold() in declared:
            found[declared[name.casefold()][0]] = value
    for name, text in given.settings.items():
        if name.casefold() in declared:
            spelled, kind = declared[name.casefold()]
            found[spelled] = typed(spelled, text, kind)
    return found


def check_settings(sources: Sequence[Source], given: Given) -> None:
    """Raise Unusable when `--set` names a parameter that no file declares."""
    declared = {name.casefold(): name for source in sources for name in source.declared()}
    for name in given.settings:
        if name.casefold() not in declared:
            known = ", ".join(declared.values()) or "none"
            raise Unusable(f"There is no parameter '{name}' to set. The parameters: {known}.")


def unheard(sources: Sequence[Source], given: Given) -> list[str]:
    """Answer the names in a file of parameters that no file declares: a slip, or what others read from it."""
    declared = {name.casefold() for source in sources for name in source.declared()} | {"$connections"}
    return [name for name in given.parameters if name.casefold() not in declared]


def _in_folder(folder: Path) -> Iterator[Source]:
    if (folder / "workflow.json").is_file():
        yield read(folder / "workflow.json")
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from _in_folder(path)
        elif path.suffix == ".json" and _holds_workflow(path):
            yield read(path)


def _holds_workflow(path: Path) -> bool:
    document, _ = _json(path)
    return load.holds_workflow(document)


def _beside(path: Path, name: str) -> dict[str, Json]:
    """Answer the object in a file beside a workflow, or, in a Standard project, beside its folder."""
    root = path.absolute().parent.parent
    places = [path.parent / name, *([root / name] if (root / "host.json").is_file() else [])]
    for place in places:
        if place.is_file():
            document, _ = _json(place)
            return _object(document)
    return {}


def _declaring(document: dict[str, Json], parameters: Mapping[str, Json]) -> dict[str, Json]:
    """Answer a Standard workflow with the parameters declared that its project declares in a file of its own."""
    definition = document.get("definition")
    if not isinstance(definition, dict):
        return document
    own = _object(definition.get("parameters"))
    known = {name.casefold() for name in own}
    listed: dict[str, Json] = {
        name: {"type": entry["type"]}
        for name, entry in parameters.items()
        if name.casefold() not in known and isinstance(entry, dict) and isinstance(entry.get("type"), str)
    }
    return {**document, "definition": {**definition, "parameters": {**own, **listed}}} if listed else document


def _json(path: Path) -> tuple[Json, list[str]]:
    try:
        return strict_json.read(path.read_bytes())
    except OSError as error:
        raise Unusable(f"The file '{path}' cannot be read: {error.strerror or error}.") from None
    except strict_json.InvalidJsonError as error:
        raise Unusable(f"{path}: {error.message}") from None


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
