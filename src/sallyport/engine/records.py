"""One entry of a run's history, which is at once what the portal shows and what makes the run durable.

The rule: entries are appended, never changed; for one action and repetition the latest entry counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sallyport.statuses import Status


class Absent:
    """The type of `ABSENT`: there are no inputs or outputs, which is not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()

#: An action, and the repetition of the loops around it (`""` outside of loops).
Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class Record:
    """What is known of one action in one repetition, or of one iteration of a loop."""

    name: str
    #: `000000`, one number for each loop around the action, joined by hyphens: `000002-000000`.
    repetition: str
    status: Status
    started_at: datetime
    #: The idempotency key: the same for every attempt of this action in this run and repetition.
    tracking_id: str
    code: str = ""
    ended_at: datetime | None = None
    inputs: Any = ABSENT
    outputs: Any = ABSENT
    #: `{"code", "message"}`.
    error: dict[str, Any] | None = None
    #: One entry for each attempt that was repeated.
    retry_history: list[dict[str, Any]] | None = None
    tracked_properties: Any = None
    #: What a container or a suspended action must find again: a chosen branch, a loop's items, an address to poll.
    memory: Any = None
    waits_until: datetime | None = None
    waits_for_callback: bool = False
    #: What the action did to variables, in order: `(operation, name, value)`.
    changes: list[tuple[str, str, Any]] | None = None
    #: Whether this is one iteration of the loop `name`, and not the loop.
    iteration: bool = False
    #: About how many bytes its contents take while the run is in memory.
    weight: int = 0
    secret_inputs: bool = False
    secret_outputs: bool = False
    #: The item of a Foreach's iteration is found in the loop's memory; its index here saves reading the text.
    index: int | None = field(default=None)

    @property
    def key(self) -> Key:
        """What the latest entry is looked up by."""
        return (self.name, self.repetition)


def repetition_name(outer: str, index: int) -> str:
    """Answer the name of an iteration inside a repetition: `000004` at the root, `000004-000000` one loop deeper."""
    return f"{outer}-{index:06d}" if outer else f"{index:06d}"


def within(repetition: str, depth: int) -> str:
    """Answer the part of a repetition that belongs to the outermost `depth` loops."""
    return repetition[: depth * 7 - 1] if depth else ""
