"""What can be observed, by kind: how a value is written so that equal things are equal text, and its number.

The rule: a text, its lower-case form and its normal form have the same key, and what is no value of its kind is still a
text. So a key may stand before an exact comparison, with or without letter case, and loses nothing.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import cache, lru_cache
from hashlib import blake2b as _blake2b

#: The widest networks that are looked for; a wider one says nothing.
WIDEST = {4: 8, 6: 16}

#: A number of 63 bits: an IPv4 address is itself; behind it come networks of IPv4, the first 61 bits of addresses of
#: IPv6, and digests.
_IPV4_NETWORK_KEYS = 1 << 40
_IPV6_KEYS = 1 << 61
_IPV6_SHIFT = 67
_DIGEST_KEYS = 1 << 62
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"({_OCTET})\.({_OCTET})\.({_OCTET})\.({_OCTET})", re.ASCII)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://")
_HOST = re.compile(r"[a-z0-9+.-]+://(?:[^/?]*@)?\[?((?<=\[)[^\]]*|[^/?:\[\]]*)")
_PATH = re.compile("[/?]")
#: A dot that somebody put in brackets, so that nobody follows the link by mistake; many brackets are looked at once.
_DEFANGED = re.compile(r"(?<!\[)\[+\.\]+")
#: What a name may not turn into: it would be read as another part of a URL.
_NOT_IN_A_NAME = re.compile(r"[/?#@:\[\]\\%\s]")
_DEFAULT_PORTS = {"http": ":80", "https": ":443", "ftp": ":21"}
_LONGEST_DOMAIN = 253
#: How many values of a kind are remembered with their keys.
_REMEMBERED = 1 << 14
#: How many of a domain's parents count, from the top of the tree.
_PARENTS = 8


class Kind(StrEnum):
    """What a value is."""

    ADDRESS = "address"
    NETWORK = "network"
    DOMAIN = "domain"
    URL = "url"
    HASH = "hash"
    EMAIL = "email"
    SUBJECT = "subject"
    FILE_NAME = "fileName"
    MUTEX = "mutex"
    USER_AGENT = "userAgent"
    #: A user's principal name; it has the key of the e-mail address that it looks like.
    USER = "user"
    #: A host's name; it has the key of the domain that it looks like.
    HOST = "host"
    #: The name of an account without its domain: for queries alone.
    ACCOUNT = "account"


#: Members are looked up once: a look-up in an enumeration costs more than what is done with it.
_ADDRESS = Kind.ADDRESS
_NAMES = frozenset({Kind.DOMAIN, Kind.HOST})
#: How the text of an address may end.
_ADDRESS_ENDS = frozenset("0123456789abcdef:]")
_LABELS = {**{kind: kind.value for kind in Kind}, Kind.USER: Kind.EMAIL.value, Kind.HOST: Kind.DOMAIN.value}


def address(text: str) -> tuple[int, int] | None:
    """Answer an IP address as its version and number, an IPv4-mapped one as IPv4, or None when it is none."""
    quick = _ipv4(text)
    if quick is not None:
        return 4, quick
    if ":" not in text:
        return None
    try:
        read = ipaddress.IPv6Address(text.strip("[]"))
    except ValueError:
        return None
    mapped = read.ipv4_mapped
    return (6, int(read)) if mapped is None else (4, int(mapped))


def _ipv4(text: str) -> int | None:
    found = _IPV4.fullmatch(text)
    if found is None:
        return None
    one, two, three, four = found.groups()
    return (int(one) << 24) | (int(two) << 16) | (int(three) << 8) | int(four)


def network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Answer the network that a text names, host bits set or not, or None when it names none."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def normalised(kind: Kind, text: str) -> str:
    """Answer the normal form of a value; of what is no value of its kind, the text without letter case."""
    folded = text.strip().casefold()
    written = _NORMAL.get(kind)
    return folded if written is None else written(folded)


def key(kind: Kind, text: str) -> int:
    """Answer the number of a value, from 0 to 2^63-1, the same for ever; different values hardly ever share it.

    An IPv4 address is its own number, so that a network is a range; anything else has its digest.
    """
    return _key(kind, normalised(kind, text))


def network_key(version: int, number: int, length: int) -> int:
    """Answer the key of the network of a prefix length in which an address lies."""
    if version == 4:
        first, mask = ipv4_network_keys(length)
        return first | (number & mask)
    return _digest(Kind.NETWORK, f"{number >> (128 - length) << (128 - length):x}/{length}")


def ipv4_network_keys(length: int) -> tuple[int, int]:
    """Answer what makes the key of an IPv4 network of a length from an address in it: what is added, and the mask."""
    return _IPV4_NETWORK_KEYS | (length << 32), (1 << 32) - (1 << (32 - length))


def is_ipv6_key(number: int) -> bool:
    """Answer whether a key is that of the networks of 61 bits in which addresses of IPv6 lie."""
    return _IPV6_KEYS <= number < _DIGEST_KEYS


def property_key(name: str, text: str) -> int:
    """Answer the number under which an indicator is found by a property of its own, whatever it looks for."""
    return _number(f"{name}={text.strip().casefold()}")


def key_range(block: ipaddress.IPv4Network | ipaddress.IPv6Network) -> tuple[int, int]:
    """Answer the lowest and highest key under which alerts with an address of a network are found.

    For IPv6 the range holds the networks of 61 bits that the network touches: who uses it looks again.
    """
    first, last = int(block.network_address), int(block.broadcast_address)
    return (first, last) if block.version == 4 else (_ipv6_key(first), _ipv6_key(last))


def keys(kind: Kind, text: str) -> tuple[int, ...]:
    """Answer every key under which an alert is found that mentions a value.

    A domain is found under its parents too, an address of IPv6 under its network, a URL under its host.
    """
    return keys_of(kind)[text]


@cache
def keys_of(kind: Kind) -> Mapping[str, tuple[int, ...]]:
    """Answer the keys of values of one kind by their texts; those that were asked for lately are remembered."""
    return _Remembered(kind)


class _Remembered(dict[str, tuple[int, ...]]):
    """The keys of the values of one kind, each computed when it is first asked for."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, text: str) -> tuple[int, ...]:
        if self._kind is _ADDRESS and (quick := _ipv4(text)) is not None:
            # Computed as soon as looked up.
            return (quick,)
        found = _keys(self._kind, text)
        if len(text) <= _LONGEST_DOMAIN:
            if len(self) >= _REMEMBERED:
                # A few are asked for again and again: they are soon back.
                self.clear()
            self[text] = found
        return found


def implied(kind: Kind, text: str) -> list[tuple[Kind, str]]:
    """Answer what a mentioned value is, and what else it tells, in normal form: the nearest first."""
    value = normalised(kind, text)
    if kind in _NAMES:
        return [(kind, value), *_above(value)]
    if kind is Kind.URL:
        host = host_of(value)
        return [(kind, value), (Kind.DOMAIN, host), *_above(host)] if host else [(kind, value)]
    return [(kind, value)]


def _above(name: str) -> list[tuple[Kind, str]]:
    """Answer the domains above a name, or the address that it is."""
    if name[-1:] in _ADDRESS_ENDS and (found := address(name)) is not None:
        return [(Kind.ADDRESS, _written(*found))]
    return [(Kind.DOMAIN, parent) for parent in parents(name)]


def parents(domain: str) -> list[str]:
    """Answer the domains above a domain, the nearest first, without the top one."""
    labels = domain.split(".")
    first = max(1, len(labels) - 1 - _PARENTS)
    return [".".join(labels[index:]) for index in range(first, len(labels) - 1)]


def host_of(url: str) -> str:
    """Answer the host of a URL in normal form, empty when it has none."""
    found = _HOST.match(url)
    return "" if found is None else found[1]


def _keys(kind: Kind, text: str) -> tuple[int, ...]:
    # The usual ones first: what has no normal form but its letter case, and a name.
    if kind not in _NORMAL:
        return (_digest(kind, text.strip().casefold()),)
    if kind in _NAMES and (name := _domain(text.strip().casefold()))[-1:] not in _ADDRESS_ENDS:
        return (_digest(kind, name), *map(_parent_key, parents(name)))
    found: list[int] = []
    for each, value in implied(kind, text):
        found.append(_key(each, value))
        if each is _ADDRESS and ":" in value and (read := address(value)) is not None:
            found.append(_ipv6_key(read[1]))
    return tuple(found)


@lru_cache(maxsize=1 << 14)
def _parent_key(name: str) -> int:
    """Answer the key of a domain in normal form that others are below, so that it is asked for often."""
    return _digest(Kind.DOMAIN, name)


def _key(kind: Kind, value: str) -> int:
    """Answer the key of a value in normal form."""
    if kind is _ADDRESS and (found := address(value)) is not None and found[0] == 4:
        return found[1]
    if kind is Kind.NETWORK and (block := network(value)) is not None:
        return network_key(block.version, int(block.network_address), block.prefixlen)
    return _digest(kind, value)


def _ipv6_key(number: int) -> int:
    return _IPV6_KEYS | (number >> _IPV6_SHIFT)


def _digest(kind: Kind, value: str) -> int:
    return _number(f"{_LABELS[kind]}\0{value}")


def _number(text: str) -> int:
    digest = _blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return _DIGEST_KEYS | (int.from_bytes(digest) >> 2)


def _address(folded: str) -> str:
    found = None if _IPV4.fullmatch(folded) else address(folded)
    return folded if found is None else _written(*found)


def _network(folded: str) -> str:
    block = network(folded)
    return folded if block is None else str(block)


def _file_name(folded: str) -> str:
    return folded.replace("\\", "/").rpartition("/")[2] or folded


def _written(version: int, number: int) -> str:
    return str(ipaddress.IPv4Address(number) if version == 4 else ipaddress.IPv6Address(number))


def _domain(folded: str) -> str:
    name = (_DEFANGED.sub(".", folded) if "[" in folded else folded).rstrip(".")
    if name.isascii() or len(name) > _LONGEST_DOMAIN:
        return name
    try:
        encoded = name.encode("idna").decode("ascii").rstrip(".")
    except UnicodeError:
        return name
    return name if _NOT_IN_A_NAME.search(encoded) else encoded


def _url(folded: str) -> str:
    """Answer a URL without a default port or fragment, its host in normal form; without a scheme it is one of HTTP."""
    text = _DEFANGED.sub(".", folded) if "[" in folded else folded
    text = f"http{text[4:]}" if text.startswith("hxxp") else text
    if not _SCHEME.match(text):
        text = f"http://{text.lstrip('/')}"
    scheme, _, rest = text.partition("#")[0].partition("://")
    found = _PATH.search(rest)
    end = len(rest) if found is None else found.start()
    account, at, place = rest[:end].rpartition("@")
    host = _host(place.removesuffix(_DEFAULT_PORTS.get(scheme, "\0")))
    return folded if host is None else f"{scheme}://{account}{at}{host}{rest[end:] or '/'}"


def _host(place: str) -> str | None:
    """Answer a URL's host and port in normal form, or None when that is no host."""
    if place.startswith("["):
        literal, bracket, port = place[1:].partition("]")
        inner = address(literal)
        if not bracket or inner is None or port[:1] not in ("", ":"):
            return None
        written = _written(*inner)
        return f"[{written}]{port}" if inner[0] == 6 else f"{written}{port}"
    name, colon, port = place.partition(":")
    return None if ":" in port else f"{_domain(name)}{colon}{port}"


_NORMAL: Mapping[Kind, Callable[[str], str]] = {
    Kind.ADDRESS: _address,
    Kind.NETWORK: _network,
    Kind.DOMAIN: _domain,
    Kind.HOST: _domain,
    Kind.URL: _url,
    Kind.FILE_NAME: _file_name,
}
