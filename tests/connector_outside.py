"""An outside for connectors: requests and mails are kept, and answered as a test says."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import orjson

from sallyport.clock import ManualClock
from sallyport.connector_call import ConnectorCall
from sallyport.connectors.outside import HttpPort, MailNotSent, MailPort, Outside
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest

PUBLIC = "https://soc.contoso.com"
GRAPH = "http://graph.internal"


def sign(data: bytes) -> str:
    """Answer a signature as the composition root makes it."""
    return hmac.new(b"a key for tests", data, hashlib.sha256).hexdigest()


@dataclass
class Wire:
    """Every request that left; each is answered with `status`, `body` and `headers`."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    requests: list[OutboundRequest] = field(default_factory=list)
    error: Exception | None = None

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return InboundResponse(self.status, Headers(self.headers), self.body, request.url)


@dataclass
class Post:
    """Every mail that left, with its envelope; `failing` may refuse one, `refused` says who did not get it."""

    sent: list[tuple[EmailMessage, tuple[str, ...]]] = field(default_factory=list)
    failing: Callable[[Sequence[str]], MailNotSent | None] = lambda _recipients: None
    refused: Mapping[str, str] = field(default_factory=dict)

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, str]:
        error = self.failing(recipients)
        if error is not None:
            raise error
        self.sent.append((message, tuple(recipients)))
        return self.refused


def outside(http: HttpPort | None = None, mail: MailPort | None = None, **more: Any) -> Outside:
    """Answer an outside whose parts are scripted unless they are given."""
    given = {"clock": ManualClock(), "graph_token": lambda: "app", "graph_base_url": GRAPH, **more}
    own = {
        "graph_is_own": True,
        "public_url": PUBLIC,
        "sign": sign,
        "from_address": "Playbooks <playbooks@contoso.com>",
    }
    return Outside(http=http or Wire(), mail=mail or Post(), **{**own, **given})


def a_call(api: str, method: str, path: str, body: Any = None, **more: Any) -> ConnectorCall:
    """Answer a call as an action makes it."""
    given = {"tracking_id": "tracking-1", **more}
    return ConnectorCall(api=api, connection_id="connection-1", method=method, path=path, body=body, **given)


def message_of(response: InboundResponse) -> str:
    """Answer what an error response says."""
    found: str = orjson.loads(response.body)["error"]["message"]
    return found
