"""The conditions of a trigger: all of them must be true for it to fire. Pure.

The rule: a condition that reads the status of an answer replaces the rule that only 200 fires; any other is asked of
what a run would get, which with `splitOn` is one item.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sallyport.wdl.definition import Trigger
from sallyport.wdl.errors import ExpressionError
from sallyport.wdl.scope import Scope
from sallyport.wdl.template import Template

_ACCESS = r"\s*\??\s*(?:\.\s*|\[\s*')"
_READS_STATUS = re.compile(
    rf"\b(?:triggers?\s*\(\s*\)(?:{_ACCESS}outputs\b(?:'\s*\])?)?|triggerOutputs\s*\(\s*\)){_ACCESS}(?:code|statusCode|status)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a firing starts no run."""

    code: str
    message: str


def on_status(trigger: Trigger) -> tuple[Template, ...]:
    """Answer the conditions that read the status of an answer."""
    return _picked(trigger, reads_status=True)


def on_content(trigger: Trigger) -> tuple[Template, ...]:
    """Answer the conditions that read anything else."""
    return _picked(trigger, reads_status=False)


def refusal(conditions: Iterable[Template], scope: Scope, trigger_name: str) -> Refusal | None:
    """Answer why conditions are not all met, None when they are."""
    for condition in conditions:
        try:
            met = condition.evaluate(scope)
        except ExpressionError as error:
            return Refusal("TriggerConditionEvaluationFailed", error.message)
        if met is not True:
            return Refusal("TriggerConditionNotMet", f"A condition of trigger '{trigger_name}' is not met.")
    return None


def _picked(trigger: Trigger, *, reads_status: bool) -> tuple[Template, ...]:
    listed: Any = trigger.raw.get("conditions")
    if not isinstance(listed, list):
        return ()
    texts = [str(each.get("expression")) for each in listed if isinstance(each, dict)]
    compiled = zip(texts, trigger.conditions, strict=True)
    return tuple(template for text, template in compiled if bool(_READS_STATUS.search(text)) is reads_status)
