"""A certificate authority of this installation alone, so that https works before anybody has bought a certificate.

The rule: the authority may speak for the names that it was made for and no others (name constraints), so that a stolen
key deceives nobody about any other host; its key never leaves the data folder.
https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sallyport.errors import SallyportError
from sallyport.web import certificates

log = structlog.stdlib.get_logger(__name__)

FOLDER = "tls"
CERTIFICATE = "authority.pem"
KEY = "authority.key"


class LocalAuthorityUnusable(SallyportError):
    """Raised when the files of the local certificate authority cannot be read."""

    code = "LocalAuthorityUnusable"
    status = 500

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The local certificate authority cannot be used: {path}: {reason}. Put the file back, or take the whole "
            "folder away to have a new authority made, which clients must then be told to trust."
        )
        self.path = path


@dataclass(frozen=True, slots=True)
class LocalAuthority:
    """The authority: its certificate, which clients trust, and its key."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """Answer the certificate as clients import it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def names(self) -> tuple[str, ...]:
        """Answer the hosts for which it may issue certificates."""
        return certificates.permitted(self.certificate)

    def leaf(self, file_name: str, hosts: Sequence[str], now: datetime) -> Path:
        """Answer the file of a certificate for some hosts, with its key: the one that is there while it holds."""
        path = self.folder / file_name
        if not self._still_holds(path, hosts, now):
            key = ec.generate_private_key(ec.SECP256R1())
            issued = certificates.leaf(key.public_key(), hosts, self.certificate, self.key, now)
            _write(path, issued.public_bytes(serialization.Encoding.PEM) + certificates.key_pem(key))
        return path

    def _still_holds(self, path: Path, hosts: Sequence[str], now: datetime) -> bool:
        try:
            found = x509.load_pem_x509_certificate(path.read_bytes())
            found.verify_directly_issued_by(self.certificate)
            named = certificates.named(found)
        except (OSError, ValueError, TypeError, x509.ExtensionNotFound, InvalidSignature):
            return False
        return named == tuple(hosts) and found.not_valid_after_utc - now > certificates.RENEWED_BEFORE


def opened(data: Path, hosts: Iterable[str], now: datetime) -> LocalAuthority:
    """Answer the authority of a data folder, able to name some hosts; made now when there is none.

    One that may not name them, or that ends soon, gets a new certificate over the same key. Raises
    LocalAuthorityUnusable.
    """
    folder, wanted = data / FOLDER, list(dict.fromkeys(hosts))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = read(data)
    if found is None:
        key = ec.generate_private_key(ec.SECP256R1())
        made = _made(folder, key, wanted, now)
        # The key comes last: without it there is no authority yet, however a first start may end.
        _write(folder / KEY, certificates.key_pem(key))
        log.info("tls.authority_made", names=list(made.names))
        return made
    lasting = found.certificate.not_valid_after_utc - now > certificates.LIFE + certificates.RENEWED_BEFORE
    if lasting and set(wanted) <= set(found.names):
        return found
    made = _made(folder, found.key, wanted, now)
    log.warning("tls.authority_changed", names=list(made.names), trust="export its certificate to clients again")
    return made


def read(data: Path) -> LocalAuthority | None:
    """Answer the authority of a data folder, None when none was made yet; raises LocalAuthorityUnusable."""
    folder = data / FOLDER
    if not (folder / KEY).exists():
        return None
    path = folder / KEY
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        path = folder / CERTIFICATE
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
        certificates.permitted(certificate)
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound) as error:
        raise LocalAuthorityUnusable(path, str(error)) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise LocalAuthorityUnusable(path, f"it does not belong to {KEY}")
    return LocalAuthority(folder, certificate, key)


def _made(folder: Path, key: ec.EllipticCurvePrivateKey, hosts: Sequence[str], now: datetime) -> LocalAuthority:
    made = LocalAuthority(folder, certificates.authority(key, hosts, now), key)
    _write(folder / CERTIFICATE, made.pem)
    return made


def _write(path: Path, content: bytes) -> None:
    """Put a file in its place whole, for its owner alone."""
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
