"""Keeps secrets unreadable in the database: AES-256-GCM under a master key that never enters it.

The rule: a sealed text opens only with the same associated text that it was sealed with (say, table and row), so that
nobody with access to the database can move a secret to where it would be shown.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sallyport import errors

#: The master key in the environment: 32 bytes in base64 or hexadecimal. It wins over the file. Former keys may follow,
#: after commas or, as in the file, on lines of their own.
ENVIRONMENT_KEY = "SALLYPORT_MASTER_KEY"
FILE_NAME = "master.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "v1"


class SecretUnreadable(errors.SallyportError):
    """Raised when a sealed text does not open: another master key, another place, or a changed text."""

    code = "SecretUnreadable"

    def __init__(self, key_id: str) -> None:
        super().__init__(f"A stored secret does not open; it was sealed with master key '{key_id}'. Is this that key?")
        self.key_id = key_id


class MasterKeyInvalid(errors.SallyportError):
    """Raised when the master key in the environment or in its file is not 32 bytes of base64 or hexadecimal."""

    code = "MasterKeyInvalid"

    def __init__(self, where: str) -> None:
        super().__init__(f"The master key in {where} is not 32 bytes, written in base64 or hexadecimal.")
        self.where = where


class MasterKeyMissing(errors.SallyportError):
    """Raised when there are secrets to open and no master key."""

    code = "MasterKeyMissing"

    def __init__(self, path: Path) -> None:
        super().__init__(f"There is no master key: neither the file '{path}' nor {ENVIRONMENT_KEY} in the environment.")
        self.path = path


class Sealer:
    """Seals with one key and opens with any that it was given, so that a master key can be replaced."""

    def __init__(self, key: bytes, former: Iterable[bytes] = ()) -> None:
        self.key_id = _key_id(key)
        self._key = key
        self._ciphers: Mapping[str, AESGCM] = {_key_id(one): AESGCM(one) for one in (*former, key)}

    def derive(self, purpose: str) -> bytes:
        """Answer a key of its own for a purpose, such as signing addresses: the same as long as the master key is."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).digest()

    def seal(self, plain: bytes, aad: str) -> str:
        """Answer a text that only `open` with the same associated text can read."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._ciphers[self.key_id].encrypt(nonce, plain, aad.encode())
        return f"{_FORM}.{self.key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, aad: str) -> bytes:
        """Answer what was sealed; raises `SecretUnreadable`."""
        form, _, rest = sealed.partition(".")
        key_id, _, text = rest.partition(".")
        cipher = self._ciphers.get(key_id)
        if form != _FORM or cipher is None:
            raise SecretUnreadable(key_id)
        try:
            data = base64.urlsafe_b64decode(text)
            return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], aad.encode())
        except (InvalidTag, ValueError) as error:
            raise SecretUnreadable(key_id) from error


def sealer(folder: Path, environment: Mapping[str, str] = os.environ, *, create: bool = False) -> Sealer:
    """Answer the sealer of a data folder; its key file is made when there is none and `create` says so.

    Raises `MasterKeyMissing` or `MasterKeyInvalid`.
    """
    written = environment.get(ENVIRONMENT_KEY, "")
    if written:
        return _sealer(written, ENVIRONMENT_KEY)
    path = folder / FILE_NAME
    if not path.exists():
        if not create:
            raise MasterKeyMissing(path)
        _create(path)
    return _sealer(path.read_text("ascii", errors="replace"), str(path))


def _sealer(text: str, where: str) -> Sealer:
    key, *former = (_read(each, where) for each in re.split(r"[\s,]+", text.strip()))
    return Sealer(key, former)


def _create(path: Path) -> None:
    """Write a new key where there is none; of several processes that try at once, one wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first: its key is the key
    finally:
        draft.unlink()
    # What the key sealed will survive a power cut; so must the key's name in its folder.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(text: str, where: str) -> bytes:
    try:
        if len(text) == 2 * _KEY_BYTES:
            key = bytes.fromhex(text)
        else:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise MasterKeyInvalid(where) from error
    if len(key) != _KEY_BYTES:
        raise MasterKeyInvalid(where)
    return key


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"sallyport key id" + key).hexdigest()[:8]
