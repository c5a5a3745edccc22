"""What is told of an action type beside its code: its title, inputs, outputs and settings.

Designer, checker and documentation read it. The rule: a manifest is data, `manifests/<type>.json`, read when somebody
asks; that it is there is known from the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import orjson

from sallyport.engine.action_type import ActionType


@dataclass(frozen=True, slots=True)
class Manifest:
    """One action type, described."""

    type: str
    title: str
    description: str
    #: The group that a designer lists it in.
    category: str
    #: The kinds, for a type that has several.
    kinds: tuple[str, ...]
    #: JSON schema of `inputs`, with `x-ms-*` hints for editors.
    inputs: Mapping[str, Any]
    #: JSON schemas of properties beside `inputs`, such as `expression` and `limit`.
    properties: Mapping[str, Any]
    #: JSON schema of the outputs; None when there are none.
    outputs: Mapping[str, Any] | None
    #: Which settings have a meaning: `retryPolicy`, `timeout`, `secureData`, `concurrency`, `pagination`, and others.
    settings: tuple[str, ...]
    #: Values that `operationOptions` may hold.
    options: tuple[str, ...]
    #: Blocks of other actions, each `{"key", "title"}`; `case:` stands for any number of named ones.
    blocks: tuple[Mapping[str, str], ...]


def described(action_types: Mapping[str, ActionType]) -> Mapping[str, ActionType]:
    """Answer the same table, once every action type in it is known to have a manifest.

    Raises ValueError when one has none.
    """
    present = {entry.name for entry in _folder().iterdir()}
    for name in action_types:
        if f"{name}.json" not in present:
            raise ValueError(f"The action type '{name}' has no manifest: write actions/manifests/{name}.json.")
    return action_types


@cache
def load(name: str) -> Manifest:
    """Answer the manifest of an action type; KeyError when there is none."""
    return read(_folder(), name)


def read(folder: Traversable, name: str) -> Manifest:
    """Answer a manifest from a folder of them; KeyError when there is none."""
    entry = folder / f"{name}.json"
    if not name.isalnum() or not entry.is_file():
        raise KeyError(name)
    document = orjson.loads(entry.read_bytes())
    return Manifest(
        type=document["type"],
        title=document["title"],
        description=document["description"],
        category=document["category"],
        kinds=tuple(document.get("kinds", ())),
        inputs=document.get("inputs", {}),
        properties=document.get("properties", {}),
        outputs=document.get("outputs"),
        settings=tuple(document.get("settings", ())),
        options=tuple(document.get("options", ())),
        blocks=tuple(document.get("blocks", ())),
    )


def _folder() -> Traversable:
    return resources.files("sallyport.actions") / "manifests"
