"""Which addresses the house may call: by the kind of the address, and by what the operator allowed by name.

The rule: a name is judged by every address that it resolves to, and an address by every address hidden inside it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sallyport.settings import InvalidSetting, Settings

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
AddressKind = Literal["public", "private", "local", "metadata"]

#: Where clouds hand out credentials to whoever asks; a name never opens these, only an entry that names the address.
_METADATA = ("169.254.169.254/32", "169.254.170.2/32", "fd00:ec2::254/128", "168.63.129.16/32", "100.100.100.200/32")
#: Addresses of this machine or this wire, and addresses that are no single host.
_LOCAL = (
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "fe80::/10",
    "ff00::/8",
)
_PRIVATE = (
    "10.0.0.0/8",
    "100.64.0.0/10",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "fc00::/7",
    "fec0::/10",
)
_BLOCKS: Sequence[tuple[AddressKind, Sequence[str]]] = (
    ("metadata", _METADATA),
    ("local", _LOCAL),
    ("private", _PRIVATE),
)
_KINDS: Sequence[tuple[AddressKind, Sequence[IPNetwork]]] = tuple(
    (kind, tuple(ipaddress.ip_network(block) for block in blocks)) for kind, blocks in _BLOCKS
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry of the allow list: a network or a name, on one port or on every port."""

    network: IPNetwork | None
    #: In lower case; `*.example.com` means every name below `example.com`.
    name: str
    port: int | None

    @classmethod
    def parse(cls, entry: str) -> Allowed:
        """Read `host`, `host:port`, `*.domain`, an address, `address:port`, `[v6]:port` or a CIDR block.

        Raises `ValueError` with a sentence when the entry is none of these.
        """
        text = entry.strip().lower()
        whole = _network(text)
        if whole is not None:
            return cls(whole, "", None)
        host, separator, port = text.rpartition(":")
        if not separator:
            host, port = text, ""
        host = host.removeprefix("[").removesuffix("]").rstrip(".")
        if not host or (separator and not (port.isdigit() and int(port) <= 65535)) or set(host) & set("/@ :") - {":"}:
            raise ValueError(f"'{entry}' is no host, host:port, *.domain, address or CIDR block.")
        network = _network(host)
        return cls(network, "" if network else host, int(port) if port else None)

    def covers_name(self, host: str, port: int) -> bool:
        """Answer whether the entry names this host."""
        if not self.name or self.port not in {None, port}:
            return False
        return host.endswith(self.name[1:]) if self.name.startswith("*.") else host == self.name

    def covers_address(self, address: IPAddress, port: int) -> bool:
        """Answer whether the entry's network holds this address."""
        if self.network is None or self.port not in {None, port}:
            return False
        return address.version == self.network.version and address in self.network


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """What the operator decided about outbound requests."""

    allow: tuple[Allowed, ...] = ()
    #: Whether addresses of private networks (RFC 1918, ULA, carrier-grade NAT) may be called without an entry.
    private: Literal["allow", "deny"] = "allow"
    #: Bytes of a response's body, after decompression; the documented size of a message.
    response_limit_bytes: int = 104_857_600

    @classmethod
    def chosen(cls, told: Settings) -> EgressPolicy:
        """Answer the policy that the settings name; raises InvalidSetting."""
        try:
            return cls.of(told.egress_allow, told.egress_private)
        except ValueError as wrong:
            # The sentence names the entry and says what one may be.
            raise InvalidSetting("egress_allow", "an entry is not usable", str(wrong).removesuffix(".")) from None

    @classmethod
    def of(
        cls, allow: Iterable[str] = (), private: str = "allow", response_limit_bytes: int = 104_857_600
    ) -> EgressPolicy:
        """Read a policy as settings write it; raises `ValueError` with a sentence for a bad entry."""
        if private not in {"allow", "deny"}:
            raise ValueError(f"'{private}' is neither allow nor deny.")
        entries = tuple(Allowed.parse(entry) for entry in allow)
        return cls(entries, "deny" if private == "deny" else "allow", response_limit_bytes)

    def permits(self, host: str, port: int, addresses: Iterable[str]) -> bool:
        """Answer whether a host may be called, given every address that its name resolved to."""
        name = host.lower().rstrip(".")
        named = any(entry.covers_name(name, port) for entry in self.allow)
        found = [ipaddress.ip_address(text) for text in addresses]
        return bool(found) and all(self._permits_address(address, port, named) for address in found)

    def _permits_address(self, address: IPAddress, port: int, named: bool) -> bool:
        for inner in embedded(address):
            if any(entry.covers_address(inner, port) for entry in self.allow):
                continue
            kind = kind_of(inner)
            if kind == "metadata" or (kind == "local" and not named):
                return False
            if kind == "private" and self.private == "deny" and not named:
                return False
        return True


def kind_of(address: IPAddress) -> AddressKind:
    """Answer what kind of place an address is."""
    for kind, networks in _KINDS:
        if any(address.version == network.version and address in network for network in networks):
            return kind
    return "public"


def embedded(address: IPAddress) -> list[IPAddress]:
    """Answer the addresses that a packet to this address may really reach: IPv4 travels inside IPv6 in many forms."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    bare = ipaddress.IPv6Address(int(address))  # without a zone id, which would hide it from every network
    inner: list[IPAddress] = [bare]
    if bare.sixtofour is not None:
        inner.append(bare.sixtofour)
    if bare.teredo is not None:
        inner.extend(bare.teredo)
    low = int(bare) & 0xFFFF_FFFF
    # With a prefix of 48 bits, an address stands in two halves around a byte that is always zero: RFC 6052.
    halves = (int(bare) >> 48 & 0xFFFF_0000) | (int(bare) >> 40 & 0xFFFF) if bare in _NAT64_LOCAL else 0
    if halves:
        inner.append(ipaddress.IPv4Address(halves))
    if bare in _NAT64 or (bare in _NAT64_LOCAL and (low or not halves)) or (bare in _V4_COMPATIBLE and low > 1):
        inner.append(ipaddress.IPv4Address(low))
    return inner


def literal(host: str) -> str | None:
    """Answer the address that a host is when it is one in any spelling (octal, hexadecimal, one number), else None."""
    text = host.removeprefix("[").removesuffix("]")
    usual = _address(text)
    if usual is not None:
        return str(usual)
    try:
        return socket.inet_ntoa(socket.inet_aton(text))
    except (OSError, ValueError):
        return None


def _address(text: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None
