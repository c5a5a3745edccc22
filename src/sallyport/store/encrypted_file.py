"""A file behind a passphrase: AES-256-GCM over pieces of 1 MiB, under a key that scrypt makes of the passphrase.

The rule: each piece is bound to its place and to whether it is the last, so that pieces can be neither exchanged nor
left out nor cut off; what is read was checked before it is given on.
"""

from __future__ import annotations

import io
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sallyport import errors

MAGIC = b"SALLYPORT-ENCRYPTED-1\n"
_SALT_BYTES = 16
_PIECE_BYTES = 1024 * 1024
_TAG_BYTES = 16
#: 64 MiB of memory and about a fifth of a second for each guess.
_COST, _BLOCKS, _LANES = 2**16, 8, 1


class WrongPassphrase(errors.Forbidden):
    """Raised when an encrypted file does not open: another passphrase, none at all, or a changed file."""

    code = "WrongPassphrase"


@contextmanager
def writing(file: IO[bytes], passphrase: str | None) -> Iterator[IO[bytes]]:
    """Give a file to write to, encrypted when there is a passphrase."""
    if passphrase is None:
        yield file
        return
    salt = secrets.token_bytes(_SALT_BYTES)
    file.write(MAGIC + salt)
    sealing = _Sealing(file, AESGCM(_key(passphrase, salt)))
    yield cast("IO[bytes]", sealing)
    sealing.finish()


@contextmanager
def reading(file: IO[bytes], passphrase: str | None) -> Iterator[IO[bytes]]:
    """Give a file to read from, decrypted when it is encrypted; raises WrongPassphrase."""
    start = file.read(len(MAGIC))
    if start != MAGIC:
        file.seek(0)
        yield file
        return
    if passphrase is None:
        raise WrongPassphrase("The backup is encrypted: give its passphrase.")
    opening = _Opening(file, AESGCM(_key(passphrase, file.read(_SALT_BYTES))))
    yield cast("IO[bytes]", io.BufferedReader(opening, _PIECE_BYTES))


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_COST, r=_BLOCKS, p=_LANES).derive(passphrase.encode())


def _nonce(number: int, *, last: bool) -> bytes:
    # The key is of this file alone (its salt is), so that a count is enough.
    return struct.pack(">IQ", int(last), number)


class _Sealing:
    """Writes pieces as they become full."""

    def __init__(self, file: IO[bytes], cipher: AESGCM) -> None:
        self._file = file
        self._cipher = cipher
        self._waiting = bytearray()
        self._number = 0

    def write(self, data: bytes) -> int:
        """Take bytes."""
        self._waiting += data
        while len(self._waiting) > _PIECE_BYTES:
            self._seal(bytes(self._waiting[:_PIECE_BYTES]), last=False)
            del self._waiting[:_PIECE_BYTES]
        return len(data)

    def flush(self) -> None:
        """Leave what is no full piece where it is: only the last piece may be short."""

    def finish(self) -> None:
        """Write what is left as the last piece."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, MAGIC))
        self._number += 1


class _Opening(io.RawIOBase):
    """Reads pieces, each checked as a whole."""

    def __init__(self, file: IO[bytes], cipher: AESGCM) -> None:
        self._file = file
        self._cipher = cipher
        self._number = 0
        self._next = file.read(_PIECE_BYTES + _TAG_BYTES)
        self._plain = b""
        self._over = False

    def readable(self) -> bool:
        """Answer yes."""
        return True

    def readinto(self, buffer: object) -> int:
        """Give what was checked; raises WrongPassphrase."""
        room = memoryview(cast("bytearray", buffer))
        if not self._plain and not self._over:
            self._open()
        given = self._plain[: len(room)]
        room[: len(given)] = given
        self._plain = self._plain[len(given) :]
        return len(given)

    def _open(self) -> None:
        piece, self._next = self._next, self._file.read(_PIECE_BYTES + _TAG_BYTES)
        self._over = not self._next
        try:
            self._plain = self._cipher.decrypt(_nonce(self._number, last=self._over), piece, MAGIC)
        except (InvalidTag, ValueError) as error:
            told = "The backup does not open: the passphrase is another one, or the file was changed or cut off."
            raise WrongPassphrase(told) from error
        self._number += 1
