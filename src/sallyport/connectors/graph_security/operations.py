"""Calls of the Microsoft Graph Security connector: the generic caller, and the habits of definitions that it must bear.

The rule: both versions serve every operation, except that a trigger's version says which of the triggers it is; what a
body holds is the Graph's to judge, once it has the documented shape.
Deviation: the trigger "On indicator match" is our own; Azure's connector has two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sallyport.connector_call import ALERTS, MATCHES, ConnectorCall
from sallyport.connectors import call as generic
from sallyport.connectors.answers import InvalidCall
from sallyport.connectors.catalog import Connector, UnknownOperation
from sallyport.connectors.credentials import Bearer
from sallyport.connectors.outside import Outside
from sallyport.connectors.swagger import Found
from sallyport.http_messages import InboundResponse

_PATH = re.compile(
    r"/(?P<trigger>trigger/)?(?P<version>v1\.0|beta)(?P<rest>/(security/(alerts|tiIndicators|indicatorMatches)|subscriptions)(/.*)?)",
    re.IGNORECASE | re.DOTALL,
)
_STATE = "triggerState"
_OTHER: Mapping[str, str] = {"v1.0": "beta", "beta": "v1.0"}
#: Operations whose body is `{"value": [...]}`, with the type of their items.
_BULK: Mapping[str, type] = {
    "SubmitTiIndicators": dict,
    "UpdateTiIndicators": dict,
    "DeleteTiIndicators": str,
    "DeleteTiIndicatorsByExternalId": str,
}
#: The numbers of the store that a trigger's state counts in.
_COUNTED: Mapping[str, str] = {
    "OnAllNewAlerts": ALERTS,
    "OnNewHighSeverityAlerts": ALERTS,
    "OnIndicatorMatch": MATCHES,
}
_REQUEST = re.compile(r"\s*(https?:|(get|patch|post|put|delete)\s)", re.IGNORECASE)


async def call(outside: Outside, connector: Connector, call: ConnectorCall) -> InboundResponse:
    """Make a call of the connector.

    Raises UnknownOperation, InvalidCall, EgressDenied or ConnectionFailed.
    """
    url = outside.graph_base_url
    call = generic.on_path(call, (url, outside.public_url))
    found = find(connector, call.method, call.path)
    stated = queries(call.queries)
    if outside.graph_is_own:
        stated = {**_begun(found, call.origin), **stated}
    call = replace(call, queries=stated, body=body(found, call.body))
    return await generic.send(outside.http, url, found, call, Bearer(outside.graph_token))


def find(connector: Connector, method: str, path: str) -> Found:
    """Answer the operation at a method and path, in the version that the path states.

    Raises UnknownOperation.
    """
    matched = _PATH.fullmatch(path.rstrip("/"))
    if matched is None:
        raise UnknownOperation(connector, method, path)
    trigger, version, rest = matched["trigger"] or "", matched["version"].lower(), matched["rest"]
    found = connector.swagger.match(method, f"/{trigger}{version}{rest}")
    if found is not None or trigger:
        return found or connector.find(method, path)
    other = connector.swagger.match(method, f"/{_OTHER[version]}{rest}")
    if other is None:
        raise UnknownOperation(connector, method, path)
    return replace(other, operation=replace(other.operation, path=_in_version(other.operation.path, version)))


def queries(given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the query options as the Graph reads them.

    Raises InvalidCall when `$filter` is a request, not a condition.
    """
    stated = dict(given)
    for name, value in given.items():
        folded = name.casefold()
        if folded == "$filter" and isinstance(value, str):
            _demand_condition(value)
            if not value.strip():
                del stated[name]
        if folded == "$count" and isinstance(value, str):
            stated[name] = value.strip().lower()
    return stated


def body(found: Found, stated: Any) -> Any:
    """Answer the body in its documented shape: of a bulk operation always an object with a list as `value`."""
    item = _BULK.get(found.operation.id)
    if item is None or stated is None:
        return stated
    if isinstance(stated, list):
        return {"value": stated}
    if isinstance(stated, dict) and isinstance(stated.get("value"), item):
        return {**stated, "value": [stated["value"]]}
    return stated


def _begun(found: Found, origin: Mapping[str, int]) -> dict[str, str]:
    """Answer the state that a trigger's first poll begins with, when it is known where the store stood."""
    number = origin.get(_COUNTED.get(found.operation.id, ""))
    return {} if number is None else {_STATE: str(number)}


def _demand_condition(text: str) -> None:
    if not _REQUEST.match(text):
        return
    _, mark, condition = text.partition("$filter=")
    rest = condition.partition("&")[0] if mark else ""
    hint = f" Write only: {rest}" if rest else " An example: Severity eq 'high'"
    raise InvalidCall(
        "'$filter' must be the OData condition alone, without the verb and the address of the service, but it begins "
        f"'{text.strip()[:60]}'.{hint}"
    )


def _in_version(path: str, version: str) -> str:
    return f"/{version}/{path.split('/', 2)[2]}"
