"""The mark that makes a function a trigger, what it answers, and the table of triggers.

A trigger type says two things: when it looks first (`begin`), and what it finds when it looks. The rule: a look changes
nothing by itself. What it found, what it must remember and when it looks next are committed together, or not at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.engine.engine import Engine
from sallyport.statuses import Status
from sallyport.store import places
from sallyport.triggers.context import TriggerContext


class Change(Enum):
    """Why a trigger is asked when it looks next."""

    #: The trigger is new, was changed, or was reset: it remembers nothing.
    NEW = "new"
    #: Its workflow was saved and it is the same as before.
    SAVED = "saved"
    #: Its workflow was enabled again, or the process was down.
    RESUMED = "resumed"


@dataclass(frozen=True, slots=True)
class Plan:
    """When a trigger looks next, and what it remembers until then."""

    next_at: datetime | None
    memory: dict[str, Any] = field(default_factory=dict)
    #: Whether the trigger is to find what is stored from now on: where the store stands is remembered as `origin`.
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What a look found, and what follows."""

    #: When to look next; None for never.
    next_at: datetime | None
    #: What the trigger remembers once this is committed.
    memory: dict[str, Any] = field(default_factory=dict)
    #: Succeeded lets the conditions decide; Skipped and Failed start no run.
    status: Status = Status.SUCCEEDED
    code: str = "OK"
    error: Mapping[str, str] | None = None
    inputs: Any = None
    outputs: Any = None
    #: Names what made it fire, so that it starts its runs once.
    event_id: str | None = None
    scheduled_at: datetime | None = None
    #: When the first attempt was made.
    started_at: datetime | None = None
    #: Whether the trigger has no place yet, and is to find what is stored from now on, as a plan says it.
    waits: bool = False
    #: Whether there is nothing to tell yet: a repeat follows, or nothing was looked for.
    silent: bool = False
    #: Whether the next look makes this one again, under the same names, so that it does not count as another.
    repeats: bool = False
    #: Whether a condition that reads the status decided already, in place of the status.
    decided: bool = False
    #: Whether the trigger was kept for this look alone.
    last: bool = False
    #: Starts runs of its own in the same transaction; answers their names.
    also: Callable[[Connection, Engine], list[str]] | None = None


def remembered(connection: Connection, found: Plan | Look) -> dict[str, Any]:
    """Answer what a trigger remembers, with where the store stands for one that waits from now on."""
    return {**found.memory, "origin": places.here(connection)} if found.waits else found.memory


Begin = Callable[[TriggerContext, Mapping[str, Any], Change], Plan]
Handler = Callable[[TriggerContext], Awaitable[Look]]


@dataclass(frozen=True, slots=True)
class TriggerType:
    """One type of trigger, and what the loop must know to keep it going."""

    name: str
    #: None for a trigger that never looks by itself.
    handler: Handler | None = None
    begin: Begin | None = None
    #: Whether somebody may post to its address.
    called: bool = False
    #: Whether it leaves out what it missed while nobody worked.
    skips_missed: bool = False
    #: Whether it asks another party to call it, which must be told when it should not any more.
    subscribes: bool = False
    #: Whether a look is left out while the trigger's waiting list is full.
    waits_for_room: bool = True


def trigger(
    name: str,
    *,
    begin: Begin,
    called: bool = False,
    skips_missed: bool = False,
    subscribes: bool = False,
    waits_for_room: bool = True,
) -> Callable[[Handler], TriggerType]:
    """Mark an async function `(context) -> Look` as what a trigger type does when it is due."""

    def mark(handler: Handler) -> TriggerType:
        return TriggerType(name, handler, begin, called, skips_missed, subscribes, waits_for_room)

    return mark


def table(*trigger_types: TriggerType) -> Mapping[str, TriggerType]:
    """Answer the trigger types by name; a duplicate is a mistake that shows at import.

    Raises ValueError when two of them share a name.
    """
    by_name: dict[str, TriggerType] = {}
    for trigger_type in trigger_types:
        if trigger_type.name in by_name:
            raise ValueError(f"The trigger type '{trigger_type.name}' is in the table twice.")
        by_name[trigger_type.name] = trigger_type
    return by_name
