"""Outside APIs, each described by a Swagger file: what `ApiConnection` actions and triggers call.

The rule: one folder for each connector and a line for it in `catalog`. What its Swagger file says is enough for the
generic caller; only a connector that needs more has a line in the table here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

from sallyport.connector_call import ConnectorCall
from sallyport.connectors import answers, catalog, graph_security, office365, smtp
from sallyport.connectors import call as generic
from sallyport.connectors.catalog import Connector, UnknownConnector
from sallyport.connectors.outside import Outside
from sallyport.connectors.swagger import Found
from sallyport.http_messages import InboundResponse

#: Makes a call of one connector; raises what `Connectors.call` raises, and `InvalidCall` for what is answered with 400.
Caller = Callable[[Outside, Connector, ConnectorCall], Awaitable[InboundResponse]]

#: How connectors are called that their description alone does not suffice for, by their folder.
CALLERS: Mapping[str, Caller] = {
    "graph_security": graph_security.call,
    "office365": office365.call,
    "smtp": smtp.call,
}
#: How their operations are found, where method and path of the description alone do not suffice.
FINDERS: Mapping[str, Callable[[Connector, str, str], Found]] = {"graph_security": graph_security.find}


def find(connector: Connector, method: str, path: str) -> Found:
    """Answer the operation that a call of a connector means.

    Raises UnknownOperation.
    """
    return FINDERS.get(connector.folder, Connector.find)(connector, method, path)


class Connectors:
    """Every connector, ready to be called."""

    def __init__(self, outside: Outside, custom: Iterable[Connector] = ()) -> None:
        self._outside = outside
        # A custom one takes the place of one with the same id.
        self._connectors = {**catalog.built_in(), **{each.api: each for each in custom}}

    @property
    def connectors(self) -> tuple[Connector, ...]:
        """Every connector, in the order of their ids."""
        return tuple(self._connectors[api] for api in sorted(self._connectors))

    def find(self, api: str) -> Connector:
        """Answer a connector by the id of its API, however it is written.

        Raises UnknownConnector.
        """
        found = self._connectors.get(catalog.api_id(api))
        if found is None:
            raise UnknownConnector(api, self._connectors)
        return found

    async def call(self, call: ConnectorCall) -> InboundResponse:
        """Make a call and answer the response, whatever its status; a call that lacks something is answered with 400.

        Raises UnknownConnector, UnknownOperation, EgressDenied or ConnectionFailed.
        """
        connector = self.find(call.api)
        caller = CALLERS.get(connector.folder, _described)
        try:
            return await caller(self._outside, connector, replace(call, api=connector.api))
        except answers.InvalidCall as error:
            return answers.refusal(error)


async def _described(outside: Outside, connector: Connector, call: ConnectorCall) -> InboundResponse:
    call = generic.on_path(call, (connector.url,))
    found = connector.find(call.method, call.path)
    return await generic.send(outside.http, connector.url, found, call, connector.credential)
