"""Finds the operation of a request, checks that the caller may do it, and lets the handler answer.

The rule: there is one way to every operation; the items of a batch take the same one, with the batch's caller.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from sallyport import errors, principal
from sallyport.graph.call import Call, Deps, Surface
from sallyport.graph.endpoint import Access, Endpoint
from sallyport.graph.errors import GraphErrors
from sallyport.graph.paths import Paths, split


class Dispatcher:
    """The innermost application of the surface."""

    def __init__(self, deps: Deps, endpoints: Iterable[Endpoint], described: Iterable[Endpoint] = ()) -> None:
        self._deps = deps
        self._surface = Surface(GraphErrors(self, deps.clock), tuple(endpoints), tuple(described))
        self._paths = Paths(self._surface.endpoints)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise errors.BadRequest("Only HTTP is spoken here.")
        try:
            endpoint, names = self._paths.find(scope["method"], split(scope))
        except errors.SallyportError:
            # Whoever has no token is told that first, whatever the path.
            principal.of(scope)
            raise
        if endpoint.access is not Access.PUBLIC:
            caller = principal.of(scope)
            self._deps.throttle.check(caller.app_id, endpoint.path)
            endpoint.admit(caller)
        rest = {name: value for name, value in names.items() if name != "version"}
        call = Call(self._deps, Request(scope, receive, send), names.get("version", "v1.0"), rest, self._surface)
        response = await endpoint.handler(call)
        await response(scope, receive, send)
