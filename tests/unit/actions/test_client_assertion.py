"""Assertions that stand for a client's secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from sallyport.actions import client_assertion
from sallyport.actions.inputs import InvalidInputs

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def pfx(key: Key, password: bytes) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(password)
    return base64.b64encode(pkcs12.serialize_key_and_certificates(b"c", key, certificate, None, encryption)).decode()


def test_an_assertion_says_who_and_to_whom_for_ten_minutes() -> None:
    key = rsa.generate_private_key(65537, 2048)
    stated = {"clientId": "id", "pfx": pfx(key, b"open"), "password": "open"}
    text = client_assertion.sign(stated, "https://login.test/token", NOW)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    token = jwt.decode(text, RSAKey.import_key(pem), algorithms=["RS256"])
    assert token.header["x5t"]
    issued = int(NOW.timestamp())
    assert {name: token.claims[name] for name in ("aud", "iss", "sub", "nbf", "exp")} == {
        "aud": "https://login.test/token",
        "iss": "id",
        "sub": "id",
        "nbf": issued,
        "exp": issued + 600,
    }


@pytest.mark.parametrize(("content", "password"), [("", ""), ("!!", ""), ("AAAA", "x")])
def test_what_is_no_key_is_refused(content: str, password: str) -> None:
    with pytest.raises(InvalidInputs, match="pfx"):
        client_assertion.sign({"clientId": "id", "pfx": content, "password": password}, "https://login.test", NOW)


def test_a_key_that_is_not_rsa_or_a_wrong_password_is_refused() -> None:
    content = pfx(ec.generate_private_key(ec.SECP256R1()), b"open")
    for password in ("open", "wrong"):
        with pytest.raises(InvalidInputs, match="pfx"):
            client_assertion.sign({"clientId": "id", "pfx": content, "password": password}, "https://login.test", NOW)
