"""What a webhook trigger keeps so that it can give up its subscription: the whole request, sealed.

The rule: the request is evaluated when the subscription is made, so that it can be sent when the workflow is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from sallyport.actions import api_connection, http, requests
from sallyport.actions import inputs as read
from sallyport.engine.limits import Limits
from sallyport.engine.ports import Ports
from sallyport.engine.run import Surroundings
from sallyport.engine.workflow import Connection, ConnectionMissing
from sallyport.errors import SallyportError
from sallyport.store import documents

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Leaving:
    """The trigger that gives up a subscription, as the outside is told of it."""

    around: Surroundings
    workflow_headers: dict[str, str]
    tracking_id: str
    connections: dict[str, dict[str, Any]]

    @property
    def client_tracking_id(self) -> str:
        """What correlates the call with the subscription."""
        return self.tracking_id

    @property
    def limits(self) -> Limits:
        """The limits that are kept."""
        return self.around.limits

    @property
    def ports(self) -> Ports:
        """The ways to the outside."""
        return self.around.ports

    def now(self) -> datetime:
        """Answer the present moment, in UTC."""
        return self.around.clock.now()

    def option(self, name: str) -> bool:
        """Answer whether an operation option is given: only that the workflow is not named, for it may be gone."""
        return name == "SuppressWorkflowHeaders"

    def connection(self, connection_id: str) -> Connection:
        """Answer the connection that was subscribed through.

        Raises ConnectionMissing.
        """
        found = self.connections.get(connection_id)
        if found is None:
            raise ConnectionMissing(f"The subscription was not made through '{connection_id}'.")
        return Connection(**found)


async def give_up(around: Surroundings, sealed: str) -> None:
    """Send the request that gives up a subscription; that it fails changes nothing, and is logged."""
    kept: dict[str, Any] = documents.loads(around.seal.open(sealed))
    leaving = Leaving(around, kept["headers"], kept["tracking"], kept.get("connections", {}))
    inputs = kept["inputs"]
    try:
        if leaving.connections:
            request, send = requests.stated(inputs, "path", "DELETE"), api_connection.caller(leaving, inputs)
        else:
            address = "uri" if read.member(inputs, "uri") is not None else "url"
            request = requests.stated(inputs, address, "POST")
            send = http.sender(leaving, request.address, inputs)
        response = await send(request)
    except SallyportError as error:
        log.warning("trigger.not_unsubscribed", reason=error.code)
        return
    if response.status >= 400:
        log.warning("trigger.not_unsubscribed", reason=str(response.status))
