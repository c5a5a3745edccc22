"""The machine's own resolver of names, asked in threads of its own.

The rule: a name server that does not answer holds a thread for as long as the machine has patience, whatever deadline
the request has. So one name holds one thread, however many wait for it, and nothing but names waits for these threads:
neither the check of a password nor the requests to anybody else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

#: More than there are places for notifications, so that those to dead names leave some to everybody else.
_THREADS = 256

_Key = tuple[str, int]


class Names:
    """The resolver of one process."""

    def __init__(self) -> None:
        # A thread is begun when it is needed, and not before.
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sallyport-names")
        self._asked: dict[_Key, asyncio.Future[list[str]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """Answer the addresses that the machine knows for a name, in its order; raises `OSError`."""
        key = host, port
        asked = self._asked.get(key)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _looked_up, host, port)
            self._asked[key] = asked
            asked.add_done_callback(lambda done: self._answered(key, done))
        # Others may wait for it longer than whoever asked first.
        return await asyncio.shield(asked)

    def close(self) -> None:
        """Ask nothing any more; what is being looked up is waited for by nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _answered(self, key: _Key, done: asyncio.Future[list[str]]) -> None:
        del self._asked[key]
        if not done.cancelled():
            # That nobody waits for a failure any more is none.
            done.exception()


def _looked_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
