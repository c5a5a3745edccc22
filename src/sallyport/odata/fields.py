"""What a resource's properties are: names in the schema's casing, types, enumerations, nested structures.

Every look-up ignores letter case; every answer is in the schema's casing. The same tables read filters
and shape answers, so that they cannot disagree.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

#: The member that stands for every later one.
UNKNOWN_FUTURE = "unknownFutureValue"


class Type(StrEnum):
    """The type of a property, or of a collection's elements."""

    STRING = "string"
    INT32 = "int32"
    INT64 = "int64"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    GUID = "guid"
    ENUM = "enum"
    COMPLEX = "complex"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """An enumeration: members with their numbers, in the schema's order."""

    name: str
    members: Mapping[str, int]
    #: Other spellings that mean a member: older documentation's word to the schema's word.
    synonyms: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: Members that came after `unknownFutureValue`: only clients that ask for such members see them.
    late: frozenset[str] = dataclasses.field(init=False, default=frozenset())
    #: Members by their folded spellings.
    _spelled: dict[str, str] = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = list(self.members)
        if UNKNOWN_FUTURE in names:
            object.__setattr__(self, "late", frozenset(names[names.index(UNKNOWN_FUTURE) + 1 :]))
        members = {member.lower(): member for member in reversed(names)}
        synonyms = {spelling.lower(): member for spelling, member in self.synonyms.items()}
        object.__setattr__(self, "_spelled", {**members, **synonyms})

    def canonical(self, text: str) -> str | None:
        """Answer a member's name in the schema's casing, or None when the text names no member."""
        return self._spelled.get(text.lower() if text.isascii() else text)

    def rank(self, text: str) -> int | None:
        """Answer a member's number, or None when the text names no member."""
        member = self.canonical(text)
        return None if member is None else self.members[member]

    def name_of(self, rank: int) -> str | None:
        """Answer the member that has a number."""
        return next((member for member, number in self.members.items() if number == rank), None)


@dataclass(frozen=True, slots=True)
class Field:
    """One property."""

    name: str
    type: Type = Type.STRING
    collection: bool = False
    enum: Enumeration | None = None
    structure: Structure | None = None
    #: Names that count as equal when this property is compared with one of them, by `eq`, `ne` or `in`.
    equal_names: tuple[tuple[str, ...], ...] = ()
    #: What an answer shows when nothing was given.
    default: str | None = None
    #: One of our own: an answer shows it only where there is something to show.
    extension: bool = False

    def empty(self) -> list[object] | str | None:
        """Answer what an answer shows for this property when nothing was given: `[]`, null or a named default."""
        return [] if self.collection else self.default


@dataclass(eq=False, slots=True, repr=False)
class Structure:
    """A complex type or an entity: its fields, and the types derived from it."""

    #: The qualified name, such as `microsoft.graph.security.deviceEvidence`.
    name: str
    #: An open structure may carry properties that the schema does not know.
    open: bool = False
    based_on: Structure | None = None
    #: Short names for paths, folded: `provider` means `vendorInformation/provider`.
    aliases: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: Names that `$expand` may give, and what they lead to: several of a structure.
    navigation: dict[str, Structure] = dataclasses.field(default_factory=dict)
    _fields: dict[str, Field] = dataclasses.field(default_factory=dict)
    _derived: dict[str, Structure] = dataclasses.field(default_factory=dict)

    def field(self, name: str) -> Field | None:
        """Answer the field of a name in any case, or None."""
        found = self._fields.get(name.lower())
        return self.based_on.field(name) if found is None and self.based_on is not None else found

    def derived(self, qualified_name: str) -> Structure | None:
        """Answer this structure, or the one derived from it, that has a qualified name."""
        folded = qualified_name.lower()
        if folded == self.name.lower():
            return self
        return self._derived.get(folded)

    def leads(self, name: str) -> str | None:
        """Answer the navigation of a name in any case, in the schema's casing, or None."""
        folded = name.lower()
        return next((each for each in self.navigation if each.lower() == folded), None)

    def own(self) -> tuple[Field, ...]:
        """Answer the fields that this structure adds to what it is based on."""
        return tuple(self._fields.values())

    def derivations(self) -> tuple[Structure, ...]:
        """Answer the structures derived from this one."""
        return tuple(self._derived.values())

    def of_value(self, value: Mapping[str, object]) -> Structure:
        """Answer the structure of an object: the derived one that its `@odata.type` names, else this one."""
        if not self._derived:
            return self
        named = str(value.get("@odata.type") or "").removeprefix("#")
        return self.derived(named) or self

    def type_names(self) -> tuple[str, ...]:
        """Answer the folded `@odata.type` values of this structure and of all derived from it."""
        names = [name.lower() for name in (self.name, *self._derived)]
        return tuple(f"{mark}{name}" for name in names for mark in ("#", ""))

    def __repr__(self) -> str:
        # Structures name one another; written out they would fill pages.
        return f"<Structure {self.name}>"

    def __iter__(self) -> Iterator[Field]:
        """Answer the fields, inherited ones first, in the schema's order."""
        if self.based_on is not None:
            yield from self.based_on
        yield from self._fields.values()

    def add(self, *fields: Field) -> None:
        """Add fields while a model is built."""
        self._fields.update((each.name.lower(), each) for each in fields)

    def add_derived(self, structure: Structure) -> None:
        """Make a structure known as derived from this one, while a model is built."""
        self._derived[structure.name.lower()] = structure


#: An entity is a structure with a key, `id`.
Entity = Structure
