"""Whether the actions of each block can be put in an order: `runAfter` leads to siblings, and never in a circle."""

from __future__ import annotations

from collections.abc import Iterator

from sallyport import statuses
from sallyport.wdl.checks.subject import Subject, error, meant, warning
from sallyport.wdl.definition import Action, Block, pointer_to
from sallyport.wdl.findings import Finding


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with the order of actions."""
    for pointer, block in subject.blocks():
        for action in block.actions.values():
            yield from _run_after(subject, block, action)
        circle = _circle(block)
        if circle:
            names = ", ".join(f"'{name}'" for name in circle)
            yield error(
                "CircularRunAfter", pointer or "/actions", f"The runAfter of these actions goes in a circle: {names}."
            )


def _run_after(subject: Subject, block: Block, action: Action) -> Iterator[Finding]:
    for name, allowed in action.run_after.items():
        pointer = pointer_to(action.pointer, "runAfter", name)
        if name not in block.actions:
            text = f"The action '{action.name}' runs after '{name}', {_elsewhere(subject, name)}."
            yield error("UnknownRunAfter", pointer, text + meant(name, block.actions.keys() - {action.name}))
        if not allowed:
            yield warning(
                "EmptyRunAfter", pointer, f"The action '{action.name}' names no status of '{name}' to run after."
            )
        for status in sorted(allowed.difference(statuses.RUN_AFTER)):
            yield error("InvalidRunAfter", pointer, f"The status '{status}' cannot stand in a runAfter.")


def _elsewhere(subject: Subject, name: str) -> str:
    try:
        other = subject.definition.action(name)
    except KeyError:
        return "which does not exist"
    return f"which is in another scope ({other.pointer})"


def _circle(block: Block) -> list[str]:
    """Answer the actions that are in a circle or after one, none when the block can be ordered."""
    waits = {
        name: sum(before in block.actions for before in action.run_after) for name, action in block.actions.items()
    }
    ready = [name for name, count in waits.items() if not count]
    while ready:
        name = ready.pop()
        del waits[name]
        for after in block.successors[name]:
            waits[after] -= 1
            if not waits[after]:
                ready.append(after)
    return [name for name in block.actions if name in waits and any(after in waits for after in block.successors[name])]
