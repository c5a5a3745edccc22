"""What a container makes of how its blocks ended."""

from __future__ import annotations

from collections.abc import Iterable

from sallyport.engine.outcome import BlockOutcome, Failed, Outcome, Succeeded, Suspended, TimedOut
from sallyport.engine.records import ABSENT
from sallyport.statuses import Status

#: How a container ends when nothing in it failed.
DONE = Succeeded(ABSENT, "NotSpecified")

_FAILED = "An action failed. No dependent actions succeeded."


def outcome_of(block: BlockOutcome) -> Outcome:
    """Answer the outcome of a container that ran one block."""
    return Suspended() if block.status is None else outcome_by([block.status])


def outcome_by(statuses: Iterable[Status]) -> Outcome:
    """Answer the outcome of a container by the statuses of what ended in it: a failure comes before a time-out."""
    ended = set(statuses)
    if Status.FAILED in ended:
        return Failed("ActionFailed", _FAILED)
    return TimedOut(_FAILED) if Status.TIMED_OUT in ended else DONE
