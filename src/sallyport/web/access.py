"""What is told of every request: one event in the log, two metrics, one span; never its query, its headers or its body.

The rule: a path stands in the log only where it holds no secret; the links of mails do, so theirs is cut.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sallyport.clock import Clock
from sallyport.principal import Principal
from sallyport.recorder import Recorder, Span

#: Path patterns in lower case, and the surface behind them: the first that fits counts.
Surfaces = Sequence[tuple[str, str]]

OTHER = "other"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
#: Who watches asks all the time: that is not worth a line each.
_QUIET = frozenset({"watching"})
#: How many paths are remembered.
_REMEMBERED = 1_024
_LONGEST_PATH = 300
#: What a caller says of the trace that its request belongs to: https://www.w3.org/TR/trace-context/
_TRACE = frozenset({b"traceparent", b"tracestate"})


class Watch(Recorder, Protocol):
    """A recorder that also shows how much is going on."""

    def read_from(self, metric: str, value: Callable[[], float]) -> None:
        """Let a gauge be asked for when it is shown."""
        ...


class Access:
    """ASGI middleware that tells of every request; the request's id must be beside it already."""

    def __init__(self, app: ASGIApp, clock: Clock, recorder: Watch, surfaces: Surfaces) -> None:
        self._app = app
        self._clock = clock
        self._recorder = recorder
        self._surfaces = surfaces
        self._in_progress = 0
        recorder.read_from("http_requests_in_progress", lambda: self._in_progress)
        # Bound once: a logger that is still to be made is made anew for each event.
        self._log = structlog.stdlib.get_logger("sallyport.access").bind()
        #: Surfaces of paths that were asked for before: the same few are asked for again and again.
        self._known: dict[str, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        surface, method = self._surface(scope["path"]), _method(scope)
        began, status = self._clock.monotonic(), 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._in_progress += 1
        # Each request is a task of its own: there is nobody to take it back from.
        structlog.contextvars.bind_contextvars(request_id=scope.get("state", {}).get("request_id", ""))
        attributes = _attributes(scope, method, surface)
        try:
            with self._recorder.span(f"{method} {surface}", attributes, "answered") as span:
                await self._app(scope, receive, seen)
                _note(span, status)
        finally:
            self._in_progress -= 1
            self._tell(scope, surface, method, status, self._clock.monotonic() - began)

    def _tell(self, scope: Scope, surface: str, method: str, status: int, seconds: float) -> None:
        # Whoever hung up before there was an answer got none.
        self._recorder.count("http_requests_total", surface, method, f"{status // 100}xx" if status else "none")
        self._recorder.observe("http_request_seconds", seconds, surface)
        state = scope.get("state", {})
        caller = state.get("principal")
        self._log.log(
            10 if surface in _QUIET else 20,
            "http.answered",
            method=method,
            path=_path(scope["path"], surface),
            status=status,
            seconds=round(seconds, 4),
            surface=surface,
            request_id=state.get("request_id", ""),
            app_id=caller.app_id if isinstance(caller, Principal) else None,
        )

    def _surface(self, path: str) -> str:
        found = self._known.get(path)
        if found is None:
            folded = path.lower()
            found = next((name for pattern, name in self._surfaces if fnmatchcase(folded, pattern)), OTHER)
            if len(path) <= _LONGEST_PATH and len(self._known) < _REMEMBERED:
                self._known[path] = found
        return found


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else OTHER


def _path(path: str, surface: str) -> str:
    """Answer what the log may show: what stands in a link of a mail decides over an approval."""
    return "/approvals/..." if surface == "approvals" else path[:_LONGEST_PATH]


def _attributes(scope: Scope, method: str, surface: str) -> dict[str, str]:
    found = {"http.request.method": method, "sallyport.surface": surface}
    if request_id := scope.get("state", {}).get("request_id"):
        found["sallyport.request_id"] = request_id
    for name, value in scope["headers"]:
        if name in _TRACE:
            key, text = name.decode(), value.decode("latin-1")
            # Several states are one list; several parents are none that is valid, and the trace begins here.
            found[key] = f"{found[key]},{text}" if key in found else text
    return found


def _note(span: Span, status: int) -> None:
    if status:
        span.note("http.response.status_code", status)
    if status >= 500:
        span.fail(f"{status // 100}xx")
