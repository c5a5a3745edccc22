"""What answers in place of the outside when a workflow runs offline: a file of calls to match and responses to them.

The rule: the first mock that matches answers; a list of responses is given one after another, the last one again and
again; a call that nothing matches fails its action with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sallyport.cli.sources import Unusable
from sallyport.errors import SallyportError
from sallyport.http_messages import Headers, InboundResponse
from sallyport.wdl import strict_json, values

#: What a mock may ask of a call.
_ASKED = ("action", "connector", "method", "path", "url")
#: What an entry of the file may hold, and what a response: a word that means nothing would let a test prove nothing.
_MEMBERS = ("match", "response", "callback")
_ANSWERED = ("status", "statusCode", "headers", "body")


class NoMock(SallyportError):
    """Raised when a workflow that runs offline calls the outside, and no mock answers."""

    code = "NoMock"
    status = 501

    def __init__(self, call: Call) -> None:
        super().__init__(
            f"The workflow runs offline, and no mock answers {call}. Add one to the file that --mocks names, such as "
            f'{{"match": {{"action": "{call.action}"}}, "response": {{"status": 200, "body": {{}}}}}}.'
        )
        self.call = call


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the outside, as mocks see it."""

    action: str
    method: str
    #: The connector's name; empty for a plain HTTP request.
    connector: str = ""
    #: A connector's path, or that of the URL.
    path: str = ""
    url: str = ""

    def __str__(self) -> str:
        where = f"{self.connector} {self.path}" if self.connector else self.url
        return f"{self.method.upper()} {where} (action '{self.action}')"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the outside answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None

    def response(self, url: str) -> InboundResponse:
        """Answer the response as it comes over the wire; what is not text is JSON."""
        headers = Headers({name: str(value) for name, value in self.headers.items()})
        if self.body is None:
            return InboundResponse(self.status, headers, b"", url)
        if isinstance(self.body, str):
            return InboundResponse(
                self.status, headers.with_default("content-type", "text/plain; charset=utf-8"), self.body.encode(), url
            )
        return InboundResponse(
            self.status, headers.with_default("content-type", "application/json"), values.json_bytes(self.body), url
        )


@dataclass(slots=True)
class Mock:
    """One entry of the file."""

    match: Mapping[str, str]
    replies: list[Reply]
    #: What is reported to the callback address of a webhook action once it has subscribed.
    callback: Mapping[str, Any] | None = None

    def matches(self, call: Call) -> bool:
        """Answer whether this entry is meant for a call."""
        return all(_fits(pattern, getattr(call, name)) for name, pattern in self.match.items())

    def take(self) -> Reply:
        """Answer the next response."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@dataclass(slots=True)
class Mocks:
    """The entries of a file, and the calls that were made."""

    entries: list[Mock] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    def find(self, call: Call) -> Mock:
        """Answer the entry that is meant for a call.

        Raises NoMock.
        """
        self.calls.append(call)
        for each in self.entries:
            if each.matches(call):
                return each
        raise NoMock(call)


def read(path: Path | None) -> Mocks:
    """Read a file of mocks: a list of `{match, response}`, or an object of responses by the names of actions.

    Raises Unusable.
    """
    if path is None:
        return Mocks()
    try:
        document, _ = strict_json.read(path.read_bytes())
    except OSError as error:
        raise Unusable(f"The mocks in '{path}' cannot be read: {error.strerror or error}.") from None
    except strict_json.InvalidJsonError as error:
        raise Unusable(f"The mocks in '{path}' cannot be read: {error.message}") from None
    return parse(document, str(path))


def parse(document: Any, where: str = "mocks") -> Mocks:
    """Answer the mocks of a JSON value.

    Raises Unusable.
    """
    listed = document.get("mocks", document) if isinstance(document, dict) else document
    if isinstance(listed, dict):
        listed = [{"match": {"action": name}, "response": response} for name, response in listed.items()]
    if not isinstance(listed, list):
        raise Unusable(f"{where}: a list of mocks is expected, or an object of responses by the names of actions.")
    return Mocks([_mock(each, f"{where}, mock {number}") for number, each in enumerate(listed, start=1)])


def _mock(entry: Any, where: str) -> Mock:
    match = entry.get("match") if isinstance(entry, dict) else None
    if not isinstance(match, dict) or "response" not in entry:
        raise Unusable(f"{where}: an object with 'match' and 'response' is expected.")
    _refuse_others(entry, _MEMBERS, f"{where}: a mock")
    for name, pattern in match.items():
        if name not in _ASKED or not isinstance(pattern, str):
            raise Unusable(f"{where}: 'match' may hold texts for {', '.join(_ASKED)}; '{name}' is not one.")
    replies = entry["response"] if isinstance(entry["response"], list) else [entry["response"]]
    callback = entry.get("callback")
    if not replies or not (callback is None or isinstance(callback, dict)):
        raise Unusable(f"{where}: 'response' must not be an empty list, and 'callback' must be an object.")
    return Mock(match, [_reply(each, where) for each in replies], callback)


def _reply(entry: Any, where: str) -> Reply:
    if not isinstance(entry, dict) or not isinstance(entry.get("headers", {}), dict):
        raise Unusable(f"{where}: a response is an object with 'status', 'headers' and 'body'.")
    _refuse_others(entry, _ANSWERED, f"{where}: a response")
    status = entry.get("status", entry.get("statusCode", 200))
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise Unusable(f"{where}: the status {status!r} is not an HTTP status.")
    return Reply(status, entry.get("headers", {}), entry.get("body"))


def _refuse_others(entry: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for name in entry:
        if name not in known:
            raise Unusable(f"{what} may hold {', '.join(known)}; '{name}' is not one.")


def _fits(pattern: str, text: str) -> bool:
    """Answer whether a text fits a pattern, in which `*` stands for anything; letter case does not matter."""
    expression = ".*".join(re.escape(part) for part in pattern.split("*"))
    whole = text if "?" in pattern else text.partition("?")[0]
    return re.fullmatch(expression, whole, re.IGNORECASE | re.DOTALL) is not None
