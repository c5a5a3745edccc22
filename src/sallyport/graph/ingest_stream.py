"""Cuts a streamed body into alerts: lines of NDJSON, or the elements of one JSON array, a chunk at a time.

The rule: what is cut off is passed on at once and never held twice; a piece that is too long is skipped, not stored.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from sallyport.web import bodies

_BLANK = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
#: How much of a body without line feeds is looked at before it is cut.
_HEAD = 4_096
#: What decides where an element of an array ends: whole strings, a string's beginning, brackets, commas.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*"|["\[\]{},]', re.DOTALL)


@dataclass(slots=True)
class Piece:
    """One line or element; `data` is None when it was longer than permitted."""

    #: Counted from 1, blank lines included.
    line: int
    data: bytes | None


class MalformedArray(bodies.MalformedJson):
    """Raised when a body that begins as an array does not go on as one; elements before the fault are not affected."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"{reason} (element {line}).")
        self.line = line


async def pieces(chunks: AsyncIterator[bytes], longest: int, *, lines: bool) -> AsyncIterator[Piece]:
    """Answer the alerts of a body as they arrive.

    `lines` says that the content type is that of lines; else the first byte decides: `[` begins an array, and a body
    whose first line is `{` alone is one object written over several lines.
    """
    head = b""
    async for chunk in chunks:
        head += chunk
        if b"\n" in head.removeprefix(_BOM).lstrip(_BLANK) or len(head) > _HEAD:
            break
    head = head.removeprefix(_BOM)
    cutter: _Lines | _Array | _Whole
    if head.lstrip(_BLANK).startswith(b"["):
        cutter = _Array(longest)
    else:
        cutter = _Lines(longest) if lines or not _opens_only(head) else _Whole(longest)
    for piece in cutter.feed(head):
        yield piece
    async for chunk in chunks:
        for piece in cutter.feed(chunk):
            yield piece
    for piece in cutter.finish():
        yield piece


def _opens_only(head: bytes) -> bool:
    """Answer whether the first line only opens an object, as a document written over several lines does."""
    first, newline, _ = head.lstrip(_BLANK).partition(b"\n")
    return bool(newline) and first.strip(_BLANK) == b"{"


class _Lines:
    """Cuts at line feeds."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()
        self._skipping = False
        self._line = 0

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        first, *whole = chunk.split(b"\n")
        self._add(first)
        if not whole:
            return
        yield from self._cut()
        rest = whole.pop()
        for part in whole:
            self._line += 1
            if len(part) > self._longest:
                yield Piece(self._line, None)
            elif data := part.strip(_BLANK):
                yield Piece(self._line, data)
        self._add(rest)

    def finish(self) -> Iterator[Piece]:
        yield from self._cut()

    def _add(self, part: bytes) -> None:
        if len(self._rest) + len(part) > self._longest:
            self._skipping = True
            self._rest.clear()
        elif not self._skipping:
            self._rest += part

    def _cut(self) -> Iterator[Piece]:
        self._line += 1
        data = bytes(self._rest).strip(_BLANK)
        if self._skipping:
            yield Piece(self._line, None)
        elif data:
            yield Piece(self._line, data)
        self._rest.clear()
        self._skipping = False


class _Whole:
    """Takes the whole body as one piece."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._data = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        if len(self._data) <= self._longest:
            self._data += chunk
        yield from ()

    def finish(self) -> Iterator[Piece]:
        yield Piece(1, bytes(self._data) if len(self._data) <= self._longest else None)


class _Array:
    """Cuts the elements of one array, following strings and brackets only; what is inside is read later."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._data = b""
        #: Where the scan goes on, and where the current element begins, both in `_data`.
        self._at = 0
        self._start = 0
        self._depth = 0
        self._line = 0
        self._skipping = False
        self._closed = False

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        self._data = self._data[self._start :] + chunk
        self._at -= self._start
        self._start = 0
        yield from self._scan()
        self._shed()

    def finish(self) -> Iterator[Piece]:
        if not self._closed:
            raise MalformedArray(self._line + 1, "The array does not end")
        yield from ()

    def _scan(self) -> Iterator[Piece]:
        self._check_closed()
        while (token := _TOKENS.search(self._data, self._at)) is not None:
            sign = token[0]
            if sign == b'"':
                # The string goes on in the next chunk: scan it again from its beginning.
                self._at = token.start()
                return
            self._at = token.end()
            if sign in b"[{":
                self._depth += 1
                if self._depth == 1:
                    self._start = self._at
            elif sign in b"]}":
                self._depth -= 1
                if self._depth == 0:
                    yield from self._close(token)
                    return
            elif sign == b"," and self._depth == 1:
                yield from self._cut(token.start())
        self._at = len(self._data)

    def _close(self, token: re.Match[bytes]) -> Iterator[Piece]:
        if token[0] != b"]":
            raise MalformedArray(self._line + 1, "A bracket closes what was not opened")
        yield from self._cut(token.start(), last=True)
        self._closed = True
        self._check_closed()

    def _cut(self, end: int, *, last: bool = False) -> Iterator[Piece]:
        data = self._data[self._start : end].strip(_BLANK)
        self._start = self._at
        if last and not data and not self._line and not self._skipping:
            return
        self._line += 1
        yield Piece(self._line, None if self._skipping or len(data) > self._longest else data)
        self._skipping = False

    def _shed(self) -> None:
        """Let go of an element that is too long already."""
        if self._at - self._start > self._longest:
            self._skipping = True
            self._start = self._at
        elif len(self._data) - self._start > 2 * self._longest:
            # A string that is too long by itself: where it ends cannot be known without keeping it.
            raise MalformedArray(self._line + 1, f"A string is longer than {self._longest} bytes")

    def _check_closed(self) -> None:
        if self._closed and self._data[self._start :].strip(_BLANK):
            raise MalformedArray(self._line, "Something follows the end of the array")
