"""Draws a run as the tree of its actions, in the order and nesting of its definition."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from sallyport.cli import output

#: Answers the repetitions of an action inside loops.
Repetitions = Callable[[str], list[dict[str, Any]]]


def draw(run: Mapping[str, Any], repetitions: Repetitions) -> Tree:
    """Answer the tree of a run that was read with its actions and its definition."""
    properties = run["properties"]
    trigger = properties.get("trigger") or {}
    root = Tree(_line(str(run["name"]), properties))
    root.add(Text(f"trigger {trigger.get('name', '')}", style="dim"))
    definition = properties["workflow"].get("properties", {}).get("definition") or {}
    found = properties.get("actions") or {}
    _grow(root, definition.get("actions") or {}, found, repetitions, in_loop=False)
    return root


def _grow(
    tree: Tree, actions: Mapping[str, Any], found: Mapping[str, Any], repetitions: Repetitions, *, in_loop: bool
) -> None:
    for name, action in in_order(actions):
        branch = tree.add(_repeated(name, repetitions(name)) if in_loop else _line(name, found.get(name)))
        is_loop = in_loop or str(action.get("type")).casefold() in ("foreach", "until")
        for title, inner in _blocks(action):
            below = branch.add(Text(title, style="dim")) if title else branch
            _grow(below, inner, found, repetitions, in_loop=is_loop)


def in_order(actions: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the actions of a block, each after those that it runs after; otherwise as the author wrote them."""
    waiting, placed = dict(actions), set[str]()
    while waiting:
        ready = [name for name, action in waiting.items() if placed >= set(action.get("runAfter") or ()) & set(actions)]
        for name in ready or list(waiting):
            placed.add(name)
            yield name, waiting.pop(name)


def _blocks(action: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give the blocks of actions inside an action, with their titles."""
    kind = str(action.get("type")).casefold()
    if action.get("actions"):
        yield ("if true" if kind == "if" else ""), action["actions"]
    if (action.get("else") or {}).get("actions"):
        yield "if false", action["else"]["actions"]
    for name, case in (action.get("cases") or {}).items():
        yield f"case {name}", case.get("actions") or {}
    if (action.get("default") or {}).get("actions"):
        yield "default", action["default"]["actions"]


def _line(name: str, properties: Mapping[str, Any] | None) -> Text:
    line = output.printable(name)
    if properties is None:
        return line.append("  not reached", style="dim")
    line.append("  ").append_text(output.status(properties["status"])).append_text(_code(properties))
    took = output.duration(properties.get("startTime"), properties.get("endTime"))
    if took and properties["status"] != "Skipped":
        line.append(f"  {took}", style="dim")
    if properties["status"] != "Skipped":
        line.append_text(_message(properties))
    return line


def _code(properties: Mapping[str, Any]) -> Text:
    code = properties.get("code")
    said = code and code not in ("OK", properties["status"], "NotSpecified")
    return Text(f"  {code}", style="dim") if said else Text()


def _message(properties: Mapping[str, Any]) -> Text:
    message = (properties.get("error") or {}).get("message")
    return Text("  ").append_text(output.printable(" ".join(str(message).split()))) if message else Text()


def _repeated(name: str, found: list[dict[str, Any]]) -> Text:
    line = output.printable(name)
    if not found:
        return line.append("  not reached", style="dim")
    for status, number in Counter(each["properties"]["status"] for each in found).items():
        line.append(f"  {number} x ").append_text(output.status(status))
    return line.append_text(_first_failure(found))


def _first_failure(found: list[dict[str, Any]]) -> Text:
    """Answer why the first repetition failed that did, in the words of its own line."""
    failed = next((each["properties"] for each in found if each["properties"]["status"] in output.FAILURES), None)
    return Text() if failed is None else _code(failed).append_text(_message(failed))
