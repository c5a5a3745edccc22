"""Which actions have surely ended when another begins.

The rule to know: an action sees those that it runs after, directly or through others, in its own block and in the
blocks around it, and everything inside those. From outside a Foreach it sees an action inside as one result per
iteration, from outside an Until that of the last iteration; but not through two Foreach.
"""

from __future__ import annotations

from collections.abc import Iterator

from sallyport.wdl.checks.subject import Subject
from sallyport.wdl.definition import Action, Block

_Place = tuple[str | None, str | None]


class Reach:
    """Answers, for one definition, what can be seen from where."""

    def __init__(self, subject: Subject) -> None:
        self._actions = subject.definition.actions
        #: For each action, a set of bits: the numbers of the actions of its block that it runs after.
        self._before: dict[str, int] = {}
        self._number: dict[str, int] = {}
        for _, block in subject.blocks():
            self._add(block)

    def obstacle(self, action: Action, other: Action, *, may_look_inside: bool = False) -> str | None:
        """Answer why an action cannot see the result of another, None when it can.

        `may_look_inside` is for the expression of a loop, which is evaluated after its body.
        """
        above = {(each.parent, each.branch): each for each in self._chain(action)}
        top = next(each for each in self._chain(other) if (each.parent, each.branch) in above)
        here = above[(top.parent, top.branch)]
        if top is here:
            return self._obstacle_within(action, other, here, may_look_inside)
        if not self._before.get(here.name, 0) >> self._number[top.name] & 1:
            return "does not run before it: no runAfter leads there"
        return self._loop_between(action, other)

    def _obstacle_within(self, action: Action, other: Action, here: Action, may_look_inside: bool) -> str | None:
        if other is action:
            return "is the action itself"
        if here is action:
            return None if may_look_inside else "is inside of it, and runs later"
        if here is other:
            return "is around it, and has not ended"
        return "is in another branch"

    def _loop_between(self, action: Action, other: Action) -> str | None:
        foreign = [loop for loop in other.loops if loop not in action.loops and self._actions[loop].type == "Foreach"]
        return f"is inside two loops, '{foreign[0]}' and '{foreign[1]}'" if len(foreign) > 1 else None

    def _chain(self, action: Action) -> Iterator[Action]:
        yield action
        while action.parent is not None:
            action = self._actions[action.parent]
            yield action

    def _add(self, block: Block) -> None:
        self._number.update((name, i) for i, name in enumerate(block.actions))
        waits = {
            name: sum(before in block.actions for before in action.run_after) for name, action in block.actions.items()
        }
        ready = [name for name, count in waits.items() if not count]
        while ready:
            name = ready.pop()
            bits = 0
            for before in block.actions[name].run_after:
                if before in block.actions:
                    bits |= self._before[before] | 1 << self._number[before]
            self._before[name] = bits
            for after in block.successors[name]:
                waits[after] -= 1
                if not waits[after]:
                    ready.append(after)
