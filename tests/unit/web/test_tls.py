"""What https shows: the local authority's certificates or the operator's, also after they were renewed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sallyport import settings
from sallyport.cli import serving
from sallyport.clock import ManualClock
from sallyport.settings import InvalidSetting
from sallyport.web import certificates
from sallyport.web.tls import BUILT_IN_HOSTS, CertificateUnusable, Tls, own_hosts

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def operators(folder: Path, host: str) -> Mapping[str, str]:
    """Write an operator's certificate and key, and answer the settings that name them."""
    key, issuing = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = certificates.authority(issuing, [host], NOW)
    leaf = certificates.leaf(key.public_key(), [host], issuer, issuing, NOW)
    (folder / "cert.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(certificates.key_pem(key))
    return {
        "SALLYPORT_TLS": "files",
        "SALLYPORT_TLS_CERTIFICATE": str(folder / "cert.pem"),
        "SALLYPORT_TLS_KEY": str(folder / "key.pem"),
    }


def tls(folder: Path, **more: str) -> Tls:
    return Tls(settings.load({"SALLYPORT_DATA": str(folder / "data"), **more}), ManualClock(NOW))


def shown(server: ssl.SSLContext, name: str | None) -> tuple[str, ...]:
    """Answer the hosts of the certificate that a client sees when it asks for a name, without a network."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    asking = client.wrap_bio(client_in, client_out, server_hostname=name)
    answering = server.wrap_bio(server_in, server_out, server_side=True)
    for _ in range(4):
        for side in (asking, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            server_in.write(client_out.read())
            client_in.write(server_out.read())
    taken = asking.getpeercert(binary_form=True)
    assert taken is not None
    return certificates.named(x509.load_der_x509_certificate(taken))


def test_without_a_setting_the_certificate_names_this_machine(tmp_path: Path) -> None:
    made = tls(tmp_path)
    for name in (None, "localhost", "graph.microsoft.com"):
        assert shown(made.context, name) == ("localhost", "127.0.0.1", "::1")


def test_the_public_host_and_the_address_that_is_listened_on_are_named_too() -> None:
    chosen = settings.load({"SALLYPORT_HOST": "192.0.2.7", "SALLYPORT_PUBLIC_URL": "https://Soar.Bücher.example:8443"})
    assert own_hosts(chosen) == ("localhost", "127.0.0.1", "::1", "192.0.2.7", "soar.xn--bcher-kva.example")


def test_a_public_host_that_no_certificate_can_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="public_url"):
        tls(tmp_path, SALLYPORT_PUBLIC_URL=f"http://{'a' * 70}.example")


def test_microsoft_s_hosts_get_their_own_certificate_only_while_the_proxy_is_on(tmp_path: Path) -> None:
    with_proxy = tls(tmp_path, SALLYPORT_PROXY_PORT="0")
    for host in BUILT_IN_HOSTS:
        assert shown(with_proxy.context, host) == BUILT_IN_HOSTS
    assert shown(with_proxy.context, "localhost") == ("localhost", "127.0.0.1", "::1")
    assert not (tmp_path / "other" / "tls" / "built-in-hosts.pem").exists()


def test_the_operator_s_certificate_is_shown(tmp_path: Path) -> None:
    made = tls(tmp_path, **operators(tmp_path, "soar.example"))
    assert shown(made.context, "soar.example") == ("soar.example",)
    # Without the proxy nothing of the local authority is needed, so nothing is made.
    assert not (tmp_path / "data" / "tls").exists()


def test_a_renewed_certificate_is_noticed_while_serving(tmp_path: Path) -> None:
    made = tls(tmp_path, **operators(tmp_path, "old.example"))
    operators(tmp_path, "new.example")
    os.utime(tmp_path / "cert.pem", ns=(1, 1))
    made.refresh()
    assert shown(made.context, "new.example") == ("new.example",)


def test_a_renewal_that_cannot_be_read_leaves_the_former_certificate_in_use(tmp_path: Path) -> None:
    made = tls(tmp_path, **operators(tmp_path, "old.example"))
    (tmp_path / "cert.pem").write_text("half written")
    with pytest.raises(CertificateUnusable):
        made.refresh()
    assert shown(made.context, "old.example") == ("old.example",)
    operators(tmp_path, "new.example")
    (tmp_path / "key.pem").write_bytes(certificates.key_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(CertificateUnusable, match="do not belong together"):
        made.refresh()
    assert shown(made.context, "old.example") == ("old.example",)


async def test_a_server_that_runs_for_long_shows_a_certificate_that_holds(tmp_path: Path) -> None:
    chosen = settings.load({"SALLYPORT_DATA": str(tmp_path)})
    Tls(chosen, ManualClock(NOW))
    file = tmp_path / "tls" / "server.pem"
    before = file.read_bytes()
    clock = ManualClock(NOW + timedelta(days=263))
    made = Tls(chosen, clock)
    assert file.read_bytes() == before
    looking = asyncio.ensure_future(made.keep_fresh())
    await asyncio.sleep(0)
    await clock.advance(timedelta(days=2))
    looking.cancel()
    assert file.read_bytes() != before
    assert shown(made.context, None) == ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("spoiled", "reason"),
    [
        (lambda folder: (folder / "cert.pem").unlink(), "No such file"),
        (lambda folder: (folder / "cert.pem").write_text("x"), "no PEM file"),
        (
            lambda folder: (folder / "key.pem").write_bytes(
                ec.generate_private_key(ec.SECP256R1()).private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.BestAvailableEncryption(b"secret"),
                )
            ),
            "has a password",
        ),
        (
            lambda folder: (folder / "key.pem").write_bytes(
                certificates.key_pem(ec.generate_private_key(ec.SECP256R1()))
            ),
            "do not belong together",
        ),
    ],
    ids=["absent", "no PEM", "encrypted", "another key"],
)
def test_a_certificate_that_cannot_be_used_is_refused_before_anything_runs(
    tmp_path: Path, spoiled: object, reason: str
) -> None:
    named = operators(tmp_path, "soar.example")
    assert callable(spoiled)
    spoiled(tmp_path)
    with pytest.raises(CertificateUnusable, match=reason):
        tls(tmp_path, **named)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"SALLYPORT_TLS": "files"}, "tls_certificate"),
        ({"SALLYPORT_TLS": "files", "SALLYPORT_TLS_CERTIFICATE": "/c.pem"}, "tls_key"),
        ({"SALLYPORT_TLS": "none", "SALLYPORT_PROXY_PORT": "3128"}, "proxy_port"),
        ({"SALLYPORT_TLS": "always"}, "SALLYPORT_TLS"),
    ],
)
def test_settings_that_do_not_fit_each_other_are_refused(environ: Mapping[str, str], name: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        settings.load(environ)
    assert refused.value.name == name


@pytest.mark.parametrize(
    ("environ", "http_host", "public_url"),
    [
        ({}, "127.0.0.1", "http://127.0.0.1:8080"),
        ({"SALLYPORT_HOST": "::1"}, "::1", "http://[::1]:8080"),
        ({"SALLYPORT_HOST": "0.0.0.0"}, "127.0.0.1", "http://127.0.0.1:8080"),
        ({"SALLYPORT_HOST": "192.0.2.7"}, "127.0.0.1", "https://192.0.2.7:8443"),
        ({"SALLYPORT_HOST": "192.0.2.7", "SALLYPORT_TLS": "none"}, "192.0.2.7", "http://192.0.2.7:8080"),
        ({"SALLYPORT_HOST": "0.0.0.0", "SALLYPORT_HTTP_HOST": "192.0.2.8"}, "192.0.2.8", "http://192.0.2.8:8080"),
    ],
)
def test_plain_http_leaves_the_machine_only_where_somebody_said_so(
    environ: Mapping[str, str], http_host: str, public_url: str
) -> None:
    found = settings.load(environ)
    assert (found.http_host, found.public_url) == (http_host, public_url)


def test_each_port_is_bound_where_its_setting_says() -> None:
    chosen = settings.load({"SALLYPORT_HOST": "0.0.0.0", "SALLYPORT_PORT": "0", "SALLYPORT_PROXY_PORT": "0"})
    with serving.listen(chosen) as listening:
        assert listening.https is not None
        assert listening.proxy is not None
        hosts = [each.getsockname()[0] for each in (listening.http, listening.https, listening.proxy)]
        ports = listening.ports
    assert hosts == ["127.0.0.1", "0.0.0.0", "0.0.0.0"]
    assert len(set(ports.values())) == 3
    with serving.listen(settings.load({"SALLYPORT_TLS": "none", "SALLYPORT_PORT": "0"})) as listening:
        assert (listening.https, listening.proxy) == (None, None)
