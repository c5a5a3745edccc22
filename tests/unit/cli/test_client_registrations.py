"""How applications are registered for users who sign in, with keys, and switched off."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from identity import Installation, installation
from sallyport.cli import main
from sallyport.store import audit

BACK = "https://app.contoso.com/back"
PEM = serialization.Encoding.PEM
PUBLIC = serialization.PublicFormat.SubjectPublicKeyInfo


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def run(house: Installation, *words: str) -> Result:
    return CliRunner().invoke(main, ["client", *words], env={"SALLYPORT_DATA": str(house.folder)})


def answered(house: Installation, *words: str) -> dict[str, Any]:
    done = run(house, *words, "--json")
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "feeder")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    return made.not_valid_after(datetime(2040, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256()).public_bytes(PEM)


def test_a_public_application_has_addresses_and_scopes_but_no_secret(house: Installation) -> None:
    made = answered(
        house, "add", "Viewer", "--public", "--redirect-uri", BACK, "--redirect-uri", "http://localhost",
        "--scope", "securityevents.read.all",
    )  # fmt: skip
    assert "clientSecret" not in made
    shown = answered(house, "show", made["clientId"])
    assert (shown["redirectUris"], shown["public"]) == ([BACK, "http://localhost"], True)
    assert (shown["scopes"], shown["grantedScopes"]) == (["SecurityEvents.Read.All"], [])
    assert (shown["secrets"], shown["keys"]) == ([], [])


@pytest.mark.parametrize("whole", [True, False])
def test_a_registered_certificate_or_key_gets_tokens_without_a_secret(house: Installation, whole: bool) -> None:
    key = rsa.generate_private_key(65537, 2048)
    file = house.folder / "key.pem"
    file.write_bytes(certificate(key) if whole else key.public_key().public_bytes(PEM, PUBLIC))
    asked = ("--permission", "SecurityEvents.Read.All", "--certificate", str(file))
    made = answered(house, "add", "Feeder", *asked)
    assert "clientSecret" not in made
    (shown,) = answered(house, "show", made["clientId"])["keys"]
    assert (shown["endDateTime"] or "")[:10] == ("2040-01-01" if whole else "")
    now = int(house.clock.now().timestamp())
    endpoint = f"https://sallyport.example/{house.authority.tenant_id}/oauth2/v2.0/token"
    own = made["clientId"]
    claims = {"aud": endpoint, "iss": own, "sub": own, "jti": str(uuid.uuid4()), "nbf": now, "exp": now + 300}
    form = {
        "grant_type": "client_credentials",
        "client_id": own,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "RS256"}, claims, RSAKey.import_key(private_pem(key).decode())),
        "scope": "https://graph.microsoft.com/.default",
    }
    answer = house.client().post(f"/{house.authority.tenant_id}/oauth2/v2.0/token", data=form)
    assert answer.status_code == 200, answer.text
    assert house.authority.tokens.verify(answer.json()["access_token"]).roles == {"SecurityEvents.Read.All"}


def test_a_disabled_application_gets_no_token_until_it_is_enabled(house: Installation) -> None:
    made = answered(house, "add", "Feeder", "--permission", "Sallyport.Ingest")
    form = {
        "grant_type": "client_credentials",
        "client_id": made["clientId"],
        "client_secret": made["clientSecret"],
        "scope": "https://graph.microsoft.com/.default",
    }
    address = f"/{house.authority.tenant_id}/oauth2/v2.0/token"
    assert not answered(house, "disable", made["clientId"])["enabled"]
    assert house.client().post(address, data=form).status_code in (400, 401)
    assert answered(house, "enable", made["clientId"])["enabled"]
    assert house.client().post(address, data=form).status_code == 200
    noted = house.db.read_now(lambda connection: audit.latest(connection, 20))
    assert {"client.disabled", "client.enabled"} <= {each.activity for each in noted}
    assert run(house, "disable", house.first.client_id).exit_code == 1
    assert run(house, "show", "nobody").exit_code == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scope", "Everything"), "There is no permission 'Everything'"),
        (("--public", "--permission", "Sallyport.Ingest"), "may have scopes, but no permissions"),
        (("--scope", "user_impersonation", "--redirect-uri", "http://app.contoso.com/"), "must begin https://"),
        (("--scope", "user_impersonation", "--redirect-uri", "javascript:alert(1)"), "no address"),
        (("--scope", "user_impersonation", "--redirect-uri", "https://app.contoso.com/#x"), "no address"),
        (("--scope", "user_impersonation", "--redirect-uri", "https://*.contoso.com/"), "no address"),
        (("--scope", "user_impersonation", "--redirect-uri", "https://ada@contoso.com/"), "no address"),
        (("--scope", "user_impersonation", "--redirect-uri", "https://[x/"), "no address"),
        (("--scope", "user_impersonation", "--redirect-uri", "https://app.contoso.com;sandbox/"), "no address"),
    ],
)
def test_what_makes_no_sense_is_refused(house: Installation, words: tuple[str, ...], told: str) -> None:
    done = run(house, "add", "Wrong", *words)
    assert (done.exit_code, done.stdout) == (1, "")
    assert told in done.stderr


def test_neither_permission_nor_scope_is_wrong_use(house: Installation) -> None:
    assert run(house, "add", "Idle").exit_code == 2


def test_only_a_public_rsa_key_is_taken(house: Installation) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(PEM, PUBLIC)
    key = rsa.generate_private_key(65537, 2048)
    whole = x509.load_pem_x509_certificate(certificate(key)).public_bytes(serialization.Encoding.DER)
    # A version of certificates that there is not.
    eighth = whole.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020107"))
    strange = ssl.DER_cert_to_PEM_cert(eighth).encode()
    for content, told in (
        (curve, "RSA key"),
        (private_pem(key), "private key"),
        (b"hello", "neither a certificate"),
        (strange, "neither a certificate"),
    ):
        file = house.folder / "key.pem"
        file.write_bytes(content)
        done = run(house, "add", "Wrong", "--permission", "Sallyport.Ingest", "--certificate", str(file))
        assert (done.exit_code, done.stdout) == (1, "")
        assert told in done.stderr
