"""The only way out: every outbound HTTP request of the house passes through here, and is judged at every hop.

The rule: a request ends by its total deadline, with at most the permitted number of bytes in memory, whatever the other
side does. Origins of the house's own are mounted and answered in this process, without a network.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import httpcore
import httpx
import structlog

from sallyport.clock import Clock
from sallyport.http_messages import (
    ConnectionFailed,
    EgressDenied,
    FailureKind,
    Headers,
    InboundResponse,
    InvalidRequest,
    OutboundRequest,
)
from sallyport.recorder import SILENT, Recorder
from sallyport.web import inflate, network
from sallyport.web.egress_policy import EgressPolicy
from sallyport.web.names import Names
from sallyport.web.pools import Pools

AsgiApp = Callable[
    [
        MutableMapping[str, Any],
        Callable[[], Awaitable[MutableMapping[str, Any]]],
        Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ],
    Awaitable[None],
]

#: https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-config: the length of a URL.
URL_LIMIT = 16_384
_HOPS = 10
_HEADER_BYTES = 64 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_BAD_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
#: Fields that belong to the connection and the framing, which are ours to write.
_OURS = (
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-connection",
    "accept-encoding",
)
#: Fields that are meant for one origin only.
_SECRETS = ("authorization", "cookie", "x-api-key", "api-key", "ocp-apim-subscription-key")
_ABOUT_THE_BODY = ("content-type", "content-encoding", "content-language", "content-location")
_REDIRECTS = {301, 302, 303, 307, 308}

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Hop:
    """One message on the wire: a request, or what a redirect made of it."""

    method: str
    url: httpx.URL
    headers: Headers
    body: bytes

    @property
    def origin(self) -> str:
        return _origin(self.url)

    def traced(self, headers: Mapping[str, str]) -> _Hop:
        """Answer the same request as part of a trace, unless its author has put it into one."""
        if not headers or "traceparent" in self.headers:
            return self
        return replace(self, headers=Headers((*self.headers.pairs, *headers.items())))


class Egress:
    """Sends requests to where policy permits; one for the whole process, because it keeps connections open."""

    def __init__(
        self,
        policy: EgressPolicy,
        clock: Clock,
        resolver: network.Resolver | None = None,
        recorder: Recorder = SILENT,
    ) -> None:
        self._recorder = recorder
        self._policy = policy
        self._clock = clock
        self._names = Names()
        self._network = network.GuardedNetwork(policy, resolver or self._names.addresses)
        self._pools = Pools(self._network, clock)
        self._mounted: dict[str, httpx.ASGITransport] = {}

    def mount(self, origin: str, app: AsgiApp) -> None:
        """Answer requests to an origin, such as `http://graph.internal`, by an ASGI application of this process."""
        self._mounted[_origin(_url(origin))] = httpx.ASGITransport(
            # Whoever asks from a playbook is not somebody at this machine.
            app,
            raise_app_exceptions=False,
            client=("0.0.0.0", 0),  # noqa: S104 - nobody listens there
        )

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """Send a request, follow its redirects when asked to, and answer the last response, whatever its status.

        Raises `InvalidRequest`, `EgressDenied` or `ConnectionFailed`.
        """
        hop = _first(request)
        started, outcome = self._clock.monotonic(), "failed"
        told = {"http.request.method": hop.method, "server.address": _host(hop.url)}
        with self._recorder.span("outbound", told, "sent") as span:
            hop = hop.traced(self._recorder.trace_headers())
            try:
                async with asyncio.timeout(max(0.0, request.timeout_seconds)):
                    response = await self._follow(hop, request)
                outcome = f"{response.status // 100}xx"
                span.note("http.response.status_code", response.status)
                if response.status >= 400:
                    span.fail(outcome)
            except TimeoutError as error:
                outcome = "timeout"
                raise ConnectionFailed("timeout", _host(hop.url)) from error
            except EgressDenied:
                outcome = "denied"
                raise
            finally:
                seconds = self._clock.monotonic() - started
                if hop.origin not in self._mounted:
                    self._recorder.count("outbound_requests_total", outcome)
                    self._recorder.observe("outbound_request_seconds", seconds)
        _log.debug("egress.sent", host=_host(hop.url), status=response.status, seconds=seconds)
        return response

    async def close(self) -> None:
        """Close every connection that is kept open."""
        await self._pools.close()
        self._names.close()

    async def _follow(self, hop: _Hop, request: OutboundRequest) -> InboundResponse:
        mounted = self._mounted.get(hop.origin)
        if mounted is not None:
            return await _serve(mounted, hop)
        for _ in range(_HOPS + 1):
            response = await self._exchange(hop, request.answer_bytes)
            location = response.headers.get("location", "")
            if not request.follow_redirects or response.status not in _REDIRECTS or not location:
                return response
            # Nobody outside may send us inside: a later hop never looks at what is mounted.
            hop = _redirected(hop, response.status, location)
        raise ConnectionFailed("redirects", _host(hop.url))

    async def _exchange(self, hop: _Hop, most: int | None) -> InboundResponse:
        try:
            async with self._pools.to(hop.origin) as pool, self._opened(pool, hop) as response:
                return await self._received(response, hop, most)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise ConnectionFailed(network.failure_kind(error), _host(hop.url)) from error

    def _opened(self, pool: httpcore.AsyncConnectionPool, hop: _Hop) -> AbstractAsyncContextManager[httpcore.Response]:
        return pool.stream(
            hop.method.encode(),
            httpcore.URL(scheme=hop.url.raw_scheme, host=hop.url.raw_host, port=hop.url.port, target=hop.url.raw_path),
            headers=[(name.encode("ascii"), value.encode("utf-8")) for name, value in hop.headers.pairs],
            content=hop.body,
        )

    async def _received(self, response: httpcore.Response, hop: _Hop, most: int | None) -> InboundResponse:
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
        limit = self._policy.response_limit_bytes
        body = inflate.Body(headers.get("content-encoding", ""), limit if most is None else min(most, limit))
        try:
            async for piece in response.aiter_stream():
                body.feed(piece)
            content = body.finish()
        except (inflate.TooLarge, inflate.BadEncoding) as error:
            if most is None:
                kind: FailureKind = "too_large" if isinstance(error, inflate.TooLarge) else "protocol"
                raise ConnectionFailed(kind, _host(hop.url)) from error
            content = b""
        if body.decoded:
            headers = headers.without("content-encoding", "content-length")
        return InboundResponse(response.status, headers, content, str(hop.url))


async def _serve(transport: httpx.ASGITransport, hop: _Hop) -> InboundResponse:
    # Written as they would be on the wire.
    written = ((name.encode("ascii"), value.encode("utf-8")) for name, value in hop.headers.pairs)
    fields = [(name, value) for name, value in written if name.lower() != b"accept-encoding"]
    request = httpx.Request(hop.method, hop.url, headers=fields, content=hop.body)
    answer = await transport.handle_async_request(request)
    body = await answer.aread()
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw)
    return InboundResponse(answer.status_code, headers, body, str(hop.url))


def _first(request: OutboundRequest) -> _Hop:
    if not _TOKEN.match(request.method):
        raise InvalidRequest("The method is not an HTTP method.")
    url = _url(request.url)
    # Blanks around a value are none of it (RFC 9110, section 5.5), and expressions leave them easily.
    written = Headers((name, value.strip(" \t")) for name, value in Headers(request.headers).pairs)
    size = sum(len(name) + len(value) for name, value in written.pairs)
    if size > _HEADER_BYTES:
        raise InvalidRequest(f"The headers are {size} characters long; the limit is {_HEADER_BYTES}.")
    for name, value in written.pairs:
        if not _TOKEN.match(name) or _BAD_VALUE.search(value):
            raise InvalidRequest("A header has a name or a value that HTTP does not allow.")
    if url.userinfo and "authorization" not in written:
        user = f"{url.username}:{url.password}".encode()
        written = Headers((*written.pairs, ("Authorization", f"Basic {base64.b64encode(user).decode()}")))
    method = request.method.upper()
    url = url.copy_with(username=None, password=None) if url.userinfo else url
    return _Hop(method, url, _framed(written, url, method, request.body), request.body)


def _redirected(hop: _Hop, status: int, location: str) -> _Hop:
    try:
        url = _url(str(hop.url.join(_letters(location)))).copy_with(username=None, password=None)
    except (httpx.InvalidURL, InvalidRequest) as error:
        _log.warning("egress.denied", host=_host(hop.url), reason="redirect")
        raise EgressDenied from error
    headers = hop.headers if _origin(url) == hop.origin else hop.headers.without(*_SECRETS)
    method, body = hop.method, hop.body
    if (status == 303 and method != "HEAD") or (status in {301, 302} and method == "POST"):
        method, body = "GET", b""
        headers = headers.without(*_ABOUT_THE_BODY)
    return _Hop(method, url, _framed(headers, url, method, body), body)


def _letters(location: str) -> str:
    """Answer an address with its letters beyond ASCII, which fields are not read as: servers write them in UTF-8."""
    try:
        return location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return location


def _framed(headers: Headers, url: httpx.URL, method: str, body: bytes) -> Headers:
    """Answer the fields with our own Host, length and accepted encodings."""
    rest = headers.without(*_OURS).with_default("User-Agent", "sallyport").with_default("Accept", "*/*")
    ours = [("Host", url.netloc.decode("ascii")), ("Accept-Encoding", "gzip, deflate")]
    if body or method in {"POST", "PUT", "PATCH"}:
        ours.append(("Content-Length", str(len(body))))
    return Headers((*ours, *rest.pairs))


def _url(text: str) -> httpx.URL:
    """Answer a URL that can be called; raises `InvalidRequest` with a sentence otherwise."""
    if len(text) > URL_LIMIT:
        raise InvalidRequest(f"The URL is {len(text)} characters long; the limit is {URL_LIMIT}.")
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise InvalidRequest("The URL is not valid.") from error
    if url.scheme not in {"http", "https"}:
        raise InvalidRequest("The URL must begin with http:// or https://.")
    if not url.raw_host:
        raise InvalidRequest("The URL names no host.")
    if url.port is not None and not 0 < url.port < 65_536:
        raise InvalidRequest(f"The URL's port {url.port} does not exist.")
    return url


def _host(url: httpx.URL) -> str:
    """Answer the host as it is looked up: some names that exist have no other form, such as those with emoji."""
    return url.raw_host.decode("ascii")


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{_host(url)}:{url.port or (443 if url.scheme == 'https' else 80)}"
