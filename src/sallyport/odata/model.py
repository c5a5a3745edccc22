"""Builds structures from short tables, so that an entity's schema reads like the schema.

A structure is written as `"fqdn, isVpn: boolean, tags: string[], emailRole: emailRole = unknown"`: a name without a
type is a string, `[]` marks a collection, `= word` what an answer shows when nothing was given, `name?` a property of
our own. An enumeration is
written as `"unknown 0, low 2"`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from sallyport.odata.fields import Enumeration, Field, Structure, Type

_SIMPLE = {each.value: each for each in Type if each not in (Type.ENUM, Type.COMPLEX)}

#: A structure that may hold any property and promises none.
DICTIONARY = "dictionary"


def enumerations(tables: Mapping[str, str]) -> dict[str, Enumeration]:
    """Answer enumerations by name, from tables of members with their numbers."""
    return {
        name: Enumeration(name, {key: int(number) for key, number in _pairs(text)}) for name, text in tables.items()
    }


def structures(
    namespace: str,
    enums: Mapping[str, Enumeration],
    tables: Mapping[str, str],
    *,
    open_names: tuple[str, ...] = (),
    aliases: Mapping[str, Mapping[str, str]] | None = None,
    navigation: Mapping[str, Mapping[str, str]] | None = None,
    equal_names: Mapping[str, tuple[tuple[str, ...], ...]] | None = None,
) -> dict[str, Structure]:
    """Answer structures by name, from tables of `name` or `name(base)` to fields.

    `equal_names` is keyed by `structure/field`, everything else by the structure's name; `navigation` leads from the
    names that it has to structures.
    """
    built = {DICTIONARY: Structure(f"{namespace}.{DICTIONARY}", open=True)}
    for heading in tables:
        name, _, base = heading.rstrip(")").partition("(")
        built[name] = Structure(
            f"{namespace}.{name}",
            open=name in open_names,
            based_on=built[base] if base else None,
            aliases={alias.lower(): path for alias, path in (aliases or {}).get(name, {}).items()},
        )
        if base:
            built[base].add_derived(built[name])
    for heading, text in tables.items():
        name = heading.partition("(")[0]
        for part in filter(str.strip, text.replace("\n", " ").split(",")):
            made = _field(part, enums, built)
            equal = (equal_names or {}).get(f"{name}/{made.name}", ())
            built[name].add(dataclasses.replace(made, equal_names=equal))
    for name, targets in (navigation or {}).items():
        built[name].navigation.update((each, built[target]) for each, target in targets.items())
    return built


def _pairs(text: str) -> list[list[str]]:
    return [part.split() for part in text.split(",")]


def _field(text: str, enums: Mapping[str, Enumeration], built: Mapping[str, Structure]) -> Field:
    declaration, _, default = text.partition("=")
    named, _, typed = (part.strip() for part in declaration.partition(":"))
    name, extension = named.removesuffix("?"), named.endswith("?")
    kind = typed.removesuffix("[]") or "string"
    collection, shown = typed.endswith("[]"), default.strip() or None
    if kind in _SIMPLE:
        return Field(name, _SIMPLE[kind], collection, default=shown, extension=extension)
    if kind in enums:
        return Field(name, Type.ENUM, collection, enum=enums[kind], default=shown, extension=extension)
    return Field(name, Type.COMPLEX, collection, structure=built[kind], default=shown, extension=extension)
