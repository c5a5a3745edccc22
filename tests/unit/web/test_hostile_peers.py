from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from peers import Script, answer, peer, says
from sallyport.clock import SystemClock
from sallyport.http_messages import ConnectionFailed, OutboundRequest
from sallyport.web import inflate
from sallyport.web.egress import Egress
from sallyport.web.egress_policy import EgressPolicy


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    guarded = Egress(EgressPolicy.of(["127.0.0.1"], response_limit_bytes=1_000_000), SystemClock())
    yield guarded
    await guarded.close()


async def silent(_request: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


def dripping(first: bytes, each: bytes) -> Script:
    async def script(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(each)
            await writer.drain()
            await asyncio.sleep(0.02)

    return script


SLOW: dict[str, Script] = {
    "accepts and says nothing": silent,
    "drips its headers": dripping(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "drips its body": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"a"),
    "never ends its body": dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "sends 1xx for ever": dripping(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
}


@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW.keys())
async def test_a_slow_peer_is_left_at_the_total_deadline(egress: Egress, script: Script) -> None:
    async with peer(script) as port:
        began = time.monotonic()
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/", timeout_seconds=0.3))
    assert failed.value.kind == "timeout"
    assert time.monotonic() - began < 2


async def test_a_slow_name_server_counts_into_the_deadline() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    with pytest.raises(ConnectionFailed) as failed:
        await Egress(EgressPolicy(), SystemClock(), never).send(
            OutboundRequest("GET", "http://slow.example/", timeout_seconds=0.2)
        )
    assert failed.value.kind == "timeout"


async def test_names_that_nobody_answers_for_hold_up_neither_others_nor_anything_else(
    egress: Egress, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, goes_on, known = list[str](), threading.Event(), socket.getaddrinfo

    def looked_up(host: str, *more: Any, **named: Any) -> Any:
        asked.append(host)
        if host.startswith("slow"):
            goes_on.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return known("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)

    async def send(host: str, seconds: float) -> int:
        request = OutboundRequest("GET", f"http://{host}:{port}/", timeout_seconds=seconds)
        try:
            return (await egress.send(request)).status
        except ConnectionFailed:
            return 0

    async with peer(says(answer(204))) as port:
        # More than the threads that everything else shares.
        slow = [asyncio.create_task(send(f"slow-{number % 50}.example", 20)) for number in range(500)]
        try:
            async with asyncio.timeout(10):
                while len(asked) < 50:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(lambda: None)
            assert await send("good.example", 10) == 204
        finally:
            goes_on.set()
        assert await asyncio.gather(*slow) == [0] * 500
    assert len(asked) == 51, "whoever asks for the same name waits for the same answer"


BROKEN: dict[str, tuple[bytes, str]] = {
    "hangs up at once": (b"", "reset"),
    "hangs up in its headers": (b"HTTP/1.1 200 OK\r\nX-A: a", "reset"),
    "sends less than it said": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "reset"),
    "speaks another protocol": (b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", "protocol"),
    "sends endless headers": (b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 300_000, "protocol"),
    "sends more than the limit": (answer(body=b"a" * 1_000_001), "too_large"),
    "lies about its encoding": (answer(headers="Content-Encoding: gzip\r\n", body=b"plain"), "protocol"),
    "ends its gzip early": (
        answer(headers="Content-Encoding: gzip\r\n", body=gzip.compress(b"abc" * 99)[:-9]),
        "protocol",
    ),
}


@pytest.mark.parametrize(("said", "kind"), BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_peer_is_an_error_with_a_kind(egress: Egress, said: bytes, kind: str) -> None:
    async with peer(says(said)) as port:
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/", timeout_seconds=5))
    assert failed.value.kind == kind


async def test_a_closed_port_is_a_refusal(egress: Egress) -> None:
    async with peer(silent) as port:
        pass
    with pytest.raises(ConnectionFailed) as failed:
        await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))
    assert (failed.value.kind, failed.value.message) == ("refused", "'127.0.0.1' refused the connection.")


async def test_a_gzip_bomb_stops_at_the_limit_and_stays_small() -> None:
    squeeze = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    bomb = b"".join(squeeze.compress(bytes(1_000_000)) for _ in range(500)) + squeeze.flush()
    assert len(bomb) < 600_000
    egress = Egress(EgressPolicy.of(["127.0.0.1"]), SystemClock())
    async with peer(says(answer(headers="Content-Encoding: gzip\r\n", body=bomb))) as port:
        tracemalloc.start()
        began = time.monotonic()
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    await egress.close()
    assert failed.value.kind == "too_large"
    assert peak < 50_000_000
    assert time.monotonic() - began < 5


async def test_a_body_that_is_longer_than_is_of_interest_is_left_unread(egress: Egress) -> None:
    async def endless(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"2710\r\n" + b"a" * 10_000 + b"\r\n")
            await writer.drain()

    async with peer(endless) as port:
        request = OutboundRequest("POST", f"http://127.0.0.1:{port}/", answer_bytes=1_000)
        response = await egress.send(request)
    assert (response.status, response.body) == (202, b"")


async def test_a_body_that_cannot_be_read_is_no_failure_where_only_the_status_is_of_interest(egress: Egress) -> None:
    async with peer(says(answer(202, "Content-Encoding: gzip\r\n", b"plain"))) as port:
        response = await egress.send(OutboundRequest("POST", f"http://127.0.0.1:{port}/", answer_bytes=1_000))
    assert (response.status, response.body) == (202, b"")


@pytest.mark.parametrize(
    ("encoding", "compressed"),
    [
        ("gzip", gzip.compress(b"hello" * 50_000)),
        ("x-gzip", gzip.compress(b"hello" * 50_000)),
        ("GZIP", gzip.compress(b"hello" * 25_000) + gzip.compress(b"hello" * 25_000)),
        ("gzip", gzip.compress(b"hello" * 50_000) + bytes(16)),
        ("deflate", zlib.compress(b"hello" * 50_000)),
        ("deflate", zlib.compress(b"hello" * 50_000)[2:-4]),
        ("identity", b"hello" * 50_000),
    ],
    ids=["gzip", "x-gzip", "two members", "padding", "deflate", "bare deflate", "identity"],
)
@pytest.mark.parametrize("piece_bytes", [1, 7, 65_536])
def test_a_compressed_body_reads_the_same_however_it_is_cut(encoding: str, compressed: bytes, piece_bytes: int) -> None:
    body = inflate.Body(encoding, 1_000_000)
    for start in range(0, len(compressed), piece_bytes):
        body.feed(compressed[start : start + piece_bytes])
    assert body.finish() == b"hello" * 50_000


def test_an_unknown_encoding_is_passed_on_as_it_came() -> None:
    body = inflate.Body("br", 100)
    body.feed(b"\x8b")
    assert (body.decoded, body.finish()) == (False, b"\x8b")


async def test_an_inflated_answer_no_longer_claims_to_be_compressed(egress: Egress) -> None:
    async with peer(says(answer(headers="Content-Encoding: gzip\r\n", body=gzip.compress(b"hello")))) as port:
        response = await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))
    assert response.body == b"hello"
    assert "content-encoding" not in response.headers
    assert "content-length" not in response.headers


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now.replace(year=now.year + 1))
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "peer.pem"
    plain = serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context


async def test_an_untrusted_certificate_is_refused(egress: Egress, self_signed: ssl.SSLContext) -> None:
    async with peer(says(answer()), self_signed) as port:
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"https://127.0.0.1:{port}/"))
    assert failed.value.kind == "tls"


async def test_a_peer_without_tls_is_a_tls_failure(egress: Egress) -> None:
    async def plain(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await plain(b"", writer)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"https://127.0.0.1:{port}/"))
    assert failed.value.kind == "tls"
