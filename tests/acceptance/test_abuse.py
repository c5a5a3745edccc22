"""Abuse of the Graph surface of a real server: bombs, injections, hostile text and slow senders, each refused or
rendered harmless, while everybody else is served.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from acceptance.server import ALERT, Server, request_bytes, serving
from workplace import CASES

ALERTS = "/v1.0/security/alerts"
INDICATORS = "/beta/security/tiIndicators"
MIB = 1024 * 1024
INJECTIONS: list[dict[str, Any]] = json.loads((CASES / "odata" / "injections.json").read_text("utf-8"))
PAYLOADS: list[str] = json.loads((CASES / "security" / "hostile_text.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two alerts."""
    folder = tmp_path_factory.mktemp("abused")
    with serving(folder, folder / "log.txt") as running:
        for name in ("kept", "secret"):
            assert running.client.post(ALERTS, json={**ALERT, "id": name, "category": name}).status_code == 201
        yield running


def refused(response: httpx.Response, status: int) -> str:
    """Assert that an answer is a refusal in Graph's shape, and answer its message."""
    assert response.status_code == status, response.text[:500]
    assert response.headers["content-type"].startswith("application/json")
    error = response.json()["error"]
    assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
    return str(error["message"])


def deflated(data: bytes) -> bytes:
    """Answer a body without its zlib wrapper, as some clients send it."""
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return squeeze.compress(data) + squeeze.flush()


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress, "DEFLATE": deflated}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_compressed_body_is_read(server: Server, encoding: str) -> None:
    body = ENCODINGS[encoding](json.dumps({**ALERT, "id": f"squeezed-{encoding}"}).encode())
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    for path in (ALERTS, "/ingest/alerts"):
        assert server.client.post(path, content=body, headers=headers).is_success


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("path", [ALERTS, "/v1.0/$batch", f"{INDICATORS}/submitTiIndicators", "/ingest/alerts"])
def test_a_bomb_is_refused_before_it_is_in_memory(server: Server, path: str, encoding: str) -> None:
    bomb = ENCODINGS[encoding](b'{"title":"' + b"x" * (300 * MIB) + b'"}')
    assert len(bomb) < MIB
    before = server.rss_mb()
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    refused(server.client.post(path, content=bomb, headers=headers), 413)
    assert server.rss_mb() - before < 50


def test_a_small_body_that_becomes_a_million_lines_costs_little(server: Server) -> None:
    before = server.rss_mb()
    for body in (b"x\n" * 2_000_000, b"[" + b"1," * 1_000_000 + b"1]", b"\n" * 4_000_000):
        content = gzip.compress(body)
        answered = server.client.post("/ingest/alerts", content=content, headers={"Content-Encoding": "gzip"})
        refused(answered, 400)
        assert len(answered.content) < MIB
    assert server.rss_mb() - before < 50


def test_a_bulk_action_takes_only_so_many_items(server: Server) -> None:
    many = b'{"value":[' + b"1," * 1_000_000 + b"1]}"
    for path in (f"{ALERTS}/updateAlerts", *(f"{INDICATORS}/{each}TiIndicators" for each in ("submit", "delete"))):
        assert "at most" in refused(server.client.post(path, content=many), 400)
    assert "at most" in refused(server.client.post("/v1.0/$batch", content=many.replace(b"value", b"requests")), 400)


def test_a_body_that_is_not_what_its_encoding_says_is_refused(server: Server) -> None:
    whole = gzip.compress(json.dumps(ALERT).encode())
    for content in (b"plain", whole[:-9], whole[:5], b"\x1f\x8b" + b"\0" * 50):
        refused(server.client.post(ALERTS, content=content, headers={"Content-Encoding": "gzip"}), 400)


@pytest.mark.parametrize("case", INJECTIONS, ids=lambda case: case["name"])
def test_no_query_reaches_beyond_its_meaning(server: Server, case: dict[str, Any]) -> None:
    stored = server.stored()
    answered = server.client.get(f"{case.get('path', ALERTS)}?{quote(case['query'], safe='$=&')}")
    if case["status"] == 400:
        refused(answered, 400)
    else:
        assert answered.status_code == 200, answered.text
        assert [each["id"] for each in answered.json()["value"]] == case["ids"]
    for word in ("SQL", "sqlite", "Traceback", "syntax error", "no such column", "psycopg"):
        assert word.lower() not in answered.text.lower().replace(case["query"].lower(), "")
    assert server.stored() == stored


def test_hostile_text_comes_back_as_json_and_as_nothing_else(server: Server) -> None:
    for number, text in enumerate(PAYLOADS):
        sent = {**ALERT, "id": f"hostile-{number}", "title": text, "description": text, "category": text[:64]}
        sent["sourceMaterials"] = [text]
        made = server.client.post(ALERTS, json=sent)
        assert made.status_code == 201, made.text
        for answered in (
            server.client.get(f"{ALERTS}/hostile-{number}", headers={"Accept": "text/html,application/xml,text/csv"}),
            server.client.get(f"{ALERTS}/hostile-{number}?$format=html&callback=alert"),
        ):
            assert answered.status_code == 200
            assert answered.headers["content-type"].startswith("application/json")
            assert answered.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answered.headers["content-security-policy"]
            found = answered.json()
            assert (found["title"], found["description"], found["sourceMaterials"]) == (text, text, [text])
        # In an error as well, whatever it repeats.
        for path in (
            f"{ALERTS}/{quote(text, safe='')}",
            f"{ALERTS}?$filter={quote(text, safe='')}",
            f"/v1.0/{number}x",
        ):
            echo = server.client.get(path)
            assert echo.status_code in (200, 400, 404)
            assert echo.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("text", ["x\r\nSet-Cookie: a=b", "x\nX-Evil: 1", "x\r\n\r\n<html>", "\u2028x", "é\r\n"])
def test_no_text_of_a_caller_becomes_a_header(server: Server, text: str) -> None:
    made = server.client.post(ALERTS, json={**ALERT, "title": text})
    identifier = server.client.post(ALERTS, json={**ALERT, "id": text})
    batch = {
        "requests": [{"id": "1", "method": "GET", "url": "/subscriptions", "headers": {"client-request-id": text}}]
    }
    batched = server.client.post("/v1.0/$batch", json=batch)
    echoed = server.client.get(f"{ALERTS}/{quote(text, safe='')}")
    for answered in (made, identifier, batched, echoed):
        names = {name.lower() for name in answered.headers}
        assert not names & {"set-cookie", "x-evil"}
        assert answered.status_code < 500


def test_slow_senders_hold_up_nobody_else(server: Server) -> None:
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    token = server.client.headers["Authorization"]
    head = request_bytes("POST", ALERTS, {"Authorization": token, "Content-Length": "1000"})
    open_ended = [socket.create_connection((parts.hostname, parts.port), timeout=10) for _ in range(200)]
    stop = threading.Event()

    def drip() -> None:
        for connection in open_ended:
            connection.sendall(head)
        while not stop.wait(0.2):
            for connection in open_ended:
                connection.sendall(b" ")

    sender = threading.Thread(target=drip, daemon=True)
    sender.start()
    try:
        time.sleep(0.5)
        answers = [server.client.get(f"{ALERTS}?$top=1").status_code for _ in range(20)]
        assert answers == [200] * 20
        assert server.stranger.get("/healthz").status_code == 200
    finally:
        stop.set()
        sender.join()
        for connection in open_ended:
            connection.close()


def test_a_filter_that_would_take_for_ever_is_refused_or_answered_soon(server: Server) -> None:
    evil = [
        "contains(title,'" + "a" * 1500 + "')",
        " or ".join(f"contains(title,'{number}')" for number in range(60)),
        "startswith(tolower(toupper(tolower(toupper(title)))),'" + "%_" * 200 + "')",
        "not " * 60 + "(title eq 'x')",
        "userStates/any(a:" * 6 + "a/accountName eq 'x'" + ")" * 6,
    ]
    for text in evil:
        answered = server.client.get(f"{ALERTS}?$filter={quote(text)}", timeout=20)
        assert answered.status_code in (200, 400), answered.text
        if answered.status_code == 400:
            refused(answered, 400)
