"""One call of a connector's operation, as actions and triggers state it and connectors make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: The kinds that `origin` counts.
ALERTS = "alerts"
MATCHES = "indicatorMatches"


@dataclass(frozen=True, slots=True)
class ConnectorCall:
    """One call of a connector's operation, as an action or a trigger states it."""

    #: The connector's own name, from the `id` of the connection's entry, such as `microsoftgraphsecurity`.
    api: str
    connection_id: str
    method: str
    path: str
    queries: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    authentication: Any = None
    #: The same for every attempt of one action: what makes a repeat recognisable.
    tracking_id: str = ""
    client_tracking_id: str = ""
    timeout_seconds: float = 120.0
    #: Where a webhook operation reports to; empty for any other.
    callback_url: str = ""
    #: Where the store stood when a trigger began to wait, as numbers by kind; empty for any other call.
    origin: Mapping[str, int] = field(default_factory=dict)
