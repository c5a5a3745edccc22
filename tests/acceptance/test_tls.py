"""https as clients meet it: a real process, its own certificate authority, and programs with built-in hosts."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import processes
from processes import PATIENCE_SECONDS, PROGRAM, Server, environment

PROGRAM_WITH_BUILT_IN_HOSTS = Path(__file__).with_name("built_in_hosts.py")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with https and a proxy, and two alerts."""
    with processes.server(tmp_path_factory.mktemp("tls"), "--proxy-port", "0") as started:
        for title in ("one", "two"):
            alert = {"title": title, "vendorInformation": {"provider": "Tester", "vendor": "Contoso"}}
            started.lines("alert", "send", given=json.dumps(alert))
        yield started


def client(running: Server) -> httpx.Client:
    trusting = ssl.create_default_context(cafile=str(running.authority_file))
    return httpx.Client(base_url=running.told("https_url"), verify=trusting, trust_env=False, timeout=20)


def place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return "127.0.0.1", parts.port


def test_http_and_https_answer_the_same_from_one_process(running: Server) -> None:
    token = running.sallyport("token").stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}
    plain = httpx.get(f"{running.url}/v1.0/security/alerts", headers=headers, trust_env=False)
    with client(running) as encrypted:
        secure = encrypted.get("/v1.0/security/alerts", headers=headers)
    assert [each["id"] for each in secure.json()["value"]] == [each["id"] for each in plain.json()["value"]]
    assert secure.json()["@odata.context"].startswith(running.told("https_url"))
    # On its own machine a browser must still reach what speaks plain http.
    assert "strict-transport-security" not in secure.headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_certificate_names_the_machine_s_own_names(running: Server, host: str) -> None:
    trusting = ssl.create_default_context(cafile=str(running.authority_file))
    with (
        socket.create_connection(place(running.told("https_url"))) as plain,
        trusting.wrap_socket(plain, server_hostname=host) as talking,
    ):
        assert talking.version() == "TLSv1.3"


def test_without_trust_in_the_authority_nothing_is_said(running: Server) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{running.told('https_url')}/healthz", trust_env=False)


@pytest.mark.parametrize(
    ("version", "taken"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
def test_old_versions_of_tls_are_refused(running: Server, version: ssl.TLSVersion, taken: bool) -> None:
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.load_verify_locations(running.authority_file)
    asking.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        # Python warns about the version that must not work.
        warnings.simplefilter("ignore", DeprecationWarning)
        asking.minimum_version = asking.maximum_version = version
    with socket.create_connection(place(running.told("https_url"))) as plain:
        if taken:
            asking.wrap_socket(plain, server_hostname="localhost").close()
        else:
            with pytest.raises(ssl.SSLError):
                asking.wrap_socket(plain, server_hostname="localhost")


def test_what_is_no_tls_harms_nobody(running: Server) -> None:
    for noise in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", os.urandom(4096), b""):
        with socket.create_connection(place(running.told("https_url")), timeout=20) as plain:
            plain.sendall(noise)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass
    with client(running) as encrypted:
        assert encrypted.get("/healthz").is_success


def test_the_authority_is_shown_with_two_lines_that_say_how_to_trust_it(running: Server, tmp_path: Path) -> None:
    shown = running.sallyport("ca", "show")
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[-2:] == [
        f"SSL_CERT_FILE={running.authority_file} REQUESTS_CA_BUNDLE={running.authority_file}   (Python, curl, OpenSSL)",
        f"NODE_EXTRA_CA_CERTS={running.authority_file}   (Node)",
    ]
    told = running.json("ca", "show")
    assert told["names"][:3] == ["localhost", "127.0.0.1", "::1"]
    assert told["fingerprint"].count(":") == 31
    exported = running.sallyport("ca", "export")
    assert exported.stdout == running.authority_file.read_text()
    assert running.json("ca", "export")["certificate"] == exported.stdout
    assert running.sallyport("ca", "export", "--output", str(tmp_path / "ca.pem")).returncode == 0
    assert (tmp_path / "ca.pem").read_text() == exported.stdout
    assert "PRIVATE" not in exported.stdout


def test_before_a_first_start_there_is_no_authority_to_show(tmp_path: Path) -> None:
    around = environment(tmp_path)
    done = subprocess.run([PROGRAM, "ca", "show"], env=around, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Start the server on it once" in done.stderr


def unchanged(running: Server) -> dict[str, Any]:
    """Run the program with built-in hosts, with nothing but environment variables around it."""
    registered = running.json("client", "add", "Feeder", "--permission", "SecurityEvents.Read.All")
    trusted = str(running.authority_file)
    around = {
        **environment(running.folder),
        "HTTPS_PROXY": running.told("proxy_url"),
        "REQUESTS_CA_BUNDLE": trusted,
        "SSL_CERT_FILE": trusted,
    }
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE"):
        around.pop(name, None)
    done = subprocess.run(
        [sys.executable, PROGRAM_WITH_BUILT_IN_HOSTS, registered["clientId"], registered["clientSecret"]],
        env=around,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_program_with_built_in_hosts_works_unchanged_through_the_proxy(running: Server) -> None:
    got = unchanged(running)
    assert got["token_type"] == "Bearer"
    assert got["issuer"].startswith("https://login.microsoftonline.com/")
    assert len(got["requests"]) == 2
    assert got["link"].startswith("https://graph.microsoft.com/v1.0/security/alerts?")
    assert (got["urllib"], got["httpx"], got["metadata"]) == (1, 1, 404)
    assert "403" in got["elsewhere"]


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200"),
        (b"CONNECT Graph.Microsoft.COM:443 HTTP/1.0\r\nHost: x\r\n\r\n", b"HTTP/1.1 200"),
        (b"CONNECT graph.microsoft.com:80 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"CONNECT www.example.com:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"CONNECT 169.254.169.254:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"CONNECT graph.microsoft.com.example:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"CONNECT graph.microsoft.com:443@127.0.0.1:22 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"GET http://graph.microsoft.com/v1.0 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"\x16\x03\x01 nonsense\r\n\r\n", b"HTTP/1.1 403"),
        (b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", b"HTTP/1.1 431"),
    ],
)
def test_the_proxy_leads_to_this_server_and_nowhere_else(running: Server, asked: bytes, status: bytes) -> None:
    with socket.create_connection(place(running.told("proxy_url")), timeout=20) as talking:
        talking.sendall(asked)
        assert talking.recv(4096).startswith(status)


def test_a_request_to_end_ends_everything_also_what_is_connected(tmp_path: Path) -> None:
    with processes.server(tmp_path, "--proxy-port", "0") as started, client(started) as encrypted:
        assert encrypted.get("/healthz").is_success
        with socket.create_connection(place(started.told("proxy_url"))) as tunnel:
            tunnel.sendall(b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\n\r\n")
            assert tunnel.recv(4096).startswith(b"HTTP/1.1 200")
            trusting = ssl.create_default_context(cafile=str(started.authority_file))
            with trusting.wrap_socket(tunnel, server_hostname="graph.microsoft.com"):
                code, told, err = started.end()
    assert code == 0
    assert "Traceback" not in err
    assert f"sallyport runs on {started.url} and https://localhost:" in told


def test_commands_reach_a_server_by_https_on_its_machine_and_from_another(running: Server, tmp_path: Path) -> None:
    url = running.told("https_url")

    def listed(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
        around = environment(folder, SALLYPORT_URL=url, **more)
        command = [str(PROGRAM), "alert", "list", "--json"]
        return subprocess.run(command, env=around, capture_output=True, text=True, timeout=PATIENCE_SECONDS)

    assert len(listed(running.folder).stdout.splitlines()) == 2
    elsewhere, token = tmp_path / "elsewhere", running.sallyport("token").stdout.strip()
    trusting = listed(elsewhere, SALLYPORT_TOKEN=token, SSL_CERT_FILE=str(running.authority_file))
    assert len(trusting.stdout.splitlines()) == 2, trusting.stderr
    for more in ({}, {"SSL_CERT_FILE": str(tmp_path / "nothing")}, {"SSL_CERT_FILE": __file__}):
        refused = listed(elsewhere, SALLYPORT_TOKEN=token, **more)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr.startswith(f"Error: {url} is not talked to (")
        assert "sallyport ca export" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_without_tls_nothing_speaks_https(tmp_path: Path) -> None:
    with processes.server(tmp_path, "--tls", "none") as started:
        assert started.told("https_url") == ""
        assert not (tmp_path / "tls").exists()


def test_plain_http_on_a_public_address_is_told_loudly(tmp_path: Path) -> None:
    with processes.server(tmp_path, "--tls", "none", "--host", "0.0.0.0") as started:
        _, told, err = started.end()
    assert "Tokens cross the network in clear" in told
    assert "http.in_clear" in err


def test_a_port_for_https_that_is_taken_is_told_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [PROGRAM, "up", "--port", "0", "--https-port", port],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken" in done.stderr
    assert "--tls none" in done.stderr
