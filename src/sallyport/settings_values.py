"""How the text of a setting becomes its value.

The rule: each reader takes what an environment variable can hold (text) and what TOML can hold, and says what it would
have taken when it cannot.
"""

from __future__ import annotations

import ipaddress
import re
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_MAIL_ADDRESS = re.compile(r"(?:[^<>\r\n]*<)?[^\s<>@,;\"]+@[^\s<>@,;\"]+>?")
_HOST_ENTRY = re.compile(r"[^\s/@]+(?:/\d{1,3})?", re.ASCII)


class UnusableError(ValueError):
    """Raised when a value is not one that the setting can take."""

    def __init__(self, value: object, allowed: str) -> None:
        super().__init__(allowed)
        self.value = value
        self.allowed = allowed

    def shown(self, *, secret: bool) -> str:
        """Answer the value for a message; a secret is never repeated."""
        return "the value" if secret else repr(self.value)[:80]


def read(kind: str, raw: object, facts: Mapping[str, Any], choices: tuple[str, ...]) -> object:
    """Turn what was written into the value of a field, by the field's declared type and its facts."""
    if choices:
        return _choice(raw, choices)
    value = _READERS[kind.removesuffix(" | None")](raw)
    if "range" in facts:
        return _within(value, raw, *facts["range"])
    if "schemes" in facts:
        return _address(str(value), facts["schemes"])
    if "origin" in facts:
        return _origin(str(value))
    if "mail_address" in facts:
        return _mail_address(str(value))
    if "guid" in facts:
        return _guid(str(value))
    if "networks" in facts and isinstance(value, tuple):
        return tuple(_network(each) for each in value)
    return value


def _text(raw: object) -> str:
    if not isinstance(raw, str) or not raw:
        raise UnusableError(raw, "it must be a text that is not empty")
    return raw


def _integer(raw: object) -> int:
    text = raw.strip().replace("_", "") if isinstance(raw, str) else ""
    if re.fullmatch(r"-?[0-9]{1,18}", text):
        return int(text)
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    raise UnusableError(raw, "it must be an integer")


def _boolean(raw: object) -> bool:
    text = str(raw).strip().lower()
    if text not in _TRUE | _FALSE:
        raise UnusableError(raw, "it must be true or false")
    return text in _TRUE


def _hosts(raw: object) -> tuple[str, ...]:
    entries = raw.split(",") if isinstance(raw, str) else raw
    allowed = "each entry must be a host, host:port, *.domain, an address or a CIDR block, without a scheme"
    if not isinstance(entries, list):
        raise UnusableError(raw, allowed)
    named = [str(entry).strip() for entry in entries]
    for entry in filter(None, named):
        if not _HOST_ENTRY.fullmatch(entry):
            raise UnusableError(entry, allowed)
    return tuple(filter(None, named))


def _positive_integers(raw: object) -> Mapping[str, int]:
    values = {name: _integer(value) for name, value in _table(raw).items()}
    for name, value in values.items():
        if value < 1:
            raise UnusableError(f"{name} = {value}", "a limit must be at least 1")
    return MappingProxyType(values)


def _texts(raw: object) -> Mapping[str, str]:
    return MappingProxyType({name: str(value) for name, value in _table(raw).items()})


def _table(raw: object) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        raise UnusableError(raw, "it must be a table of names and values")
    return raw


def _choice(raw: object, choices: tuple[str, ...]) -> str:
    text = str(raw).strip().lower()
    if text not in choices:
        raise UnusableError(raw, f"it must be one of {', '.join(choices)}")
    return text


def _within(value: object, raw: object, smallest: int, largest: int) -> int:
    if not isinstance(value, int) or not smallest <= value <= largest:
        raise UnusableError(raw, f"it must be an integer from {smallest} to {largest}")
    return value


def _is_file(text: str) -> bool:
    """Answer whether a SQLite address names a file: in memory, each connection would have a database of its own."""
    name = text.partition(":///")[2]
    return bool(name) and name != ":memory:"


def _address(text: str, schemes: tuple[str, ...]) -> str:
    begun = " or ".join(f"{scheme}:///FILE" if scheme == "sqlite" else f"{scheme}://" for scheme in schemes)
    allowed = f"it must be an address that begins with {begun}"
    try:
        parts = urlsplit(text)
        usable = (
            parts.scheme in schemes
            and "://" in text
            and (_is_file(text) if parts.scheme == "sqlite" else bool(parts.hostname or parts.query))
        )
    except ValueError:
        usable = False
    if not usable:
        raise UnusableError(text, allowed)
    return text


def _origin(text: str) -> str:
    """Answer an address that everything of this server is directly below."""
    address = _address(text.strip(), ("http", "https"))
    allowed = "it must be scheme, host and port alone, such as https://playbooks.example.com"
    try:
        parts = urlsplit(address)
        alone = (parts.path.strip("/"), parts.query, parts.fragment) == ("", "", "") and parts.port != 0
    except ValueError:
        alone = False
    if not alone or address.strip("/")[-1:] in "?#" or "@" in parts.netloc:
        raise UnusableError(text, allowed)
    return address


def _mail_address(text: str) -> str:
    if _MAIL_ADDRESS.fullmatch(text) is None:
        raise UnusableError(text, "it must be one mail address, such as playbooks@example.com or SOC <soc@example.com>")
    return text


def _guid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise UnusableError(text, "it must be a GUID, such as 1b4e28ba-2fa1-41d2-883f-0016d3cca427") from None


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as wrong:
        raise UnusableError(text, f"each entry must be an address or a CIDR block ({wrong})") from None


_READERS: Mapping[str, Callable[[object], object]] = {
    "str": _text,
    "int": _integer,
    "bool": _boolean,
    "Path": lambda raw: Path(_text(str(raw))),
    "tuple[str, ...]": _hosts,
    "Mapping[str, int]": _positive_integers,
    "Mapping[str, str]": _texts,
}
