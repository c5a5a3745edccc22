"""The envelope of collections and entities: context, count, the link to the next page, and what was selected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from sallyport.graph.call import Call, answer
from sallyport.odata.projection import project
from sallyport.odata.query import Query

#: What stands for itself in an address.
_SAFE = "/:@!$&'()*+,;=~-._"


def collection(
    call: Call, context: str, items: Iterable[Mapping[str, Any]], query: Query | None = None, **more: Any
) -> Response:
    """Answer a page of a collection.

    `more`: `count` (shown unless None), `skiptoken` (of the next page, unless None), `warning` (why it is not whole),
    `headers`.
    """
    body: dict[str, Any] = {"@odata.context": context_url(call, context)}
    if more.get("count") is not None:
        body["@odata.count"] = more["count"]
    if query is not None and more.get("skiptoken") is not None:
        body["@odata.nextLink"] = f"{here(call)}?{query.next_query(more['skiptoken'])}"
    body["value"] = [item if query is None else cut(item, query) for item in items]
    if more.get("warning"):
        return answer(body, 206, {"warning": more["warning"]})
    return answer(body, headers=more.get("headers"))


def entity(
    call: Call, context: str, item: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer one entity of a collection."""
    return answer({"@odata.context": context_url(call, f"{context}/$entity"), **item}, status, headers)


def selected(call: Call, context: str, item: Mapping[str, Any], query: Query, headers: Mapping[str, str]) -> Response:
    """Answer one entity, cut down to what the query selects."""
    return entity(call, context, cut(item, query), 200, headers)


def cut(item: Mapping[str, Any], query: Query) -> Mapping[str, Any]:
    """Answer a resource, cut down to what a query selects; what is expanded stays."""
    if query.select is None:
        return item
    return project(item, query.select, {each.name for each in query.expand})


def context_url(call: Call, context: str) -> str:
    """Answer the address that describes what a body holds."""
    return f"{call.base_url}/{call.version}/$metadata#{quote(context, safe=_SAFE)}"


def address(call: Call, before: str, name: str, behind: str) -> str:
    """Answer the absolute address of something that is named by one segment of its path."""
    return f"{call.base_url}{before}{quote(name, safe='')}{behind}"


def here(call: Call) -> str:
    """Answer the absolute address of this request's path, as the client will reach it again."""
    scope = call.request.scope
    raw: bytes = scope.get("raw_path") or quote(scope["path"], safe=_SAFE).encode()
    # A slash inside of a name stays encoded.
    return call.base_url + quote(raw.partition(b"?")[0].decode("latin-1"), safe=f"{_SAFE}%")
