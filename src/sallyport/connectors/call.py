"""The generic caller: a call and the operation that it means become one HTTP request, and a response comes back.

The rule: what the document demands is demanded here, before anything is sent; what a body must hold is left to the
service, which knows better.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from sallyport.connector_call import ConnectorCall
from sallyport.connectors import credentials
from sallyport.connectors.answers import InvalidCall
from sallyport.connectors.credentials import Credential
from sallyport.connectors.outside import HttpPort
from sallyport.connectors.swagger import JSON_TYPE, Found, Operation, Parameter
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.wdl import values

FORM_TYPE = "application/x-www-form-urlencoded"
#: Characters of a query that need no escape and that people read: OData's own, foremost.
_READABLE = "$'(),:/@"
_CLIMBING = frozenset({".", ".."})


def on_path(call: ConnectorCall, origins: Sequence[str]) -> ConnectorCall:
    """Answer the call with a bare path: the rest of an address that an answer pointed to becomes path and queries.

    Raises InvalidCall when the address lies elsewhere: a connection's credential goes to its own service alone.
    """
    path = call.path
    if "://" in path.partition("?")[0]:
        origin = next((each for each in origins if each and _begins(path, each)), None)
        if origin is None:
            raise InvalidCall(f"The address '{path[:200]}' does not belong to the connector '{call.api}'.")
        path = path[len(origin) :]
    path, _, query = path.partition("?")
    named = dict(parse_qsl(query, keep_blank_values=True))
    return replace(call, path=path if path.startswith("/") else f"/{path}", queries={**named, **call.queries})


async def send(http: HttpPort, url: str, found: Found, call: ConnectorCall, credential: Credential) -> InboundResponse:
    """Make a call below an address and answer the response, its `Location` as a path that can be called again.

    Raises InvalidCall, EgressDenied or ConnectionFailed.
    """
    request = await credentials.sign(build(url, found, call), credential)
    return located(await http.send(request), url)


def build(url: str, found: Found, call: ConnectorCall) -> OutboundRequest:
    """Answer the request that a call means.

    Raises InvalidCall when a required parameter is missing, or a value would lead to another path.
    """
    operation = found.operation
    headers = Headers((name, values.to_text(value)) for name, value in call.headers.items())
    _demand(operation, call, headers)
    path = _path(found)
    query = urlencode(list(_queries(operation, call.queries)), safe=_READABLE, quote_via=quote)
    for each in operation.parameters:
        if each.place == "header" and each.default is not None:
            headers = headers.with_default(each.name, values.to_text(each.default))
    content, content_type = _content(operation, call.body, headers.get("content-type", ""))
    if content_type:
        headers = headers.with_default("Content-Type", content_type)
    return OutboundRequest(
        method=operation.method,
        url=f"{url}{path}{'?' + query if query else ''}",
        headers=headers.with_default("Accept", JSON_TYPE),
        body=content,
        timeout_seconds=call.timeout_seconds,
    )


def located(response: InboundResponse, url: str) -> InboundResponse:
    """Answer the response with a `Location` that is a path of the connector when it lies below the address."""
    location = response.headers.get("location", "")
    if not location or not _begins(location, url):
        return response
    headers = Headers((*response.headers.without("location").pairs, ("Location", location[len(url) :])))
    return replace(response, headers=headers)


def _begins(address: str, origin: str) -> bool:
    return address.casefold().startswith(origin.casefold()) and address[len(origin) : len(origin) + 1] in ("/", "?", "")


def _demand(operation: Operation, call: ConnectorCall, headers: Headers) -> None:
    given = {name.casefold() for name, value in call.queries.items() if value is not None}
    for each in operation.parameters:
        missing = each.required and each.default is None
        if each.place == "query":
            missing = missing and each.name.casefold() not in given
        elif each.place == "header":
            missing = missing and each.name not in headers
        elif each.place == "body":
            missing = missing and call.body is None
        else:
            missing = False
        if missing:
            label = f" ({each.summary})" if each.summary else ""
            place = "a body" if each.place == "body" else f"the {each.place} parameter '{each.name}'{label}"
            raise InvalidCall(f"'{operation.summary or operation.id}' needs {place}, and there is none.")


def _path(found: Found) -> str:
    path = found.operation.path
    for name, value in found.names.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    if not _CLIMBING.isdisjoint(path.split("/")):
        # A URL's way up, RFC 3986, section 5.2.4: another operation would be called, with the connection's credential.
        raise InvalidCall(f"'{found.operation.summary or found.operation.id}' has '.' or '..' as a value of its path.")
    return path


def _queries(operation: Operation, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    declared = {each.name.casefold(): each for each in operation.parameters if each.place == "query"}
    stated = {name.casefold() for name, value in given.items() if value is not None}
    for name, value in given.items():
        parameter = declared.get(name.casefold())
        yield from ((name, text) for text in _texts(value, parameter))
    for name, parameter in declared.items():
        # A default of what authors never see is part of the operation; any other is the service's own affair.
        wanted = parameter.required or parameter.visibility == "internal"
        if name not in stated and wanted and parameter.default is not None:
            yield from ((parameter.name, text) for text in _texts(parameter.default, parameter))


def _texts(value: Any, parameter: Parameter | None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, list):
        pieces = [text for each in value for text in _texts(each, None)]
        multiple = parameter is not None and parameter.schema.get("collectionFormat") == "multi"
        return pieces if multiple else [",".join(pieces)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [values.to_text(value)]


def _content(operation: Operation, body: Any, content_type: str) -> tuple[bytes, str]:
    """Answer a body as bytes, with their type."""
    if body is None:
        return b"", ""
    if isinstance(body, dict) and values.is_envelope(body):
        return values.envelope_bytes(body), content_type or str(body[values.CONTENT_TYPE])
    media = content_type or next(iter(operation.consumes), JSON_TYPE)
    if media.startswith(FORM_TYPE) and isinstance(body, dict):
        return urlencode({name: values.to_text(value) for name, value in body.items()}).encode(), media
    if isinstance(body, str):
        return values.utf8(_json_text(operation, body) if "json" in media else body), media
    return values.utf8(values.dumps(body)), media if "json" in media else JSON_TYPE


def _json_text(operation: Operation, text: str) -> str:
    """Answer text as JSON: what an author wrote as JSON stays, anything else becomes a JSON string."""
    body = operation.body
    if body is not None and body.schema.get("type") == "string":
        return values.dumps(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return values.dumps(text)
    return text
