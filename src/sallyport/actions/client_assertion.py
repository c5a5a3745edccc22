"""A signed assertion of who a client is, in place of its secret: RFC 7523, with a certificate from a PKCS 12 file."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from joserfc import jwt
from joserfc.jwk import RSAKey

from sallyport.actions import inputs as read
from sallyport.wdl import values

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: How long an assertion holds: long enough for two clocks that differ.
_VALID_SECONDS = 600


def sign(stated: Any, audience: str, now: datetime) -> str:
    """Answer the assertion for an authority, signed with the key in `pfx` that `password` opens.

    Raises InvalidInputs when they hold no RSA key with a certificate.
    """
    key, thumbprint = _opened(read.text(stated, "pfx"), read.text(stated, "password", ""))
    client, issued = read.text(stated, "clientId"), int(now.timestamp())
    digest = hashlib.sha256(f"{client}{audience}{issued}".encode()).hexdigest()
    claims = {
        "aud": audience,
        "iss": client,
        "sub": client,
        "jti": digest,
        "nbf": issued,
        "exp": issued + _VALID_SECONDS,
    }
    return jwt.encode({"alg": "RS256", "x5t": thumbprint}, claims, key)


def _opened(pfx: str, password: str) -> tuple[RSAKey, str]:
    try:
        content = values.from_base64(pfx)
        key, certificate, _ = pkcs12.load_key_and_certificates(content, password.encode() or None)
    except ValueError:
        raise read.InvalidInputs("The authentication's 'pfx' cannot be opened with its 'password'.") from None
    if not isinstance(key, rsa.RSAPrivateKey) or certificate is None:
        raise read.InvalidInputs("The authentication's 'pfx' holds no RSA key with its certificate.")
    # SHA-1 because the header field `x5t` is defined so; nothing rests on its strength.
    digest = hashlib.sha1(certificate.public_bytes(serialization.Encoding.DER), usedforsecurity=False).digest()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return RSAKey.import_key(pem), base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
