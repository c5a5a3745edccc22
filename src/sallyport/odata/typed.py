"""The tree of a filter after every name was looked up: what `matches` and `to_sql` evaluate.

Everything here has a kind, and both evaluators read a stored value as its kind or as null: a number where text belongs
is null, not an error. Truth is three-valued: a condition may be true, false or null, and only true selects.
"""

from __future__ import annotations

from dataclasses import dataclass

from sallyport.odata.fields import Enumeration
from sallyport.odata.functions import Function
from sallyport.odata.kinds import Kind


@dataclass(frozen=True, slots=True)
class Member:
    """A step of a path: into a member of an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Cast:
    """A step of a path: the object stays if its `@odata.type`, folded, is one of these, else it is null."""

    type_names: tuple[str, ...]


#: The origin of a path that starts at the resource itself; lambda variables are numbered from 1.
RESOURCE = 0


@dataclass(frozen=True, slots=True)
class Property:
    """A path to a value, from the resource or from a lambda's variable."""

    origin: int
    steps: tuple[Member | Cast, ...]
    kind: Kind
    enum: Enumeration | None = None
    equal_names: tuple[tuple[str, ...], ...] = ()

    @property
    def path(self) -> str | None:
        """Answer the path as text when it can be a column's key: from the resource, through members only."""
        names = [step.name for step in self.steps if isinstance(step, Member)]
        return "/".join(names) if self.origin == RESOURCE and len(names) == len(self.steps) else None


@dataclass(frozen=True, slots=True)
class Constant:
    """A value of the filter. Datetimes are sortable texts, enumeration members their numbers."""

    kind: Kind
    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class EnumName:
    """An enumeration's value as its member's name, in the schema's casing."""

    operand: Property
    kind: Kind = Kind.STRING


@dataclass(frozen=True, slots=True)
class Size:
    """How many elements a collection has; a missing collection has none."""

    collection: Property
    kind: Kind = Kind.NUMBER


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of values; null when any of them is."""

    function: Function
    arguments: tuple[Value, ...]

    @property
    def kind(self) -> Kind:
        return self.function.gives


@dataclass(frozen=True, slots=True)
class Compare:
    """A comparison of two values of one kind; `eq` and `ne` know null, the others are false with it."""

    operator: str
    left: Value
    right: Value
    kind: Kind = Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class OneOf:
    """Whether a value equals one of several constants; false for null."""

    operand: Value
    values: tuple[Constant, ...]
    kind: Kind = Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class HasFlags:
    """Whether an enumeration's number contains all bits of another; false for null."""

    operand: Property
    flags: int
    kind: Kind = Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class IsNull:
    """Whether a value is null or missing."""

    operand: Value
    kind: Kind = Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions joined by `and` or by `or`."""

    operator: str
    operands: tuple[Value, ...]
    kind: Kind = Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class Negation:
    """The opposite of a condition; null stays null."""

    operand: Value
    kind: Kind = Kind.BOOLEAN


@dataclass(frozen=True, slots=True)
class Quantified:
    """`any` or `all` over a collection; false when there is no collection."""

    every: bool
    collection: Property
    variable: int
    body: Value | None
    #: How many parts the body has, which is what each element costs.
    parts: int = 1
    kind: Kind = Kind.BOOLEAN


Value = (
    Property
    | Constant
    | EnumName
    | Size
    | Apply
    | Compare
    | OneOf
    | HasFlags
    | IsNull
    | Junction
    | Negation
    | Quantified
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was read: its text, the entity it was read for, and its condition."""

    text: str
    entity_name: str
    condition: Value
