"""What is told of a trigger type beside its code, in the shape of an action's manifest: `manifests/<type>.json`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from sallyport.actions import manifest
from sallyport.actions.manifest import Manifest
from sallyport.triggers.trigger_type import TriggerType


def described(trigger_types: Mapping[str, TriggerType]) -> Mapping[str, TriggerType]:
    """Answer the same table, once every trigger type in it is known to have a manifest.

    Raises ValueError when one has none.
    """
    present = {entry.name for entry in _folder().iterdir()}
    for name in trigger_types:
        if f"{name}.json" not in present:
            raise ValueError(f"The trigger type '{name}' has no manifest: write triggers/manifests/{name}.json.")
    return trigger_types


@cache
def load(name: str) -> Manifest:
    """Answer the manifest of a trigger type; KeyError when there is none."""
    return manifest.read(_folder(), name)


def _folder() -> Traversable:
    return resources.files("sallyport.triggers") / "manifests"
