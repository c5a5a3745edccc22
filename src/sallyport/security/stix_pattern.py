"""Reads STIX patterns as far as indicators can express them: alternatives, each a few properties that belong together.

The rule: what an indicator cannot express is refused as a whole, never half understood; `read` then answers None.
https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html (section 9)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

#: One conjunction: properties of an indicator with their values.
Alternative = dict[str, str]

#: More is no indicator but a list.
MOST_ALTERNATIVES = 100
_LONGEST = 65_536
_DEEPEST = 20

#: Neither a number nor a word ends where the other goes on: so what is no path is looked at once, however hostile.
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>'(?:[^'\\]|\\.)*')
      | (?P<number>-?\d+(?:\.\d+)?(?![\w-]))
      | (?P<path>[a-z0-9][a-z0-9-]*:[A-Za-z0-9_*\[\].-]*(?:'(?:[^'\\]|\\.)*'[A-Za-z0-9_*\[\].-]*)*)
      | (?P<word>[A-Za-z]+(?![\w-]))
      | (?P<sign>!=|<=|>=|[\[\](),=<>])
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'")

_HASHES = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "authentihash": "authenticodeHash256",
    "ssdeep": "ctph",
}
_PROPERTIES = {
    "domain-name:value": "domainName",
    "url:value": "url",
    "email-addr:value": "emailSenderAddress",
    "email-message:from_ref.value": "emailSenderAddress",
    "email-message:sender_ref.value": "emailSenderAddress",
    "email-message:to_refs[*].value": "emailRecipient",
    "email-message:subject": "emailSubject",
    "file:name": "fileName",
    "file:size": "fileSize",
    "file:parent_directory_ref.path": "filePath",
    "mutex:name": "fileMutexName",
    "network-traffic:dst_port": "networkDestinationPort",
    "network-traffic:src_port": "networkSourcePort",
    "network-traffic:extensions.http-request-ext.request_header.user-agent": "userAgent",
}
#: Paths of addresses, and what the names of their properties begin with.
_ADDRESSES = {
    "ipv4-addr:value": "network",
    "ipv6-addr:value": "network",
    "network-traffic:dst_ref.value": "networkDestination",
    "network-traffic:src_ref.value": "networkSource",
}
#: Of these, one conjunction may have one: an indicator's observables are alternatives, not conditions.
_STRONG = frozenset({"domainName", "url", "emailSenderAddress", "fileMutexName"})


class _UnreadableError(Exception):
    """The pattern is no pattern, or says what an indicator cannot."""


@dataclass(slots=True)
class _Reader:
    """A pattern on its way from text to alternatives."""

    tokens: list[tuple[str, str]]
    at: int = 0
    depth: int = field(default=0)

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self, *texts: str) -> bool:
        """Take the next token when it is one of these signs or words."""
        kind, text = self.peek()
        if kind in ("sign", "word") and text.upper() in texts:
            self.at += 1
            return True
        return False

    def demand(self, text: str) -> None:
        if not self.take(text):
            raise _UnreadableError

    def observations(self) -> list[Alternative]:
        found = self.observation()
        while self.take("OR"):
            found = _bounded(found + self.observation())
        return found

    def observation(self) -> list[Alternative]:
        with_parenthesis = self.take("(")
        if with_parenthesis:
            self.deeper()
            found = self.observations()
            self.demand(")")
            self.depth -= 1
            return found
        self.demand("[")
        found = self.either()
        self.demand("]")
        return found

    def either(self) -> list[Alternative]:
        found = self.both()
        while self.take("OR"):
            found = _bounded(found + self.both())
        return found

    def both(self) -> list[Alternative]:
        found = self.comparison()
        while self.take("AND"):
            other = self.comparison()
            found = _bounded([_joined(one, two) for one in found for two in other])
        return found

    def comparison(self) -> list[Alternative]:
        if self.take("("):
            self.deeper()
            found = self.either()
            self.demand(")")
            self.depth -= 1
            return found
        kind, path = self.peek()
        if kind != "path":
            raise _UnreadableError
        self.at += 1
        if self.take("IN"):
            return _bounded([_property(path, each) for each in self.listed()])
        if not self.take("=", "ISSUBSET"):
            raise _UnreadableError
        return [_property(path, self.literal())]

    def listed(self) -> Iterator[str]:
        self.demand("(")
        yield self.literal()
        while self.take(","):
            yield self.literal()
        self.demand(")")

    def literal(self) -> str:
        kind, text = self.peek()
        if kind not in ("string", "number"):
            raise _UnreadableError
        self.at += 1
        return text

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _UnreadableError


def read(pattern: str) -> list[Alternative] | None:
    """Answer the alternatives of a pattern, any one of which is a hit, or None when an indicator cannot say it."""
    try:
        reader = _Reader(_tokens(pattern))
        found = reader.observations()
        if reader.peek()[0] != "end":
            return None
    except _UnreadableError:
        return None
    return list({tuple(sorted(each.items())): each for each in found}.values())


def compared(pattern: str) -> list[tuple[str, str]]:
    """Answer the paths that a pattern compares with values, such as `ipv4-addr:value`, each with its value."""
    try:
        found = _tokens(pattern)
    except _UnreadableError:
        return []
    following = zip(found, found[1:], found[2:], strict=False)
    return [
        (path, value)
        for (kind, path), _, (literal, value) in following
        if kind == "path" and literal in ("string", "number")
    ]


def _tokens(pattern: str) -> list[tuple[str, str]]:
    if len(pattern) > _LONGEST:
        raise _UnreadableError
    found: list[tuple[str, str]] = []
    at, text = 0, pattern.rstrip()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _UnreadableError
        kind = token.lastgroup or ""
        value = token[kind]
        found.append((kind, _ESCAPE.sub(r"\1", value[1:-1]) if kind == "string" else value))
        at = token.end()
    return found


def _bounded(found: list[Alternative]) -> list[Alternative]:
    if len(found) > MOST_ALTERNATIVES:
        raise _UnreadableError
    return found


def _property(path: str, text: str) -> Alternative:
    """Answer what a comparison says in an indicator's words."""
    bare = _QUOTED.sub(lambda quoted: _ESCAPE.sub(r"\1", quoted[1]), path).lower()
    if bare.startswith("file:hashes."):
        kind = _HASHES.get(bare.removeprefix("file:hashes.").replace("-", "").replace("_", ""), "unknown")
        return {"fileHashType": kind, "fileHashValue": text}
    if bare in _ADDRESSES:
        end = "CidrBlock" if "/" in text else "IPv6" if ":" in text else "IPv4"
        return {f"{_ADDRESSES[bare]}{end}": text}
    if bare not in _PROPERTIES:
        raise _UnreadableError
    return {_PROPERTIES[bare]: text}


def _joined(one: Alternative, other: Alternative) -> Alternative:
    """Answer two comparisons that must hold together, when an indicator can say so."""
    if one.keys() & other.keys() or (_is_strong(one) and _is_strong(other)):
        raise _UnreadableError
    return {**one, **other}


def _is_strong(alternative: Alternative) -> bool:
    return any(name in _STRONG or name.startswith("fileHash") or _is_address(name) for name in alternative)


def _is_address(name: str) -> bool:
    return name.endswith(("IPv4", "IPv6", "CidrBlock"))
