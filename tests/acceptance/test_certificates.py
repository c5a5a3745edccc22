"""Programs of msal and azure-identity from PyPI, unmodified, prove who they are with a certificate."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CertificateCredential
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from acceptance import sdk
from acceptance.sdk import Sdk
from sallyport.cli import local
from sallyport.store import credentials, schema
from sallyport.store.credentials import ClientKey

_GRAPH = "https://graph.microsoft.com/.default"


class Certificate:
    """A certificate that signed itself, with its key."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "playbooks")])
        now = datetime.now(UTC)
        self.public = (
            x509.CertificateBuilder(name, name, self._key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .sign(self._key, hashes.SHA256())
        )

    @property
    def private_pem(self) -> str:
        """Answer the key alone."""
        wanted = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return self._key.private_bytes(serialization.Encoding.PEM, *wanted).decode()

    @property
    def public_pem(self) -> str:
        """Answer the certificate alone."""
        return self.public.public_bytes(serialization.Encoding.PEM).decode()

    def register(self, app: Sdk) -> None:
        """Let an application prove itself with it."""
        wanted = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        public_key = self._key.public_key().public_bytes(*wanted).decode()
        thumbprint = base64.urlsafe_b64encode(self.public.fingerprint(hashes.SHA256())).decode().rstrip("=")
        now = schema.instant(datetime.now(UTC))
        key = ClientKey(str(uuid.uuid4()), app.client_id, thumbprint, public_key, now)
        with local.opened(app.server.folder) as here:
            here.db.write_now(lambda connection: credentials.add_key(connection, key))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    """A server, and an application."""
    with sdk.running(tmp_path_factory.mktemp("certificates")) as started:
        yield started


@pytest.fixture(scope="module")
def certificate(app: Sdk) -> Certificate:
    """A certificate that is registered."""
    made = Certificate()
    made.register(app)
    return made


def works(app: Sdk, token: str) -> bool:
    """Answer whether the server takes a token."""
    with app.http() as client:
        asked = client.get("/v1.0/security/alerts", headers={"Authorization": f"Bearer {token}"})
    return asked.status_code == 200


def credential(app: Sdk, **certificate: Any) -> CertificateCredential:
    """A credential as every guide shows it."""
    return CertificateCredential(
        app.tenant,
        app.client_id,
        authority=app.host,
        disable_instance_discovery=True,
        connection_verify=str(app.server.authority_file),
        **certificate,
    )


def program(app: Sdk, told: dict[str, Any]) -> Any:
    """A program of msal."""
    return msal.ConfidentialClientApplication(
        app.client_id,
        client_credential=told,
        authority=f"{app.host}/{app.tenant}",
        instance_discovery=False,
        verify=str(app.server.authority_file),
    )


@pytest.mark.parametrize("chain", [False, True])
def test_azure_identity_proves_itself_with_a_file(
    app: Sdk, certificate: Certificate, tmp_path: Path, chain: bool
) -> None:
    file = tmp_path / "both.pem"
    file.write_text(certificate.private_pem + certificate.public_pem)
    with credential(app, certificate_path=str(file), send_certificate_chain=chain) as known:
        assert works(app, known.get_token(_GRAPH).token)


@pytest.mark.parametrize("way", ["thumbprint", "public_certificate"])
def test_msal_proves_itself_with_a_key_and_a_thumbprint_or_a_certificate(
    app: Sdk, certificate: Certificate, way: str
) -> None:
    # The first signs with RS256, the second with PS256.
    named = {
        "thumbprint": certificate.public.fingerprint(hashes.SHA1()).hex(),
        "public_certificate": certificate.public_pem,
    }
    told = {"private_key": certificate.private_pem, way: named[way]}
    first = program(app, told).acquire_token_for_client([_GRAPH])
    assert works(app, first["access_token"])
    # Another program with the same key makes an assertion of its own.
    assert works(app, program(app, told).acquire_token_for_client([_GRAPH])["access_token"])


def test_a_certificate_that_nobody_registered_is_refused(app: Sdk, certificate: Certificate) -> None:
    other = Certificate()
    both = (other.private_pem + other.public_pem).encode()
    # What an assertion brings along is never what it is checked with.
    refusing = credential(app, certificate_data=both, send_certificate_chain=True)
    with refusing, pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        refusing.get_token(_GRAPH)
    claimed = certificate.public.fingerprint(hashes.SHA1()).hex()
    told = program(app, {"private_key": other.private_pem, "thumbprint": claimed}).acquire_token_for_client([_GRAPH])
    assert (told["error"], told["error_codes"]) == ("invalid_client", [700027])


def test_a_certificate_of_another_application_is_refused(app: Sdk, certificate: Certificate) -> None:
    other = sdk.registered(app.server, "Other")
    both = (certificate.private_pem + certificate.public_pem).encode()
    refusing = credential(other, certificate_data=both)
    with refusing, pytest.raises(ClientAuthenticationError, match="AADSTS700027"):
        refusing.get_token(_GRAPH)
