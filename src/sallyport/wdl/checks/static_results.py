"""Whether the static results that actions are bound to exist, and state something.

The rule to know: an action whose static result is enabled must never send anything, so that a name which leads nowhere
is an error; a binding that is disabled is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from sallyport.wdl.checks.subject import Subject, error, meant
from sallyport.wdl.definition import pointer_to
from sallyport.wdl.findings import Finding

_STATUSES = ("Succeeded", "Failed", "Cancelled", "Skipped", "TimedOut")


def check(subject: Subject) -> Iterator[Finding]:
    """Answer what is wrong with static results."""
    definition = subject.definition
    for name, stated in definition.static_results.items():
        pointer = pointer_to("/staticResults", name)
        if not isinstance(stated, dict):
            yield error("InvalidStaticResult", pointer, f"The static result '{name}' must be an object.")
        elif str(stated.get("status", "Succeeded")).casefold() not in {each.casefold() for each in _STATUSES}:
            text = f"The static result '{name}' has the status {stated.get('status')!r}; these are: "
            yield error("InvalidStaticResult", pointer_to(pointer, "status"), f"{text}{', '.join(_STATUSES)}.")
    for action in definition.actions.values():
        configuration = action.raw.get("runtimeConfiguration")
        bound = configuration.get("staticResult") if isinstance(configuration, dict) else None
        if not isinstance(bound, dict) or str(bound.get("staticResultOptions", "")).casefold() != "enabled":
            continue
        wanted = str(bound.get("name"))
        if definition.static_result(wanted) is None:
            pointer = pointer_to(action.pointer, "runtimeConfiguration", "staticResult", "name")
            text = f"The action '{action.name}' is bound to the static result '{wanted}', which does not exist."
            yield error("UnknownStaticResult", pointer, text + meant(wanted, definition.static_results))
