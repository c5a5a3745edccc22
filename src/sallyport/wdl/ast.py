"""The tree of one expression: literals, calls and dereferences.

Nodes are immutable and know their column and height; the height bounds every later recursion over the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number, boolean or null."""

    value: str | int | float | bool | None
    column: int
    height: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """A function called with arguments."""

    name: str
    arguments: tuple[Node, ...]
    column: int
    height: int


@dataclass(frozen=True, slots=True)
class Access:
    """A property or an item of what `target` gives; `optional` when written with a question mark."""

    target: Node
    key: Node
    optional: bool
    column: int
    height: int


Node: TypeAlias = Literal | Call | Access
