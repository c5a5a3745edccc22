"""The public keys with which applications prove who they are, read from the files that people have.

The rule: a file with a private key is refused, because nobody but the application may have it.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sallyport import errors
from sallyport.store import schema

_LEAST_BITS = 2048
_LONGEST = 65_536


class KeyUnusable(errors.BadRequest):
    """Raised when a file holds no public key that an application can be known by."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, and until when its certificate says that it holds."""

    #: The SHA-256 of the certificate, or of the key where there is none, in base64url.
    thumbprint: str
    pem: str
    expires_at: str | None = None
    starts_at: str | None = None


def read(content: bytes) -> PublicKey:
    """Answer the key of a certificate or of a public key, in PEM; raises `KeyUnusable`."""
    if b"PRIVATE KEY" in content:
        raise KeyUnusable("The file holds a private key: give the certificate or the public key alone.")
    if len(content) > _LONGEST:
        raise KeyUnusable("The file is too long for a certificate or a public key.")
    try:
        if b"BEGIN CERTIFICATE" in content:
            certificate = x509.load_pem_x509_certificate(content)
            whole = certificate.public_bytes(serialization.Encoding.DER)
            expires_at = schema.instant(certificate.not_valid_after_utc)
            starts_at = schema.instant(certificate.not_valid_before_utc)
            return PublicKey(_thumbprint(whole), _pem(certificate.public_key()), expires_at, starts_at)
        pem = _pem(serialization.load_pem_public_key(content))
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion):
        raise KeyUnusable("The file is neither a certificate nor a public key in PEM.") from None
    return PublicKey(_thumbprint(base64.b64decode("".join(pem.splitlines()[1:-1]))), pem)


def _pem(key: object) -> str:
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise KeyUnusable(f"The key must be an RSA key of at least {_LEAST_BITS} bits.")
    made = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return made.decode("ascii")


def _thumbprint(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode("ascii").rstrip("=")
