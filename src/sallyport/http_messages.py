"""A request on its way out and the response that came back, as every part of the house passes them on.

The rule: these are plain values. Only the egress guard in `web` turns one into the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson

from sallyport import errors

#: Header fields as a caller may write them: a mapping, or pairs where a name may come more than once.
HeaderFields = Mapping[str, str] | Iterable[tuple[str, str]]

#: Why no response came.
FailureKind = Literal["dns", "refused", "unreachable", "tls", "timeout", "reset", "protocol", "too_large", "redirects"]

#: What an Http action waits at the most: https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-config
DEFAULT_TIMEOUT_SECONDS = 120.0


#: Statuses below 500 after which asking again may help.
_RETRYABLE = (408, 429)


class Headers(Mapping[str, str]):
    """Header fields in their order, found whatever the case of their name; a repeated name reads as one value."""

    __slots__ = ("pairs",)

    def __init__(self, fields: HeaderFields = ()) -> None:
        #: Every field as it was written, in order, repeated names included.
        self.pairs: tuple[tuple[str, str], ...] = tuple(fields.items() if isinstance(fields, Mapping) else fields)
        if isinstance(fields, Headers):
            self.pairs = fields.pairs

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, str] = {}
        for name, _ in self.pairs:
            seen.setdefault(name.lower(), name)
        return iter(seen.values())

    def __len__(self) -> int:
        return len({name.lower() for name, _ in self.pairs})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __repr__(self) -> str:
        # Values may be secrets; names never are.
        return f"Headers({', '.join(self)})"

    def all(self, name: str) -> list[str]:
        """Answer each value of a repeated header, in order."""
        lowered = name.lower()
        return [value for key, value in self.pairs if key.lower() == lowered]

    def without(self, *names: str) -> Headers:
        """Answer the same fields, those of the given names left out."""
        lowered = {name.lower() for name in names}
        return Headers((key, value) for key, value in self.pairs if key.lower() not in lowered)

    def with_default(self, name: str, value: str) -> Headers:
        """Answer the same fields, and this one when its name was missing."""
        return self if name in self else Headers((*self.pairs, (name, value)))


@dataclass(frozen=True, slots=True)
class OutboundRequest:
    """One HTTP request that the house wants sent."""

    method: str
    url: str
    headers: HeaderFields = field(default_factory=Headers)
    body: bytes = b""
    #: For everything together: connecting, every redirect, and the last byte of the body.
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    follow_redirects: bool = True
    #: The longest body of a response that is of interest: a longer one is left unread, and one that cannot be read is
    #: no failure; both are empty. None means that all must be there, up to what policy permits.
    answer_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class InboundResponse:
    """The response to an outbound request, whatever its status; the body is no longer compressed.

    It is complete, or empty when the request said that so long a body is not of interest.
    """

    status: int
    headers: Headers
    body: bytes
    #: Where the response came from, after redirects.
    url: str = ""

    @property
    def content_type(self) -> str:
        """The media type in lower case, without its parameters; empty when the response names none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_retryable(self) -> bool:
        """Whether asking again may help: https://learn.microsoft.com/azure/logic-apps/error-exception-handling."""
        return self.status in _RETRYABLE or self.status >= 500

    def json(self) -> object:
        """Answer the body read as JSON; raises `ValueError` when it is not JSON."""
        return orjson.loads(self.body)


class EgressDenied(errors.SallyportError):
    """Raised when policy does not let a request leave; the message never says which rule or which address."""

    code = "EgressDenied"
    status = 403

    def __init__(self) -> None:
        super().__init__("The request was not sent: its destination is not allowed.")


class ConnectionFailed(errors.SallyportError):
    """Raised when a request left, or tried to, and no complete response came back; `kind` says why."""

    code = "ConnectionFailed"
    status = 502

    def __init__(self, kind: FailureKind, host: str, detail: str = "") -> None:
        super().__init__(_SENTENCES[kind].format(host=host) + (f" {detail}" if detail else ""))
        self.kind: FailureKind = kind
        self.host = host


class InvalidRequest(errors.BadRequest):
    """Raised when what should be sent is no HTTP request: a bad URL, scheme, method or header."""

    code = "InvalidHttpRequest"


_SENTENCES: Mapping[FailureKind, str] = {
    "dns": "The name '{host}' could not be resolved.",
    "refused": "'{host}' refused the connection.",
    "unreachable": "'{host}' could not be reached.",
    "tls": "No trusted connection to '{host}' could be made.",
    "timeout": "'{host}' did not answer within the time limit.",
    "reset": "'{host}' closed the connection before its response was complete.",
    "protocol": "'{host}' did not answer in HTTP.",
    "too_large": "The response of '{host}' is larger than the limit.",
    "redirects": "'{host}' redirected too often.",
}
