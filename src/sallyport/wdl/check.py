"""Checks a definition without running it.

The rule to know: what Azure refuses when a workflow is saved is an error here; what it saves and then fails, or
what this installation cannot run yet, is a warning.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sallyport.wdl.checks import (
    demands,
    expressions,
    order,
    parameters,
    placement,
    schemas,
    shapes,
    sizes,
    static_results,
    timing,
    variables,
)
from sallyport.wdl.checks.subject import Subject
from sallyport.wdl.definition import Definition
from sallyport.wdl.findings import Finding, Limits
from sallyport.wdl.values import Json

__all__ = ["Finding", "Limits", "check"]

_RULES = (
    *(shapes.check, demands.check, schemas.check, timing.check, static_results.check, order.check, placement.check),
    *(variables.check, parameters.check, expressions.check, sizes.check),
)


def check(
    definition: Definition,
    *,
    action_types: Collection[str],
    trigger_types: Collection[str],
    limits: Limits = Limits(),  # noqa: B008  # frozen
    supplied: Mapping[str, Json] | None = None,
) -> list[Finding]:
    """Answer everything that is wrong with a definition, errors first, in the order of the definition.

    `action_types` and `trigger_types` are those that can be run. `supplied` holds the values that workflow
    parameters are given, when that is known.
    """
    subject = Subject(
        definition=definition,
        action_types=action_types,
        trigger_types=trigger_types,
        limits=limits,
        supplied=supplied,
    )
    found = [finding.within(definition.raw) for rule in _RULES for finding in rule(subject)]
    return sorted(dict.fromkeys(found), key=lambda finding: finding.severity != "error")
