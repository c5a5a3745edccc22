"""Cuts a resource down to the properties that `$select` names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sallyport.odata.orderby import Selected


def project(
    resource: Mapping[str, Any], select: tuple[Selected, ...] | None, kept: Collection[str] = ()
) -> dict[str, Any]:
    """Answer a resource with the selected properties only, in its own order; annotations (`@…`) stay.

    A property that is selected but absent stays absent; None selects all. What is `kept` stays with its annotations.
    """
    if select is None:
        return dict(resource)
    inside: dict[str, list[Selected]] = {}
    for first, *rest in select:
        inside.setdefault(first, []).append(tuple(rest))
    return {
        name: _inner(value, inside[name]) if name in inside else value
        for name, value in resource.items()
        if name in inside or name.startswith("@") or name.partition("@")[0] in kept
    }


def _inner(value: Any, select: list[Selected]) -> Any:
    if not isinstance(value, Mapping) or () in select:
        return value
    return project(value, tuple(select))
