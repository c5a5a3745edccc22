"""What `$filter` may say on this surface: conditions of a few fixed forms, joined by `and`.

The rule: a condition that is not understood is refused, because a list that leaves it out would be taken for its
answer. https://learn.microsoft.com/rest/api/logic/workflow-runs/list
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest
from sallyport.management.call import Call
from sallyport.odata import instants
from sallyport.statuses import Status

_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_STATUS = re.compile(r"status\s+eq\s+'(\w+)'", re.IGNORECASE)
_STARTED = re.compile(r"startTime\s+(eq|ge|gt|le|lt)\s+(?:datetime)?'?([0-9T:.+Z-]+)'?", re.IGNORECASE)
_TRACKED = re.compile(r"clientTrackingId\s+eq\s+'((?:[^']|'')*)'", re.IGNORECASE)
_STATE = re.compile(r"state\s+eq\s+'(\w+)'", re.IGNORECASE)
_TRIGGER = re.compile(r"contains\(\s*Trigger\s*,\s*'(\w+)'\s*\)", re.IGNORECASE)
#: What is true of everything here: there are no integration service environments.
_ALWAYS = re.compile(r"\(?\s*properties/integrationServiceEnvironmentResourceId\s+eq\s+null\s*\)?", re.IGNORECASE)


class FilterRefused(BadRequest):
    """Raised when a `$filter` says what no list of this surface can be asked for."""

    def __init__(self, condition: str, forms: str) -> None:
        super().__init__(f"The '$filter' holds '{condition[:200]}'. It is {forms}, joined by 'and'.")
        self.condition = condition


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs or actions are asked for."""

    status: str | None = None
    #: When they started: an operator and a moment that compares as text, each.
    started: tuple[tuple[str, str], ...] = ()
    #: The tracking id that the client gave, or the trigger made of what it was given.
    tracked: str | None = None

    def selects(self, status: str, started_at: str) -> bool:
        """Answer whether something is asked for."""
        if self.status is not None and status != self.status:
            return False
        return all(getattr(operator, compared)(started_at, moment) for compared, moment in self.started)


def wanted(call: Call, *, by_time: bool = True, by_client: bool = False) -> Wanted:
    """Answer which runs, actions or firings the `$filter` asks for; raises FilterRefused."""
    found = Wanted()
    for condition in _conditions(call):
        tracked = _TRACKED.fullmatch(condition) if by_client and found.tracked is None else None
        status, started = _STATUS.fullmatch(condition), _STARTED.fullmatch(condition) if by_time else None
        known = _known(status[1]) if status else None
        moment = instants.sortable(started[2]) if started else None
        if known is not None and found.status in (None, known):
            found = replace(found, status=known)
        elif started is not None and moment is not None:
            found = replace(found, started=(*found.started, (started[1].lower(), moment)))
        elif tracked is not None:
            found = replace(found, tracked=tracked[1].replace("''", "'"))
        else:
            times = " or \"startTime ge <time>\" (or 'le', 'gt', 'lt', 'eq')" if by_time else ""
            client = " or \"clientTrackingId eq '<id>'\"" if by_client else ""
            raise FilterRefused(condition, f"\"status eq '<status>'\"{times}{client}")
    return found


def workflows(call: Call) -> Callable[[DeployedWorkflow], bool]:
    """Answer what tells whether the `$filter` asks for a workflow; raises FilterRefused."""
    tests: list[Callable[[DeployedWorkflow], bool]] = []
    for condition in _conditions(call):
        state, trigger = _STATE.fullmatch(condition), _TRIGGER.fullmatch(condition)
        if state is not None:
            tests.append(partial(_has_state, state[1].casefold()))
        elif trigger is not None:
            tests.append(partial(_has_trigger, trigger[1].casefold()))
        elif _ALWAYS.fullmatch(condition) is None:
            raise FilterRefused(condition, "\"state eq '<state>'\" or \"contains(Trigger, '<type>')\"")
    return lambda each: all(test(each) for test in tests)


def _conditions(call: Call) -> list[str]:
    given = call.request.query_params.get("$filter", "").strip()
    parts = given.split("'")
    # Every other part stands in quotes, where the word means nothing.
    parts[::2] = [_AND.sub("\0", part) for part in parts[::2]]
    return "'".join(parts).split("\0") if given else []


def _known(status: str) -> str | None:
    return next((each.value for each in Status if each.value.casefold() == status.casefold()), None)


def _has_state(state: str, workflow: DeployedWorkflow) -> bool:
    return workflow.state.casefold() == state


def _has_trigger(kind: str, workflow: DeployedWorkflow) -> bool:
    return any(kind in each.type.casefold() for each in workflow.definition.triggers.values())
