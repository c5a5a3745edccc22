"""What an action's handler is given beside its inputs: the only door from an action to its run and to the outside.

The rule: a handler keeps no state of its own between calls. What it must find again it `remember`s, or gives with
`Suspended`; a container finds its unfinished blocks again by running them again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sallyport.engine import sizes
from sallyport.engine.frame import Frame
from sallyport.engine.limits import Limits
from sallyport.engine.outcome import BlockOutcome, Resumption
from sallyport.engine.ports import Ports
from sallyport.engine.records import Record, repetition_name
from sallyport.engine.variables import Variables
from sallyport.statuses import Status
from sallyport.wdl.definition import Action, Block
from sallyport.wdl.errors import BudgetExceeded
from sallyport.wdl.template import Template

if TYPE_CHECKING:
    from sallyport.engine.run import Run
    from sallyport.engine.workflow import Connection


#: Given as the item of an iteration that has none.
NO_ITEM: Final = object()


@dataclass(frozen=True, slots=True)
class Blocks:
    """How blocks of actions are run; a container reaches it only through its context."""

    run: Callable[[Run, Block, Frame], Awaitable[BlockOutcome]]
    iterate: Callable[[Run, Action, str, Frame, int, object], Awaitable[BlockOutcome]]
    skip: Callable[[Run, Block, Frame], None]
    iteration_status: Callable[[Run, Action, Frame, int], Status | None]


class ActionContext:
    """One call of one handler."""

    __slots__ = ("_blocks", "_frame", "_record", "_run", "action", "attempt", "resumed")

    def __init__(self, run: Run, action: Action, frame: Frame, record: Record, blocks: Blocks) -> None:
        self._run = run
        self._blocks = blocks
        self._frame = frame
        self._record = record
        self.action = action
        #: Why a suspended action is called again; None at the first call.
        self.resumed: Resumption | None = None
        #: Counted from 1; above 1 when the retry policy repeats the action.
        self.attempt = 1

    # --- what is known -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Answer the present moment, in UTC."""
        return self._run.clock.now()

    @property
    def started_at(self) -> datetime:
        """When the action began, which a crash or a wait does not change."""
        return self._record.started_at

    @property
    def limits(self) -> Limits:
        """The limits that the run keeps."""
        return self._run.limits

    @property
    def ports(self) -> Ports:
        """The ways to the outside."""
        return self._run.ports

    @property
    def tracking_id(self) -> str:
        """The idempotency key: the same for every attempt of this action in this run and repetition."""
        return self._record.tracking_id

    @property
    def client_tracking_id(self) -> str:
        """What correlates this run with whoever caused it."""
        return self._run.client_tracking_id

    @property
    def run_id(self) -> str:
        """The name of the run."""
        return self._run.id

    @property
    def workflow_headers(self) -> dict[str, str]:
        """The `x-ms-workflow-*` headers that tell the other side who is calling."""
        return self._run.headers(self.action.name, self.tracking_id)

    @property
    def sequential(self) -> bool:
        """Whether this action runs inside a Foreach, where a nested Foreach takes one item at a time."""
        return self._frame.innermost_item() is not None

    def option(self, name: str) -> bool:
        """Answer whether an operation option is given, such as `DisableAsyncPattern`."""
        return name.casefold() in self.action.operation_options

    def connection(self, connection_id: str) -> Connection:
        """Answer the connection that an evaluated `host.connection.name` means.

        Raises `NotFound` when the workflow holds no such connection.
        """
        return self._run.workflow.connection(connection_id)

    # --- expressions -------------------------------------------------------------------------------------------------

    def template(self, key: str) -> Template:
        """Answer a property of the action compiled, by its path, such as `expression` or `inputs/where`."""
        return self.action.template(key)

    def evaluate(self, template: Template, iteration: int | None = None) -> Any:
        """Evaluate a template where this action stands, or where the actions of one of its iterations do.

        Raises ExpressionError, which fails the action when the handler lets it pass.
        """
        frame = self._frame
        if iteration is not None:
            frame = Frame(repetition_name(frame.repetition, iteration), self.action.name, iteration, outer=frame)
        return template.evaluate(self._run.scope(frame, self.action, self._record))

    async def evaluate_each(self, template: Template, items: list[Any]) -> list[Any]:
        """Evaluate a template once for each item, which `item()` answers.

        Raises BudgetExceeded when all of them together build more than one evaluation may.
        """
        scope = self._run.scope(self._frame, self.action, self._record)
        meter, spent = scope.meter, 0
        results = []
        for item in items:
            await self._run.around.turns.take(self._run.id)
            scope.set_item(item)
            results.append(template.evaluate(scope))
            if not template.constant:
                spent += meter.spent
                if spent > meter.budget.total_bytes:
                    raise BudgetExceeded(f"All items together would build more than {meter.budget.total_bytes} bytes.")
        return results

    # --- variables ---------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> Variables:
        """The run's variables, to be read."""
        return self._run.variables

    def change_variable(self, operation: str, name: str, value: Any) -> None:
        """Change a variable: `declare` (`{"type", "value"}`), `set` or `append`; the change is recorded.

        Raises VariableError, and ResultTooLarge when it would hold too much.
        """
        self._run.hold_variable(operation, name, value)
        self._run.variables.apply(operation, name, value)
        if self._record.changes is None:
            self._record.changes = []
        self._record.changes.append((operation, name, value))

    # --- containers --------------------------------------------------------------------------------------------------

    @property
    def memory(self) -> Any:
        """What `remember` was given, in this call or before a crash; None at first."""
        return self._record.memory

    def remember(self, memory: Any) -> None:
        """Record what a container must find again: the branch it chose, the items it began with.

        Raises ResultTooLarge, which fails the action when the handler lets it pass.
        """
        self._run.hold(self._record, sizes.check(memory, self._run.limits.message_bytes, "items"))
        self._record.memory = memory
        self._run.ledger.note(self._record)

    async def block(self, key: str) -> BlockOutcome:
        """Run one of the action's blocks to its end, or until all that is left of it waits."""
        return await self._blocks.run(self._run, self.action.blocks[key], self._frame)

    async def iteration(self, key: str, index: int, item: Any = NO_ITEM) -> BlockOutcome:
        """Run one of the action's blocks as one iteration of a loop, in which `item()` answers the item, if any."""
        return await self._blocks.iterate(self._run, self.action, key, self._frame, index, item)

    def skip_branch(self, key: str) -> None:
        """Record the actions of a branch that was not chosen as skipped."""
        self._blocks.skip(self._run, self.action.blocks[key], self._frame)

    def iteration_status(self, index: int) -> Status | None:
        """Answer how an iteration ended, None when it did not."""
        return self._blocks.iteration_status(self._run, self.action, self._frame, index)

    # --- the outside -------------------------------------------------------------------------------------------------

    def callback_url(self) -> str:
        """Answer the signed address to which somebody may report to this action, once."""
        return self._run.callback_url(self.action.name, self._record.repetition)

    def respond(self, status: int, headers: Mapping[str, str], body: Any) -> str | None:
        """Answer the caller who waits for this run, after the answer is committed.

        Answers None when it was taken, else the code that says why not: `ActionResponseSkipped` (nobody waits),
        `ActionResponseAlreadyDefined`, or `ActionResponseTimedOut`.
        """
        return self._run.respond(status, headers, body)
