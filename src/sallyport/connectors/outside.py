"""What connectors reach the outside through; the composition root makes one and hands it in.

The rule: connectors know these protocols alone, never who stands behind them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal, Protocol

from sallyport import errors
from sallyport.clock import Clock
from sallyport.http_messages import InboundResponse, OutboundRequest

#: Why a mail was not taken.
MailFailure = Literal["recipient", "message", "sign_in", "temporary", "unreachable", "timeout", "protocol"]


class HttpPort(Protocol):
    """The guarded way out."""

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """Send a request and answer the response, whatever its status.

        Raises `EgressDenied` or `ConnectionFailed`.
        """
        ...


class MailPort(Protocol):
    """The mail server."""

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, str]:
        """Hand a mail over, and answer who was refused and why; at least one recipient was accepted.

        Raises MailNotSent when nobody was.
        """
        ...


class MailNotSent(errors.SallyportError):
    """Raised when the mail server took a mail for nobody; `kind` says why, and `status` whether a repeat may help."""

    code = "MailNotSent"
    status = 502

    def __init__(self, kind: MailFailure, detail: str = "") -> None:
        super().__init__(_SENTENCES[kind] + (f" {detail}" if detail else ""))
        self.kind: MailFailure = kind
        self.status = _STATUSES[kind]


@dataclass(frozen=True, slots=True)
class Outside:
    """Everything that connectors are given."""

    http: HttpPort
    mail: MailPort
    clock: Clock
    #: A bearer token for the Graph, asked for before each call; raises when there is none to be had.
    graph_token: Callable[[], str | Awaitable[str]]
    #: The Graph that the Microsoft Graph Security connector calls, without a slash at the end.
    graph_base_url: str
    #: Whether that is this server's own, so that the numbers of its store mean something there.
    graph_is_own: bool
    #: The address under which others reach this server, without a slash at the end.
    public_url: str
    #: Answers a signature as text that may stand in a URL; the same bytes always have the same one.
    sign: Callable[[bytes], str]
    #: The sender of mails that name none.
    from_address: str = "sallyport@localhost"


_SENTENCES: Mapping[MailFailure, str] = {
    "recipient": "The mail server refused every recipient.",
    "message": "The mail server refused the mail.",
    "sign_in": "The mail server did not accept the sign-in that is configured.",
    "temporary": "The mail server cannot take the mail at the moment.",
    "unreachable": "The mail server could not be reached.",
    "timeout": "The mail server did not answer within the time limit.",
    "protocol": "The mail server did not answer as a mail server does.",
}
#: What these would be in HTTP: below 500 a repeat would only be refused again.
_STATUSES: Mapping[MailFailure, int] = {
    "recipient": 400,
    "message": 400,
    "sign_in": 401,
    "temporary": 503,
    "unreachable": 502,
    "timeout": 504,
    "protocol": 502,
}
