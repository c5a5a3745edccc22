"""Run and action statuses, and which may follow which.

The names are the service's own (`WorkflowStatus` of the management API); they are compared without regard to case only
where an author wrote them.
"""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """A status of a run or an action."""

    NOT_SPECIFIED = "NotSpecified"
    PAUSED = "Paused"
    RUNNING = "Running"
    WAITING = "Waiting"
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    SUSPENDED = "Suspended"
    CANCELLED = "Cancelled"
    FAILED = "Failed"
    FAULTED = "Faulted"
    TIMED_OUT = "TimedOut"
    ABORTED = "Aborted"
    IGNORED = "Ignored"


#: Statuses after which nothing follows.
TERMINAL = frozenset(
    {
        Status.SUCCEEDED,
        Status.SKIPPED,
        Status.CANCELLED,
        Status.FAILED,
        Status.FAULTED,
        Status.TIMED_OUT,
        Status.ABORTED,
        Status.IGNORED,
    }
)

#: Statuses that an author may name in `runAfter`.
RUN_AFTER = (Status.SUCCEEDED, Status.FAILED, Status.SKIPPED, Status.TIMED_OUT)

_BY_FOLDED_NAME = {status.value.casefold(): status for status in Status}

#: What may follow what. A run begins Waiting (above its trigger's concurrency) or Running; an action begins Running
#: (before an effect, or while it waits) or is recorded terminal at once.
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.WAITING: frozenset({Status.RUNNING, Status.CANCELLED, Status.TIMED_OUT, Status.SUCCEEDED, Status.FAILED}),
    Status.RUNNING: frozenset({Status.WAITING, *TERMINAL}),
    **dict.fromkeys(TERMINAL, frozenset()),
}


def parse(text: str) -> Status:
    """Answer the status that an author's spelling means, whatever its letter case.

    Raises ValueError when it means none.
    """
    try:
        return _BY_FOLDED_NAME[text.casefold()]
    except KeyError:
        raise ValueError(f"'{text}' is not a status") from None


def may_follow(before: Status, after: Status) -> bool:
    """Answer whether a run or an action in one status may take another."""
    return after in TRANSITIONS.get(before, frozenset())
