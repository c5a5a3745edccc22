"""Whether the triggers of a definition can be followed, asked before it is saved.

The rule: only what is known without a run is judged; an expression that cannot be evaluated yet is left for later.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sallyport.engine import parameters as values
from sallyport.engine.parameters import BeforeScope
from sallyport.triggers import batch, recurrence_rule, sliding_window
from sallyport.wdl.definition import Definition, Trigger
from sallyport.wdl.errors import ExpressionError
from sallyport.wdl.scope import Scope

_RECURRING = frozenset({"Recurrence", "SlidingWindow", "Http", "ApiConnection"})


def demand(definition: Definition, parameters: Mapping[str, Any], now: datetime) -> None:
    """Refuse a definition whose triggers could never look as they say.

    `parameters` are the values that are deployed with it. Raises InvalidRecurrence, InvalidBatch.
    """
    known = values.given_to(definition, parameters)
    scope = BeforeScope(definition, known, clock=lambda: now)
    for trigger in definition.triggers.values():
        try:
            _demand(trigger, scope, now)
        except ExpressionError:
            # A setting, a parameter or a moment that only the running workflow has.
            continue


def _demand(trigger: Trigger, scope: Scope, now: datetime) -> None:
    if trigger.type in _RECURRING:
        raw = trigger.template("recurrence").evaluate(scope)
        rule = recurrence_rule.parse(raw, now=now, pointer=f"{trigger.pointer}/recurrence")
        if trigger.type == "SlidingWindow":
            sliding_window.demand(rule, trigger)
    elif trigger.type == "Batch":
        batch.criteria(trigger.template("inputs").evaluate(scope), now, trigger.pointer)
