"""One firing of a trigger: what its expressions may see, the events that it means, and how their runs are stored.

The rule: all runs of one firing are stored in one transaction, and with them whatever the trigger must remember.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from sallyport.clock import Clock
from sallyport.engine.engine import Engine
from sallyport.engine.limits import Limits
from sallyport.engine.start import Event
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.wdl.definition import Trigger
from sallyport.wdl.scope import Scope, refuse

#: Where an author says how the runs of one firing are told apart.
_OF_ITEM = "splitOnConfiguration/correlation"


class TriggerScope(Scope):
    """What the expressions of a trigger may see: parameters, the workflow, and a firing of the trigger."""

    def __init__(
        self,
        workflow: DeployedWorkflow,
        fired: dict[str, Any] | None,
        clock: Clock | None = None,
        callback: str = "",
        app_settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._workflow = workflow
        self._fired = fired
        self._clock = clock
        self._callback = callback
        self._app_settings = app_settings or {}

    def now(self) -> datetime:
        return self._clock.now() if self._clock is not None else super().now()

    def parameter(self, name: str) -> Any:
        try:
            return self._workflow.parameter(name)
        except KeyError:
            refuse("parameters", f"The workflow parameter '{name}' is not found")

    def trigger(self) -> dict[str, Any]:
        # Before the first firing there is none: an expression that looks for one with `?` finds null.
        return self._fired if self._fired is not None else {}

    def workflow(self) -> dict[str, Any]:
        return self._workflow.shown

    def callback_url(self) -> str:
        return self._callback or super().callback_url()

    def app_setting(self, name: str) -> str:
        return self._app_settings[name] if name in self._app_settings else super().app_setting(name)


@dataclass(frozen=True, slots=True)
class Firing:
    """One firing of one trigger."""

    workflow: DeployedWorkflow
    trigger: Trigger
    #: What `trigger()` answers: `{"outputs", "inputs", "code", "status"}`.
    fired: dict[str, Any]
    #: Names what made it fire, None when nothing does; with `splitOn` each item's name is made from it.
    event_id: str | None = None
    client_tracking_id: str = ""
    scheduled_at: datetime | None = None
    started_at: datetime | None = None
    #: Names of the items of `splitOn`, when the source knows them; else they are numbered.
    item_ids: tuple[str, ...] = field(default=())


def tracking(firing: Firing, clock: Clock) -> str:
    """Answer the client tracking id of a firing: the author's own expression, else the caller's, else none."""
    return _stated(firing, "correlation", firing.fired, clock) or firing.client_tracking_id


def events(firing: Firing, outputs: list[Any], clock: Clock) -> list[Event]:
    """Answer the events of a firing, one for each of its outputs; they may have tracking ids of their own."""
    split = firing.trigger.split_on is not None
    correlated = tracking(firing, clock)
    return [
        Event(
            outputs=each,
            inputs=firing.fired.get("inputs"),
            event_id=_event_id(firing, index, split=split),
            client_tracking_id=(split and _stated(firing, _OF_ITEM, {**firing.fired, "outputs": each}, clock))
            or correlated,
            code=str(firing.fired.get("code", "OK")),
            scheduled_at=firing.scheduled_at,
            started_at=firing.started_at,
        )
        for index, each in enumerate(outputs)
    ]


def _stated(firing: Firing, path: str, fired: dict[str, Any], clock: Clock) -> str | None:
    template = firing.trigger.template(path)
    found = template.evaluate(TriggerScope(firing.workflow, fired, clock))
    stated = found.get("clientTrackingId") if isinstance(found, dict) else None
    return stated if isinstance(stated, str) else None


def store(
    connection: Connection, engine: Engine, firing: Firing, happened: list[Event], *, crowded: bool = False
) -> list[str]:
    """Store the runs of a firing in the caller's transaction; answers their names.

    `crowded` lets them wait however many wait already: for those who looked for room before they fired. Raises
    TooManyRequests when the trigger's waiting list is full.
    """
    name = firing.trigger.name
    return [engine.store_start(connection, firing.workflow, name, event, crowded=crowded) for event in happened]


def most_items(trigger: Trigger, limits: Limits) -> int:
    """Answer how many items `splitOn` may give: fewer where the trigger limits how many runs go on at once."""
    configured = trigger.raw.get("runtimeConfiguration")
    limited = (isinstance(configured, dict) and "concurrency" in configured) or (
        "singleinstance" in trigger.operation_options
    )
    return limits.split_on_items_with_concurrency if limited else limits.split_on_items


def _event_id(firing: Firing, index: int, *, split: bool) -> str | None:
    if split and index < len(firing.item_ids):
        return firing.item_ids[index]
    if firing.event_id is None:
        return None
    return f"{firing.event_id}#{index}" if split else firing.event_id
