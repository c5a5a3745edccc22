"""What an action may answer: an outcome is a value, and so are failing and waiting.

The rule: a handler never raises to say that its action failed; it answers `Failed`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sallyport.statuses import Status


class Succeeded(NamedTuple):
    """The action did what it was asked."""

    outputs: Any = None
    code: str = "OK"


@dataclass(frozen=True, slots=True)
class Failed:
    """The action did not do what it was asked; `outputs` is what came back all the same, such as an HTTP answer."""

    code: str
    message: str
    outputs: Any = None
    #: The code in the `error` object where it differs from the action's own (`BadRequest` with `InvalidTemplate`).
    error_code: str | None = None
    #: Whether the action's retry policy applies: an answer of 408, 429 or 5xx, or no answer.
    retryable: bool = False
    #: How long the other side asked us to wait.
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """The action found that there was nothing to do."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The action was given up, as a static result may state; that fails no block."""

    code: str
    message: str
    outputs: Any = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The action ran past its limit."""

    message: str = "The action ran past its time limit."
    code: str = "ActionTimedOut"
    outputs: Any = None


@dataclass(frozen=True, slots=True)
class Suspended:
    """The action waits, however many days: for a moment, for a callback, or for whichever comes first.

    The handler is called again with `ActionContext.resumed` telling what ended the wait and giving `state` back.
    """

    until: datetime | None = None
    callback: bool = False
    state: Any = None


@dataclass(frozen=True, slots=True)
class EndsRun:
    """The action ends the whole run: what is in progress is cancelled, what is left is skipped."""

    status: Status
    code: str
    message: str = ""


Outcome = Succeeded | Failed | Skipped | Cancelled | TimedOut | Suspended | EndsRun


@dataclass(frozen=True, slots=True)
class Resumption:
    """Why a suspended action is called again."""

    #: What the handler gave with `Suspended`.
    state: Any
    #: The request that came to the callback address (`{"headers", "body", "queries"}`), when one did.
    callback: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """How a block of actions ended: `status` by the rule of the last leaves, None while something in it waits."""

    status: Status | None
    #: Names of the actions of the block that failed or timed out, in the order in which they did.
    failed: tuple[str, ...] = field(default=())
