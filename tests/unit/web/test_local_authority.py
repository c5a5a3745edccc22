"""The local certificate authority: what it may name, what it issues, and when it begins anew."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sallyport.web import certificates, local_authority
from sallyport.web.local_authority import LocalAuthorityUnusable

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
HOSTS = ("localhost", "127.0.0.1", "::1", "soar.example")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def verify(authority: x509.Certificate, leaf: x509.Certificate, host: str) -> None:
    """Judge a server's certificate as a strict client does; name constraints among the rest."""
    builder = PolicyBuilder().store(Store([authority])).time(NOW)
    builder.build_server_verifier(x509.DNSName(host)).verify(leaf, [])


def test_a_strict_client_takes_what_it_issues(tmp_path: Path) -> None:
    authority = local_authority.opened(tmp_path, HOSTS, NOW)
    leaf = read(authority.leaf("server.pem", HOSTS, NOW))
    assert certificates.named(leaf) == HOSTS
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=397)
    verify(authority.certificate, leaf, "soar.example")
    verify(authority.certificate, leaf, "localhost")


def test_a_client_refuses_a_name_that_the_authority_was_not_made_for(tmp_path: Path) -> None:
    authority = local_authority.opened(tmp_path, HOSTS, NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    forged = certificates.leaf(key.public_key(), ["bank.example"], authority.certificate, authority.key, NOW)
    with pytest.raises(VerificationError):
        verify(authority.certificate, forged, "bank.example")


def test_keys_and_certificates_are_their_owner_s_alone(tmp_path: Path) -> None:
    local_authority.opened(tmp_path, HOSTS, NOW).leaf("server.pem", HOSTS, NOW)
    folder = tmp_path / local_authority.FOLDER
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"authority.key": 0o600, "authority.pem": 0o600, "server.pem": 0o600}
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_second_start_shows_the_same_certificates(tmp_path: Path) -> None:
    first = local_authority.opened(tmp_path, HOSTS, NOW)
    before = first.leaf("server.pem", HOSTS, NOW).read_bytes()
    second = local_authority.opened(tmp_path, HOSTS[:2], NOW)
    assert second.certificate == first.certificate
    assert second.leaf("server.pem", HOSTS, NOW).read_bytes() == before


@pytest.mark.parametrize(("days", "renewed"), [(200, False), (270, True), (500, True)])
def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path, days: int, renewed: bool) -> None:
    authority = local_authority.opened(tmp_path, HOSTS, NOW)
    before = authority.leaf("server.pem", HOSTS, NOW).read_bytes()
    after = authority.leaf("server.pem", HOSTS, NOW + timedelta(days=days)).read_bytes()
    assert (before != after) is renewed


def test_a_certificate_for_other_hosts_is_issued_anew(tmp_path: Path) -> None:
    authority = local_authority.opened(tmp_path, HOSTS, NOW)
    authority.leaf("server.pem", HOSTS[:1], NOW)
    assert certificates.named(read(authority.leaf("server.pem", HOSTS, NOW))) == HOSTS


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_certificate_is_issued_anew(tmp_path: Path, content: bytes) -> None:
    authority = local_authority.opened(tmp_path, HOSTS, NOW)
    authority.leaf("server.pem", HOSTS, NOW).write_bytes(content)
    assert certificates.named(read(authority.leaf("server.pem", HOSTS, NOW))) == HOSTS


def test_a_further_host_gives_the_authority_a_new_certificate_over_the_same_key(tmp_path: Path) -> None:
    first = local_authority.opened(tmp_path, HOSTS[:3], NOW)
    kept = read(first.leaf("server.pem", HOSTS[:3], NOW))
    second = local_authority.opened(tmp_path, HOSTS, NOW)
    assert second.names == HOSTS
    assert second.certificate.public_key() == first.certificate.public_key()
    # Whoever trusts only the first certificate still reaches the names that it was made for.
    verify(first.certificate, kept, "localhost")


def test_an_authority_that_ends_soon_gets_a_new_certificate(tmp_path: Path) -> None:
    first = local_authority.opened(tmp_path, HOSTS, NOW)
    assert local_authority.opened(tmp_path, HOSTS, NOW + timedelta(days=3000)).certificate == first.certificate
    later = local_authority.opened(tmp_path, HOSTS, NOW + timedelta(days=3300))
    assert later.certificate.not_valid_after_utc > first.certificate.not_valid_after_utc


def test_what_a_first_start_left_half_made_is_made_anew(tmp_path: Path) -> None:
    first = local_authority.opened(tmp_path, HOSTS, NOW)
    (tmp_path / local_authority.FOLDER / local_authority.KEY).unlink()
    second = local_authority.opened(tmp_path, HOSTS, NOW)
    assert second.certificate.public_key() != first.certificate.public_key()


@pytest.mark.parametrize("name", [local_authority.KEY, local_authority.CERTIFICATE])
def test_a_damaged_authority_is_refused_by_the_name_of_its_file(tmp_path: Path, name: str) -> None:
    local_authority.opened(tmp_path, HOSTS, NOW)
    (tmp_path / local_authority.FOLDER / name).write_text("not PEM")
    with pytest.raises(LocalAuthorityUnusable, match=name):
        local_authority.read(tmp_path)


def test_the_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    local_authority.opened(tmp_path / "one", HOSTS, NOW)
    local_authority.opened(tmp_path / "other", HOSTS, NOW)
    taken = (tmp_path / "other" / local_authority.FOLDER / local_authority.CERTIFICATE).read_bytes()
    (tmp_path / "one" / local_authority.FOLDER / local_authority.CERTIFICATE).write_bytes(taken)
    with pytest.raises(LocalAuthorityUnusable, match="does not belong"):
        local_authority.opened(tmp_path / "one", HOSTS, NOW)


def test_openssl_reads_what_is_issued(tmp_path: Path) -> None:
    authority = local_authority.opened(tmp_path, HOSTS, NOW)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(authority.leaf("server.pem", HOSTS, NOW))
    ssl.create_default_context(cafile=str(authority.folder / local_authority.CERTIFICATE))
