"""A workflow as a file holds it: the definition and what stands around it.

The rule to know: nothing here has been checked; `document` is what `definition.parse` reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from sallyport.arm.scope import MissingParameter, Unresolved
from sallyport.wdl.findings import Finding
from sallyport.wdl.values import Json

#: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
_NAME = re.compile(r"[\w().-]{1,80}")
_LONGEST_NAME = 80


def may_be_named(name: str) -> bool:
    """Answer whether a workflow can have a name."""
    # Some letters become two where letter case does not count.
    return _NAME.fullmatch(name) is not None and not name.endswith(".") and len(name.casefold()) <= _LONGEST_NAME


@dataclass(frozen=True, slots=True)
class ConnectionReference:
    """A connection that the actions of a workflow name by a key of its author's choice."""

    key: str
    connection_id: str
    connection_name: str
    #: The id of the managed API; resolve the connector through it, never through the key.
    api_id: str
    raw: dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflow:
    """One workflow of a file."""

    name: str
    #: The bare definition.
    document: dict[str, Json]
    #: "Stateful" or "Stateless" for a Standard workflow.
    kind: str | None = None
    #: Values of workflow parameters.
    parameters: dict[str, Json] = field(default_factory=dict)
    connections: dict[str, ConnectionReference] = field(default_factory=dict)
    state: Literal["Enabled", "Disabled"] = "Enabled"
    #: The import report: what was left out, what stands for a value that is not known.
    notes: list[str] = field(default_factory=list)
    #: JSON pointer of the definition in the file.
    pointer: str = ""
    #: The resource around the definition (location, tags, identity, other properties), evaluated.
    resource: dict[str, Json] = field(default_factory=dict)
    #: Values of the file that could not be evaluated; each keeps its text in the document.
    problems: tuple[Finding, ...] = ()
    #: Template parameters without a value; deploying should ask for them.
    missing: tuple[MissingParameter, ...] = ()
    #: What needs a running target; load again with an Environment that can resolve it.
    unresolved: tuple[Unresolved, ...] = ()
