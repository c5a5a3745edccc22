"""The pure planner: given a block and what is recorded, which actions are ready, which are skipped, is it finished?

It is asked the same question after a start, a crash or a wake-up, and knows nothing of time, storage or action types.
The rules are those of the service's run evaluation: every predecessor must match one of its listed statuses, and the
status of a block is that of its last leaves, where a skipped leaf stands for what it came after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sallyport.statuses import TERMINAL, Status
from sallyport.wdl.definition import Action, Block


class Ready(NamedTuple):
    """An action whose predecessors let it run."""

    name: str


@dataclass(frozen=True, slots=True)
class Skip:
    """An action whose predecessors do not let it run, and why in the service's own words."""

    name: str
    code: str
    message: str


Decision = Ready | Skip

#: Why an action is skipped, given its name.
Reason = Callable[[str], Skip]


class Plan:
    """The state of one block: fed with statuses, it answers decisions; each action is decided once."""

    __slots__ = ("_block", "_missing", "statuses")

    def __init__(self, block: Block, recorded: Mapping[str, Status]) -> None:
        """Begin from recorded statuses; an action that is recorded but not terminal is decided anew, as Ready."""
        self._block = block
        self.statuses: dict[str, Status] = {name: status for name, status in recorded.items() if status in TERMINAL}
        #: How many predecessors of each undecided action are not terminal yet.
        self._missing = dict(block.predecessors)
        for name in self.statuses:
            del self._missing[name]
            for after in block.successors[name]:
                if after in self._missing:
                    self._missing[after] -= 1

    def begin(self) -> list[Decision]:
        """Answer everything that is decided by what was recorded."""
        return [self._decide(name) for name, missing in list(self._missing.items()) if missing == 0]

    def settle(self, name: str, status: Status) -> list[Decision]:
        """Take note that an action is terminal, and answer what that decides."""
        self.statuses[name] = status
        decisions = []
        for after in self._block.successors.get(name, ()):
            missing = self._missing.get(after)
            if missing == 1:
                decisions.append(self._decide(after))
            elif missing is not None:
                self._missing[after] = missing - 1
        return decisions

    @property
    def finished(self) -> bool:
        """Whether every action of the block is terminal."""
        return len(self.statuses) == len(self._block.actions)

    def outcome(self) -> Status:
        """Answer the status of the block, which must be finished."""
        return block_status(self._block, self.statuses)

    def _decide(self, name: str) -> Decision:
        del self._missing[name]
        return _decision(self._block.actions[name], self.statuses)


def block_status(block: Block, statuses: Mapping[str, Status]) -> Status:
    """Answer the status that a finished block of actions has, by the rule of the last leaves."""
    leaves = set(block.leaves)
    seen: set[str] = set()
    while True:
        skipped = {name for name in leaves if statuses[name] is Status.SKIPPED and block.actions[name].run_after}
        if not skipped:
            break
        seen |= skipped
        before = {each for name in skipped for each in block.actions[name].run_after}
        leaves = (leaves - skipped) | (before - seen)
    ended = {statuses[name] for name in leaves}
    if Status.FAILED in ended:
        return Status.FAILED
    return Status.TIMED_OUT if Status.TIMED_OUT in ended else Status.SUCCEEDED


def _decision(action: Action, statuses: Mapping[str, Status]) -> Decision:
    for before, accepted in action.run_after.items():
        actual = statuses[before]
        if actual not in accepted:
            expected = ", ".join(sorted(accepted))
            return Skip(
                action.name,
                "ActionConditionFailed",
                f"The execution of template action '{action.name}' is skipped: the 'runAfter' condition for action "
                f"'{before}' is not satisfied. Expected status values '{expected}' and actual value '{actual}'.",
            )
    return Ready(action.name)


def branch_not_taken(name: str) -> Skip:
    """Answer why a first action of a branch that was not chosen is skipped."""
    return Skip(
        name,
        "ActionBranchingConditionNotSatisfied",
        f"The execution of template action '{name}' skipped: the branching condition for this action is not satisfied.",
    )


def container_skipped(name: str, container: str) -> Skip:
    """Answer why a first action inside a skipped container is skipped."""
    return Skip(
        name,
        "ActionDependencyFailed",
        f"The execution of template action '{name}' is skipped: dependant action '{container}' completed with status "
        "'Skipped' and code 'ActionSkipped'.",
    )
