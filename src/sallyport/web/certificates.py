"""X.509: what the local authority's own certificate says, and what it issues. Nothing here reads or writes files.

The rule: every certificate says by critical extensions what it is for, so that no client has to guess.
https://www.rfc-editor.org/rfc/rfc5280
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: How long what is issued holds: the longest that every client accepts.
LIFE = timedelta(days=397)
#: What has less than this left is issued anew.
RENEWED_BEFORE = timedelta(days=132)
_AUTHORITY_LIFE = timedelta(days=3650)
#: Clients' clocks may be slow.
_SKEW = timedelta(days=1)


def authority(key: ec.EllipticCurvePrivateKey, hosts: Iterable[str], now: datetime) -> x509.Certificate:
    """Answer the certificate of an authority that may name some hosts and no others, signed by itself."""
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # The key's own number tells the authorities of two installations apart in a client's store.
    name = _name(f"sallyport local authority {identifier.digest.hex()[:8]}")
    permitted_hosts = x509.NameConstraints([_constraint(host) for host in hosts], None)
    return (
        _begun(name, name, key.public_key(), now, _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(permitted_hosts, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf(
    public: ec.EllipticCurvePublicKey,
    hosts: Sequence[str],
    issuer: x509.Certificate,
    signing: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    """Answer a server's certificate for some hosts."""
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return (
        _begun(_name("sallyport"), issuer.subject, public, now, LIFE)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issued_by, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(signing, hashes.SHA256())
    )


def permitted(certificate: x509.Certificate) -> tuple[str, ...]:
    """Answer the hosts that an authority may name."""
    found = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    return tuple(str(each.value).removesuffix("/32").removesuffix("/128") for each in found.permitted_subtrees or ())


def named(certificate: x509.Certificate) -> tuple[str, ...]:
    """Answer the hosts that a server's certificate names."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(each.value) for each in found)


def fingerprint(certificate: x509.Certificate) -> str:
    """Answer the SHA-256 of a certificate, as browsers show it."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Answer a private key as files hold it."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now - _SKEW + life)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _constraint(host: str) -> x509.GeneralName:
    try:
        # One address, written as a network of one.
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)
