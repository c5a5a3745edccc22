"""A process of its own that takes notifications as subscribers of every kind do, and keeps when each was first told.

Run as `python subscribers.py NUMBER HEALTHY HANGING FAILING SLOW`: NUMBER is how many alerts there will be, named `n-0`
and so on. It prints its ports as JSON, by kind; a line on standard input is answered by a line of JSON: how many alerts
each healthy one has heard of, and with `end` everything that is known.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: How long a slow one takes: longer than anybody should, and in time.
_SLOW_SECONDS = 6.0


@dataclass
class Subscriber:
    """One endpoint and what it has heard."""

    kind: str
    number: int
    first: array[float] = field(init=False)
    sequence: array[int] = field(init=False)
    heard: int = 0
    repeated: int = 0
    #: Repetitions whose id was another than before.
    changed: int = 0

    def __post_init__(self) -> None:
        self.first = array("d", bytes(8 * self.number))
        self.sequence = array("q", bytes(8 * self.number))

    def take(self, notes: list[dict[str, Any]], at: float) -> None:
        """Keep what one request tells."""
        for note in notes:
            if note["changeType"] != "created":
                continue
            alert = int(note["resourceData"]["id"][2:])
            sequence = int(note["id"].rpartition("_")[2])
            if not self.first[alert]:
                self.first[alert], self.sequence[alert] = at, sequence
                self.heard += 1
            else:
                self.repeated += 1
                self.changed += self.sequence[alert] != sequence

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                target = head.split(" ", 2)[1]
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                asked = parse_qs(urlsplit(target).query).get("validationToken")
                status, answer = await self._answer(asked, body)
                writer.write(b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\n" % status)
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, asked: list[str] | None, body: bytes) -> tuple[bytes, bytes]:
        if asked:
            return b"200 OK", asked[0].encode()
        if self.kind == "hanging":
            await asyncio.sleep(3600)
        if self.kind == "failing":
            return b"500 Internal Server Error", b""
        if self.kind == "slow":
            await asyncio.sleep(_SLOW_SECONDS)
        self.take(json.loads(body)["value"], time.time())
        return b"202 Accepted", b""


async def serve(number: int, kinds: dict[str, int]) -> None:
    """Take notifications until standard input ends."""
    subscribers = [Subscriber(kind, number) for kind, count in kinds.items() for _ in range(count)]
    ports: dict[str, list[int]] = {kind: [] for kind in kinds}
    for each in subscribers:
        server = await asyncio.start_server(each.talk, "127.0.0.1", 0)
        ports[each.kind].append(server.sockets[0].getsockname()[1])
    sys.stdout.write(json.dumps(ports) + "\n")
    sys.stdout.flush()
    loop = asyncio.get_running_loop()
    healthy = [each for each in subscribers if each.kind == "healthy"]
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told: dict[str, Any] = {"heard": [each.heard for each in healthy]}
        if line.strip() == "end":
            told["first"] = [list(each.first) for each in healthy]
            told["repeated"] = sum(each.repeated for each in subscribers)
            told["changed"] = sum(each.changed for each in subscribers)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    counts = [int(each) for each in sys.argv[1:]]
    asyncio.run(serve(counts[0], dict(zip(("healthy", "hanging", "failing", "slow"), counts[1:], strict=True))))
