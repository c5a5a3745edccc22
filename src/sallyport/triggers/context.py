"""What a trigger is given when it looks: its workflow, its own memory, the ways to the outside, and the clock.

The rule: a look keeps no state of its own. What the next one must find stands in the `memory` that it answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sallyport.engine.limits import Limits
from sallyport.engine.ports import Ports
from sallyport.engine.run import Surroundings
from sallyport.engine.workflow import Connection, DeployedWorkflow
from sallyport.store import documents, schema
from sallyport.store.trigger_states import TriggerState
from sallyport.triggers import recurrence_rule
from sallyport.triggers.firing import TriggerScope
from sallyport.triggers.recurrence_rule import Recurrence
from sallyport.wdl.definition import Trigger
from sallyport.wdl.template import Template

#: Answers the signed address of a trigger.
TriggerUrl = Callable[[DeployedWorkflow, str], str]


class TriggerContext:
    """One trigger of one version of a workflow."""

    __slots__ = ("_around", "_url", "asked", "state", "trigger", "workflow")

    def __init__(
        self,
        around: Surroundings,
        workflow: DeployedWorkflow,
        trigger: Trigger,
        state: TriggerState,
        url: TriggerUrl,
        *,
        asked: bool = False,
    ) -> None:
        self._around = around
        self._url = url
        self.workflow = workflow
        self.trigger = trigger
        self.state = state
        #: Whether somebody asked for this look, so that it follows no schedule.
        self.asked = asked

    # --- what is known -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Answer the present moment, in UTC."""
        return self._around.clock.now()

    @property
    def saved_at(self) -> datetime:
        """From when the trigger's rhythm counts."""
        return schema.moment(self.state.saved_at)

    @property
    def scheduled_at(self) -> datetime:
        """When this look was due."""
        return self.now() if self.asked or self.state.next_at is None else schema.moment(self.state.next_at)

    @property
    def memory(self) -> Mapping[str, Any]:
        """What the look before left behind."""
        return self.state.memory

    @property
    def limits(self) -> Limits:
        """The limits that are kept."""
        return self._around.limits

    @property
    def ports(self) -> Ports:
        """The ways to the outside."""
        return self._around.ports

    @property
    def tracking_id(self) -> str:
        """The same for every attempt of one look, and another one for the next."""
        return self.event_id()

    @property
    def client_tracking_id(self) -> str:
        """What correlates the look with what it calls."""
        return self.tracking_id

    @property
    def workflow_headers(self) -> dict[str, str]:
        """The headers that tell the other side who is calling."""
        workflow = self.workflow
        return {
            "x-ms-workflow-id": workflow.id,
            "x-ms-workflow-name": workflow.name,
            "x-ms-workflow-version": str(workflow.version),
            "x-ms-workflow-operation-name": self.trigger.name,
            "x-ms-tracking-id": self.tracking_id,
        }

    def event_id(self, *parts: str) -> str:
        """Answer a name for what this look finds: the same when it is made again, whatever crashed in between."""
        return digest("|".join((self.state.saved_at, str(self.state.sequence), *parts)))

    @property
    def callback_url(self) -> str:
        """The signed address of the trigger."""
        return self._url(self.workflow, self.trigger.name)

    def option(self, name: str) -> bool:
        """Answer whether an operation option is given."""
        return name.casefold() in self.trigger.operation_options

    def connection(self, connection_id: str) -> Connection:
        """Answer the connection that an evaluated `host.connection.name` means.

        Raises ConnectionMissing.
        """
        return self.workflow.connection(connection_id)

    # --- expressions -------------------------------------------------------------------------------------------------

    def scope(self, fired: dict[str, Any] | None = None) -> TriggerScope:
        """Answer what the trigger's expressions may see; `fired` is what `trigger()` answers."""
        settings = self._around.ports.app_settings
        return TriggerScope(self.workflow, fired, self._around.clock, self.callback_url, settings)

    def evaluate(self, template: Template, fired: dict[str, Any] | None = None) -> Any:
        """Evaluate a template of the trigger.

        Raises ExpressionError.
        """
        return template.evaluate(self.scope(fired))

    def rule(self) -> Recurrence:
        """Answer the trigger's recurrence, its expressions evaluated.

        Raises InvalidRecurrence, ExpressionError.
        """
        raw = self.evaluate(self.trigger.template("recurrence"))
        return recurrence_rule.parse(raw, now=self.now(), pointer=f"{self.trigger.pointer}/recurrence")

    # --- secrets -----------------------------------------------------------------------------------------------------

    def seal(self, value: Any) -> str:
        """Answer a value as text that only this installation can read."""
        return self._around.seal.close(documents.dumps(value))

    def unseal(self, sealed: str) -> Any:
        """Answer a sealed value."""
        return documents.loads(self._around.seal.open(sealed))


def digest(text: str) -> str:
    """Answer a short name for a text, from which the text cannot be had."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
