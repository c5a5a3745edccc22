"""Alerts of several vendors as a company's sensors send them, about 2 KB each, the same for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

HOSTS, USERS, HASHES, DOMAINS = 20_000, 10_000, 50_000, 20_000
START = datetime(2026, 1, 1, tzinfo=UTC)
#: Provider, vendor, and of how many alerts in a hundred it is the source.
VENDORS = (
    ("IPC", "Microsoft", 20),
    ("ASC", "Microsoft", 15),
    ("Microsoft Defender ATP", "Microsoft", 30),
    ("MCAS", "Microsoft", 10),
    ("Palo Alto Networks", "Palo Alto Networks", 15),
    ("Falcon", "CrowdStrike", 8),
    ("Zeek", "Zeek", 2),
)
CATEGORIES = ("InitialAccess", "Execution", "Persistence", "CredentialAccess", "LateralMovement", "Exfiltration")
SEVERITIES = (("informational", 35), ("low", 35), ("medium", 22), ("high", 8))
STATUSES = (("newAlert", 20), ("inProgress", 5), ("resolved", 70), ("dismissed", 5))
WORDS = (
    "sign-in",
    "process",
    "beacon",
    "macro",
    "registry",
    "service",
    "token",
    "mailbox",
    "tunnel",
    "driver",
    "share",
)


class Samples:
    """A source of alerts and of values that they mention."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)

    def host(self) -> str:
        """Answer the name of a host."""
        return f"pc-{self._random.randrange(HOSTS):05}.contoso.example"

    def user(self) -> str:
        """Answer the principal name of a user."""
        return f"user{self._random.randrange(USERS):05}@contoso.example"

    def file_hash(self) -> str:
        """Answer a file's SHA-256."""
        return f"{self._random.randrange(HASHES) * 0x9E3779B97F4A7C15:064x}"

    def domain(self) -> str:
        """Answer a domain outside."""
        return f"cdn{self._random.randrange(DOMAINS):05}.example.net"

    def address(self) -> str:
        """Answer an address outside."""
        return f"203.{self._random.randrange(32)}.{self._random.randrange(256)}.{self._random.randrange(256)}"

    def analyst(self) -> str:
        """Answer somebody to whom alerts are assigned."""
        return f"analyst{self._random.randrange(40)}@contoso.example"

    def alerts(self, first: int, count: int) -> Iterator[dict[str, Any]]:
        """Answer alerts by their numbers; the later ones are the more recent."""
        for number in range(first, first + count):
            yield self._alert(number)

    def _chosen(self, table: tuple[tuple[Any, ...], ...]) -> Any:
        return self._random.choices(table, [row[-1] for row in table])[0]

    def _alert(self, number: int) -> dict[str, Any]:
        provider, vendor, _ = self._chosen(VENDORS)
        created = START + timedelta(seconds=number * 20 + self._random.random() * 600)
        user, word = self.user(), self._random.choice(WORDS)
        status = self._chosen(STATUSES)[0]
        return {
            "id": f"{self._random.getrandbits(128):032x}",
            "title": f"Suspicious {word} {number}",
            "description": f"A {word} that does not fit what this machine usually does was seen. " * 8,
            "category": self._random.choice(CATEGORIES),
            "severity": self._chosen(SEVERITIES)[0],
            "status": status,
            "assignedTo": None if status == "newAlert" else self.analyst(),
            "createdDateTime": _written(created),
            "eventDateTime": _written(created - timedelta(seconds=self._random.random() * 300)),
            "lastModifiedDateTime": _written(created + timedelta(seconds=60)),
            "vendorInformation": {
                "provider": provider,
                "vendor": vendor,
                "subProvider": None,
                "providerVersion": "3.1",
            },
            "confidence": self._random.randrange(100),
            "tags": [word, provider],
            "recommendedActions": [f"Look at the {word}.", "Isolate the machine when the user cannot explain it."],
            "sourceMaterials": [f"https://portal.example/alerts/{number}"],
            "userStates": [
                {"userPrincipalName": user, "accountName": user.partition("@")[0], "logonIp": self.address()}
            ],
            "hostStates": [{"fqdn": self.host(), "os": "Windows 11", "privateIpAddress": self._private()}],
            "fileStates": [self._file(word)],
            "processes": [
                {**self._file(word), "processId": number % 60_000, "commandLine": f"{word}.exe /s /q {number}"}
            ],
            "networkConnections": [self._connection()],
        }

    def _private(self) -> str:
        return f"10.{self._random.randrange(4)}.{self._random.randrange(256)}.{self._random.randrange(256)}"

    def _file(self, word: str) -> dict[str, Any]:
        value = {"hashType": "sha256", "hashValue": self.file_hash()}
        return {"name": f"{word}.exe", "path": f"C:\\Users\\Public\\{word}.exe", "fileHash": value}

    def _connection(self) -> dict[str, Any]:
        return {
            "destinationAddress": self.address(),
            "destinationDomain": self.domain(),
            "destinationPort": "443",
            "direction": "outbound",
            "protocol": "tcp",
            "sourceAddress": self._private(),
            "sourcePort": str(self._random.randrange(1024, 65_536)),
        }


def lines(alerts: Iterator[dict[str, Any]]) -> bytes:
    """Answer alerts as the lines of one body."""
    return b"".join(json.dumps(each, separators=(",", ":")).encode() + b"\n" for each in alerts)


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
