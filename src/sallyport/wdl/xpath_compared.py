"""Which comparisons of an XPath hold every node of one set against every node of another, from its text alone.

The rule to know: libxml2 tries all pairs of two node sets. A literal, a number, what a function answers and one
attribute are single values, which cost a look at each node of the other side.
"""

from __future__ import annotations

from dataclasses import dataclass

from sallyport.wdl.xpath_cost import TOKEN

#: Names before brackets that stand for nodes; those of functions stand for one value.
_NODES = frozenset(["id", "text", "node", "comment", "processing-instruction"])
_ARITHMETIC = frozenset(["+", "-", "*", "div", "mod"])
#: What stands for everything between two brackets.
_BRACKETS = "()"

_LEADS_AWAY = frozenset(["/", "//", "..", "|", "@"])
#: No name: it stands for nodes from anywhere.
FAR = "//"


@dataclass(frozen=True, slots=True)
class Compared:
    """How many comparisons of two node sets there are."""

    #: Of what one node has directly in it on both sides: the names there, `*` for any.
    near: tuple[tuple[str, str], ...] = ()
    #: Of sets that may hold any nodes.
    far: int = 0


def compared(path: str) -> Compared:
    """Count the comparisons of two node sets in an XPath."""
    near, far = [], 0
    for sides in _sides(path):
        left, right = map(_meant, sides)
        if "" in (left, right):
            continue
        if FAR in (left, right):
            far += 1
        else:
            near.append((left, right))
    return Compared(tuple(near), far)


class _Level:
    """What has been read of the text between two brackets: one side of a comparison, and the side before it."""

    def __init__(self) -> None:
        self.marks: list[str] = []
        self.left: list[str] | None = None

    def end_side(self, found: list[tuple[list[str], list[str]]]) -> None:
        if self.left is not None:
            found.append((self.left, self.marks))
        self.left, self.marks = None, []


def _sides(path: str) -> list[tuple[list[str], list[str]]]:
    """Answer the two sides of each comparison, as marks."""
    found: list[tuple[list[str], list[str]]] = []
    levels = [_Level()]
    for match in TOKEN.finditer(path):
        mark, level = "".join(match["mark"].split()), levels[-1]
        if mark in ("[", "("):
            levels.append(_Level())
        elif mark in ("]", ")") and len(levels) > 1:
            levels.pop().end_side(found)
            levels[-1].marks += [_BRACKETS] if mark == ")" else []
        elif mark in ("=", "<", ">"):
            if level.marks:  # else it is the second half of `<=`
                marks = [each for each in level.marks if each != "!"]
                level.end_side(found)
                level.left = marks
        elif mark == "," or (mark in ("and", "or") and _is_operator(level.marks)):
            level.end_side(found)
        elif mark:
            level.marks.append(mark)
    for level in levels:
        level.end_side(found)
    return found


def _is_operator(before: list[str]) -> bool:
    """Answer whether a name after these marks is an operator, and not the name of a node."""
    return bool(before) and before[-1] not in ("/", "//", "@", "|") and not before[-1].endswith(":")


def _meant(marks: list[str]) -> str:
    """Answer what a side stands for: the name of what a node has in it, FAR for any nodes, empty for one value."""
    if marks[:2] == [".", "/"]:
        marks = marks[2:]
    if "@" in marks and marks[marks.index("@") - 1 : marks.index("@")] == ["/"]:
        marks = marks[: marks.index("@") - 1]  # each node has one such attribute at the most
    if not marks or marks == ["."] or _is_value(marks) or (marks[0] == "@" and "*" not in marks):
        return ""
    if marks[0] in (_BRACKETS, "id") or any(each in _LEADS_AWAY or each.endswith("::") for each in marks):
        return FAR
    return "*" if marks[-1] == _BRACKETS else marks[-1]


def _is_value(marks: list[str]) -> bool:
    """Answer whether the marks make a text, a number or a boolean."""
    for index, mark in enumerate(marks):
        before = marks[:index]
        if mark[0] in "\"'" or (mark.lstrip("-")[:1].isdigit() and not _is_operator(before)):
            return True
        if mark in _ARITHMETIC and (_is_operator(before) or (mark == "-" and not before)):
            return True
        if mark == _BRACKETS and before and before[-1] not in _NODES and before[-1][-1].isalnum():
            return True
    return False
