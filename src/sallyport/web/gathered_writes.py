"""Sends the parts of an answer together: each by itself would be one more call of the system, and wake its reader.

The rule: what was written is on its way after the current turn of the event loop, or at once when it is much.
"""

from __future__ import annotations

import asyncio
from typing import Any

#: So many bytes are sent at once: what is larger gains nothing from waiting.
_MUCH_BYTES = 64 * 1024


class GatheredWrites(asyncio.Transport):
    """A transport in front of another one, for a protocol that writes small parts."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send data soon."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(bytes(data))
        self._size += len(data)
        if self._size >= _MUCH_BYTES:
            self._send()

    def close(self) -> None:
        """Close the connection when everything has been sent."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def is_closing(self) -> bool:
        """Answer whether the connection is closed, or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Answer what is known of the connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Let the peer wait."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._transport.set_protocol(protocol)

    def _send(self) -> None:
        if self._parts:
            gathered = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts.clear()
            self._size = 0
            self._transport.write(gathered)
