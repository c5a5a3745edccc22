"""Takes the compression off a body piece by piece, so that a small body that becomes a huge one is stopped early.

The rule: never more than one output piece beyond the limit is in memory, however small the input was.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from sallyport import errors

_PIECE_BYTES = 64 * 1024
#: What no honest text reaches; deflate itself stops at about 1030.
_RATIO = 200
_RATIO_COUNTS_FROM_BYTES = 8 * 1024 * 1024
#: gzip and zlib wrappers are told apart by their first bytes.
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
#: The first byte of each member of a gzip file; a file may be several, one after the other.
_MEMBER = 0x1F


class TooLarge(errors.PayloadTooLarge):
    """Raised when a body is, or would become, larger than the limit."""


class BadEncoding(errors.BadRequest):
    """Raised when a body is not compressed in the way that its header says, or ends early."""


class _Decoder(Protocol):
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...


class Stream:
    """A body that arrives in pieces and is passed on in pieces: `feed` each, then `finish`.

    `decoded` says whether an encoding is taken off.
    """

    def __init__(self, content_encoding: str, limit_bytes: int) -> None:
        names = [name for name in content_encoding.lower().replace(" ", "").split(",") if name not in {"", "identity"}]
        start = _DECODERS.get(names[0]) if len(names) == 1 else None
        self.decoded = start is not None
        self._start = start
        self._decoder: _Decoder | None = None
        self._limit = limit_bytes
        self._received = 0
        self._passed = 0

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Answer what the next piece, as it came, becomes; raises `TooLarge` or `BadEncoding`."""
        self._received += len(piece)
        pieces = iter((piece,)) if self._start is None else self._inflate(piece, self._start)
        try:
            for each in pieces:
                self._count(each)
                yield each
        except zlib.error as error:
            raise BadEncoding("The body is not compressed in the way that its header says.") from error

    def finish(self) -> None:
        """Raise `BadEncoding` when a compressed body ended early."""
        if self._decoder is not None and not self._decoder.eof:
            raise BadEncoding("The compressed body ended early.")

    def _inflate(self, piece: bytes, start: Callable[[bytes], _Decoder]) -> Iterator[bytes]:
        rest = piece
        while rest:
            if self._decoder is None or self._decoder.eof:
                if self._decoder is not None and rest[0] != _MEMBER:
                    return  # what follows the last member is padding
                self._decoder = start(rest)
            yield self._decoder.decompress(rest, _PIECE_BYTES)
            rest = self._decoder.unused_data if self._decoder.eof else self._decoder.unconsumed_tail
        yield from self._drain()

    def _drain(self) -> Iterator[bytes]:
        """Answer what the decoder holds back although its input is used up."""
        decoder = self._decoder
        while decoder is not None and not decoder.eof:
            piece = decoder.decompress(b"", _PIECE_BYTES)
            if not piece:
                return
            yield piece

    def _count(self, piece: bytes) -> None:
        self._passed += len(piece)
        size = self._passed
        if size > self._limit or (size > _RATIO_COUNTS_FROM_BYTES and size > self._received * _RATIO):
            raise TooLarge("The body is larger than the limit.")


class Body:
    """A body that is kept whole: `feed` each piece, then `finish`."""

    def __init__(self, content_encoding: str, limit_bytes: int) -> None:
        self._stream = Stream(content_encoding, limit_bytes)
        self._pieces = bytearray()

    @property
    def decoded(self) -> bool:
        """Answer whether an encoding is taken off."""
        return self._stream.decoded

    def feed(self, piece: bytes) -> None:
        """Take the next piece as it came; raises `TooLarge` or `BadEncoding`."""
        for each in self._stream.feed(piece):
            self._pieces += each

    def finish(self) -> bytes:
        """Answer the whole body; raises `BadEncoding` when a compressed one ended early."""
        self._stream.finish()
        return bytes(self._pieces)


def _wrapped(_first: bytes) -> _Decoder:
    return zlib.decompressobj(_GZIP_OR_ZLIB)


def _deflate(first: bytes) -> _Decoder:
    # "deflate" should be the zlib format; some servers send it bare. A zlib header's two bytes are a multiple of 31.
    is_zlib = first[0] & 0x0F == 8 and (len(first) == 1 or (first[0] << 8 | first[1]) % 31 == 0)
    return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)


_DECODERS: dict[str, Callable[[bytes], _Decoder]] = {"gzip": _wrapped, "x-gzip": _wrapped, "deflate": _deflate}
#: The encodings that are taken off.
ENCODINGS = tuple(_DECODERS)
