"""`POST /{version}/$batch`: up to twenty requests in one, each answered on its own.

The rule: an item is a request like any other, through the same dispatcher, with the caller of the batch; what does not
wait for another item runs beside it.
Deviation: the answers stand in the order of the requests; Graph promises no order.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.responses import Response
from starlette.types import Message, Scope

from sallyport import errors
from sallyport.graph import batch_rules
from sallyport.graph.batch_rules import Item
from sallyport.graph.call import Call, answer
from sallyport.graph.errors import Exchange

#: Where a request says that it is an item already.
_INSIDE = "graph_batch"
#: What an item's answer tells of its headers, in the casing that clients look for.
_SHOWN: Mapping[bytes, str] = {
    name.lower().encode(): name
    for name in (
        *("Allow", "Content-Type", "ETag", "Location", "OData-Version", "Preference-Applied", "Retry-After"),
        *("Warning", "WWW-Authenticate", "client-request-id", "request-id"),
    )
}


class NestedBatch(errors.BadRequest):
    """Raised when an item of a batch is a batch."""

    def __init__(self) -> None:
        super().__init__("A batch cannot hold another batch.")


class FailedDependency(errors.SallyportError):
    """Raised when an item of a batch was not sent, because one that had to succeed before did not."""

    code = "FailedDependency"
    status = 424

    def __init__(self, failed: Sequence[str]) -> None:
        super().__init__(f"The request was not sent: {', '.join(failed)} had to succeed before and did not.")
        self.failed = failed


@dataclass(slots=True)
class _Answer:
    """What an item was answered, as it arrives."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    async def send(self, message: Message) -> None:
        """Take a message of the application."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    def drawn(self, item_id: str) -> dict[str, Any]:
        """Answer this as the batch shows it; what is not JSON is base64."""
        media = dict(self.headers).get(b"content-type", b"")
        shown = {_SHOWN[name]: value.decode("latin-1") for name, value in self.headers if name in _SHOWN}
        body: dict[str, Any] = {"id": item_id, "status": self.status, "headers": shown}
        if self.body and media.startswith(b"application/json"):
            body["body"] = orjson.Fragment(bytes(self.body))
        elif self.body:
            body["body"] = base64.b64encode(self.body).decode()
        return body


async def run(call: Call) -> Response:
    """Send the requests of a batch, and answer what became of each; 200 says nothing about them."""
    if call.request.scope["state"].get(_INSIDE):
        raise NestedBatch
    items = batch_rules.read(await call.json())
    ordered = batch_rules.ordered(items)
    sent: dict[str, asyncio.Task[_Answer]] = {}
    async with asyncio.TaskGroup() as group:
        for item in ordered:
            before = {needed: sent[needed] for needed in item.depends_on}
            sent[item.id] = group.create_task(_sent_after(call, item, before))
    return answer({"responses": [sent[item.id].result().drawn(item.id) for item in items]})


async def _sent_after(call: Call, item: Item, before: Mapping[str, asyncio.Task[_Answer]]) -> _Answer:
    failed = [needed for needed, task in before.items() if (await task).status >= 400]
    try:
        if failed:
            raise FailedDependency(failed)
        scope = _scope(call, item)
    except errors.SallyportError as error:
        return _refused(call, error)
    found = _Answer()
    await call.surface.app(scope, _Body(item.body).receive, found.send)
    return found


def _refused(call: Call, error: errors.SallyportError) -> _Answer:
    response = Exchange(call.request.scope).drawn(error, call.deps.clock)
    return _Answer(response.status_code, response.raw_headers, bytearray(response.body))


def _scope(call: Call, item: Item) -> Scope:
    outer = call.request.scope
    hosts = {batch_rules.place(parts.scheme, parts.netloc) for parts in map(urlsplit, (call.base_url, _own(call)))}
    target = batch_rules.target(item.url, call.version, hosts)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in item.headers.items()]
    carried = [(name, value) for name, value in outer["headers"] if name == b"host"]
    return {
        **outer,
        "method": item.method,
        "path": target.path,
        "raw_path": target.raw_path,
        "query_string": target.query_string,
        "headers": [*carried, *headers, (b"content-length", str(len(item.body)).encode())],
        "state": {**outer["state"], _INSIDE: True},
    }


def _own(call: Call) -> str:
    """Answer the address under which the caller reached us, whatever the configured one."""
    return f"{call.request.url.scheme}://{call.request.url.netloc}"


class _Body:
    """An item's body, as an application receives it."""

    def __init__(self, data: bytes) -> None:
        self._data: bytes | None = data

    async def receive(self) -> Message:
        """Answer the body, then that nobody is there any more."""
        data, self._data = self._data, None
        if data is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": data, "more_body": False}
