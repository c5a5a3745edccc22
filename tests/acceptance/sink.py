"""A process of its own that takes requests and keeps of each, on disk before it answers, who sent what under which key.

Run as `python sink.py FILE`; it prints its port and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path


async def serve(file: int) -> None:
    """Take requests until standard input ends."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = json.loads(await reader.readexactly(int(fields.get("content-length", "0"))) or b"null")
                entry = {
                    "at": time.time(),
                    "run": fields.get("x-ms-workflow-run-id", "").upper(),
                    "action": fields.get("x-ms-workflow-operation-name", ""),
                    "key": fields.get("idempotency-key", ""),
                    "body": body,
                }
                os.write(file, json.dumps(entry).encode() + b"\n")
                os.fsync(file)
                answer = json.dumps({"took": body}).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%s" % (len(answer), answer))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(os.open(Path(sys.argv[1]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)))
