"""An estimate of what an XPath costs, from its text alone: how often it looks over a whole document for each node.

It errs on the costly side: an element that is called `div` may count as an operator, never an axis as an element.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

#: A name, in which dots may stand, and any letter and sign beyond ASCII.
_NAME = r"[^\s!-@\[-^`{-~][^\s!-,/:-@\[-^`{-~]*"
#: One mark of an XPath, and the blanks before it.
TOKEN = re.compile(
    rf"\s*(?P<mark>\"[^\"]*\"|'[^']*'|//|\.\.|[\w.-]+\s*::|{_NAME}|[\w-]+|.)",
    re.DOTALL,
)
#: Axes that visit many nodes from each; those of the second kind stay on the way up or down.
_SIDEWAYS = ("following", "preceding")
_UP_OR_DOWN = ("descendant", "ancestor")
#: After one of these a `/` begins at the document's root.
_OPERATORS = frozenset(["", "(", "[", ",", "|", "=", "<", ">", "+", "-", "and", "or", "div", "mod"])
#: Axes that may lead from several nodes to the same one.
_CONVERGING = ("parent", *_SIDEWAYS, *_UP_OR_DOWN)


@dataclass(frozen=True, slots=True)
class Wide:
    """How many times the number of nodes multiplies with itself."""

    #: Wide axes that run again for every node: inside brackets, or sideways.
    nested: int = 0
    #: `//` and its like after another wide axis in the same path.
    repeated: int = 0

    def more(self, *, nested: bool) -> Wide:
        return replace(self, nested=self.nested + 1) if nested else replace(self, repeated=self.repeated + 1)


def wide_axes(path: str) -> Wide:
    """Find the costliest chain of wide axes in an XPath; quoted text does not count."""
    here = worst = Wide()
    entries: list[Wide] = [here]
    outer: list[Wide] = []
    previous = ""
    for match in TOKEN.finditer(path):
        mark = match["mark"]
        if mark in ("[", "("):
            outer.append(here)
            # However the nodes before a bracket were found, there may be as many as the document has.
            here = _worse(here, Wide(nested=1)) if mark == "[" else here
            entries.append(here)
        elif mark in ("]", ")") and outer:
            here = _worse(outer.pop(), here) if mark == ")" else outer.pop()
            entries.pop()
        elif mark in ("|", "=", "<", ">", "+", ",", "and", "or"):
            here = entries[-1]
        else:
            here = _step(mark, here, entries[-1], previous)
            worst = _worse(worst, here)
        previous = mark
    return worst


def _worse(one: Wide, other: Wide) -> Wide:
    return max(one, other, key=lambda wide: (wide.nested + wide.repeated, wide.nested))


def _step(mark: str, here: Wide, entry: Wide, previous: str) -> Wide:
    """Count one mark: the first wide axis of a path is one look over the document, in brackets for every node."""
    if mark.endswith("::") and mark.startswith(_SIDEWAYS):
        return here.more(nested=True)
    if mark == "//" or (mark.endswith("::") and mark.startswith(_UP_OR_DOWN)):
        return here.more(nested=here == entry)
    inside = entry != Wide()
    # From the root, or from the parent, a text may be the whole document's.
    if inside and ((mark == "/" and previous in _OPERATORS) or mark == ".."):
        return here.more(nested=here == entry)
    return here


def merges(path: str) -> int:
    """Count the steps whose results libxml2 compares with one another, to find what it has twice.

    Brackets do not count: what is in them starts from one node, or is counted as wide.
    """
    found = brackets = 0
    previous = ""
    for match in TOKEN.finditer(path):
        mark = match["mark"]
        if mark in ("[", "]"):
            brackets += 1 if mark == "[" else -1
        elif not brackets:
            converges = mark.endswith("::") and mark.startswith(_CONVERGING)
            found += converges or mark in ("..", "|") or (mark == "//" and previous not in _OPERATORS)
        previous = previous if mark == "." else mark
    return found
