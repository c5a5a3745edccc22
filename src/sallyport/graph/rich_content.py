"""Notifications that carry the resource itself, encrypted so that only the subscriber can read it.

The rule: each item has a key of its own, under the subscriber's public key.
https://learn.microsoft.com/graph/change-notifications-with-resource-data
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as asymmetric
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from sallyport.graph.errors import InvalidRequest
from sallyport.store import documents

_SMALLEST_BITS, _LARGEST_BITS = 2048, 4096
_KEY_BYTES = 32
_BLOCK_BITS = 128
#: SHA-1 is what the receivers' published sample decrypts with; it hides no collision here.
_OAEP = asymmetric.OAEP(asymmetric.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303


def check(certificate: str) -> None:
    """Raise InvalidRequest unless a text is a certificate with an RSA key of 2048 to 4096 bits that works."""
    public, _ = _public_key(certificate)
    try:
        # Some keys are read and cannot be used: whoever sends would find out with every notification.
        public.encrypt(os.urandom(_KEY_BYTES), _OAEP)
    except ValueError as error:
        raise InvalidRequest("encryptionCertificate holds a key with which nothing can be encrypted.") from error


def encrypted(content: dict[str, Any], certificate: str, certificate_id: str) -> dict[str, Any]:
    """Answer a resource as `encryptedContent`: AES-CBC under a key of its own, which RSA-OAEP hides."""
    public, thumbprint = _public_key(certificate)
    key = os.urandom(_KEY_BYTES)
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(documents.dumps(content)) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    data = encryptor.update(padded) + encryptor.finalize()
    return {
        "data": base64.b64encode(data).decode(),
        "dataKey": base64.b64encode(public.encrypt(key, _OAEP)).decode(),
        "dataSignature": base64.b64encode(hmac.new(key, data, hashlib.sha256).digest()).decode(),
        "encryptionCertificateId": certificate_id,
        "encryptionCertificateThumbprint": thumbprint,
    }


@lru_cache(maxsize=256)
def _public_key(certificate: str) -> tuple[RSAPublicKey, str]:
    try:
        if "-----BEGIN" in certificate:
            found = x509.load_pem_x509_certificate(certificate.encode())
        else:
            found = x509.load_der_x509_certificate(base64.b64decode("".join(certificate.split()), validate=True))
        key = found.public_key()
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, binascii.Error) as error:
        raise InvalidRequest("encryptionCertificate must be an X.509 certificate in base64.") from error
    if not isinstance(key, RSAPublicKey) or not _SMALLEST_BITS <= key.key_size <= _LARGEST_BITS:
        raise InvalidRequest(f"encryptionCertificate must hold an RSA key of {_SMALLEST_BITS} to {_LARGEST_BITS} bits.")
    thumbprint = hashlib.sha1(found.public_bytes(serialization.Encoding.DER), usedforsecurity=False)
    return key, thumbprint.hexdigest().upper()
