from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from structlog.testing import capture_logs

from peers import answer, peer, says
from sallyport.clock import SystemClock
from sallyport.http_messages import ConnectionFailed, EgressDenied, Headers, InvalidRequest, OutboundRequest
from sallyport.web.egress import Egress
from sallyport.web.egress_policy import Allowed, EgressPolicy
from sallyport.web.names import Names
from sallyport.web.network import GuardedNetwork
from workplace import CASES

ADDRESSES: list[dict[str, Any]] = json.loads((CASES / "egress" / "addresses.json").read_text())
REQUESTS: list[dict[str, Any]] = json.loads((CASES / "egress" / "requests.json").read_text())


def guard(*allow: str, limit: int = 104_857_600, names: dict[str, list[str]] | None = None) -> Egress:
    known = names or {}

    async def resolver(host: str, port: int) -> Sequence[str]:
        if host not in known:
            raise OSError(f"{host} is not known")
        return known[host]

    return Egress(EgressPolicy.of(allow, response_limit_bytes=limit), SystemClock(), resolver)


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    guarded = guard("127.0.0.1", "good.example", names={"good.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]})
    yield guarded
    await guarded.close()


@pytest.mark.parametrize("case", ADDRESSES, ids=lambda case: case["why"])
async def test_an_address_is_denied_in_every_spelling(case: dict[str, Any]) -> None:
    dialled: list[str] = []

    class Dialler:
        async def connect_tcp(self, host: str, *_: object) -> None:
            dialled.append(host)
            raise ConnectionFailed("refused", host)

    async def resolver(host: str, port: int) -> Sequence[str]:
        resolved: list[str] = case.get("resolves", [])
        return resolved

    egress = Egress(EgressPolicy.of(case.get("allow", ()), case.get("private", "allow")), SystemClock(), resolver)
    egress._network._dialler = Dialler()  # type: ignore[assignment]
    refusal = InvalidRequest if case.get("invalid") else EgressDenied
    with pytest.raises(refusal if case["denied"] else ConnectionFailed):
        await egress.send(OutboundRequest("GET", case["url"]))
    assert bool(dialled) is not case["denied"]
    await egress.close()


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case["why"])
async def test_what_is_no_request_is_refused_before_anything_is_sent(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=case["sentence"]):
        await guard().send(OutboundRequest(case.get("method", "GET"), case["url"], case.get("headers", {})))


async def test_a_denial_has_one_generic_sentence_and_is_logged_without_the_path() -> None:
    with capture_logs() as logs, pytest.raises(EgressDenied) as denied:
        await guard().send(OutboundRequest("GET", "http://127.0.0.1/secret?token=abc"))
    assert denied.value.message == "The request was not sent: its destination is not allowed."
    assert [(entry["event"], entry["host"]) for entry in logs] == [("egress.denied", "127.0.0.1")]
    assert "secret" not in str(logs)
    assert "abc" not in str(logs)


async def test_a_request_arrives_as_written_and_its_answer_comes_back(egress: Egress) -> None:
    seen: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(answer(201, "X-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n", b'{"ok":true}'))

    async with peer(script) as port:
        response = await egress.send(
            OutboundRequest(
                "PUT",
                f"http://good.example:{port}/a%2Fb?q=%24x&r=a%20b#fragment",
                [("X-Twice", "1"), ("X-Twice", "2"), ("Content-Type", "text/plain"), ("Host", "forged.example")],
                b"hello",
            )
        )
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "PUT /a%2Fb?q=%24x&r=a%20b HTTP/1.1"
    assert f"Host: good.example:{port}" in lines
    assert [line for line in lines if line.lower().startswith("x-twice")] == ["X-Twice: 1", "X-Twice: 2"]
    assert not [line for line in lines if "forged" in line]
    assert body == b"hello"
    assert (response.status, response.json(), response.url) == (
        201,
        {"ok": True},
        f"http://good.example:{port}/a%2Fb?q=%24x&r=a%20b#fragment",
    )
    assert response.headers["x-one"] == "1"
    assert response.headers.all("SET-COOKIE") == ["a=1", "b=2"]


@pytest.mark.parametrize("value", [" Bearer abc", "Bearer abc  ", "\tBearer abc\t"])
async def test_blanks_around_the_value_of_a_header_are_none_of_it(egress: Egress, value: str) -> None:
    seen: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(answer(204))

    async with peer(script) as port:
        await egress.send(OutboundRequest("GET", f"http://good.example:{port}/", {"Authorization": value}))
    assert b"Authorization: Bearer abc\r\n" in seen[0]


async def test_a_name_is_resolved_once_and_the_judged_address_is_dialled() -> None:
    answers = [["127.0.0.2"], ["127.0.0.1"]]
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return answers.pop(0)

    egress = Egress(EgressPolicy.of(["127.0.0.2"]), SystemClock(), rebinding)
    async with peer(says(answer(body=b"inside"))) as port:
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"http://rebind.example:{port}/"))
        with pytest.raises(EgressDenied):
            await egress.send(OutboundRequest("GET", f"http://rebind.example:{port}/"))
    assert failed.value.kind == "refused"
    assert asked == ["rebind.example", "rebind.example"]
    await egress.close()


async def test_a_redirect_is_judged_again() -> None:
    egress = guard("good.example", names={"good.example": ["127.0.0.1"], "evil.example": ["127.0.0.1"]})
    async with peer(says(answer(body=b"inside"))) as inside:
        for target in (
            f"http://127.0.0.1:{inside}/",
            f"http://evil.example:{inside}/",
            "file:///etc/passwd",
            "http://169.254.169.254/",
        ):
            async with peer(says(answer(302, f"Location: {target}\r\n"))) as port:
                with pytest.raises(EgressDenied):
                    await egress.send(OutboundRequest("GET", f"http://good.example:{port}/"))
    await egress.close()


@pytest.mark.parametrize("host", ["contoso..example", f"{'x' * 64}.example", "xn--", "xn--a.example"])
async def test_a_name_that_cannot_exist_is_not_found(host: str) -> None:
    egress = Egress(EgressPolicy(), SystemClock())
    with pytest.raises(ConnectionFailed) as failed:
        await egress.send(OutboundRequest("GET", f"http://{host}/"))
    assert failed.value.kind == "dns"
    await egress.close()


async def test_a_name_with_emoji_is_looked_up_in_the_only_form_that_it_has() -> None:
    asked: list[str] = []

    async def resolver(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    egress = Egress(EgressPolicy(), SystemClock(), resolver)
    with pytest.raises(EgressDenied):
        await egress.send(OutboundRequest("GET", "http://xn--i-7iq.example/"))
    assert asked == ["xn--i-7iq.example"]
    await egress.close()


async def test_a_redirect_leads_to_the_letters_that_the_server_wrote(egress: Egress) -> None:
    asked: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(request.split(b" ")[1])
        writer.write(answer(302, "Location: /gerät\r\n") if asked == [b"/"] else answer(204))

    async with peer(script) as port:
        await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))
    assert asked == [b"/", b"/ger%C3%A4t"]


async def test_a_redirect_never_leads_to_what_is_mounted(egress: Egress) -> None:
    egress.mount("http://graph.internal", Starlette())
    async with peer(says(answer(307, "Location: http://graph.internal/\r\n"))) as port:
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))
    assert failed.value.kind == "dns"


@pytest.mark.parametrize(("host", "kept"), [("good.example", True), ("127.0.0.1", False)])
async def test_credentials_stay_with_their_origin(egress: Egress, host: str, kept: bool) -> None:
    seen: list[bytes] = []
    ports: list[int] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        target = f"Location: http://{host}:{ports[0]}/next\r\n"
        writer.write(answer(302, target) if len(seen) == 1 else answer(body=b"done"))

    async with peer(script) as port:
        ports.append(port)
        response = await egress.send(
            OutboundRequest(
                "POST",
                f"http://good.example:{port}/",
                {"Authorization": "Bearer canary", "Cookie": "canary=1", "X-Kept": "1", "Content-Type": "text/plain"},
                b"body",
            )
        )
    assert response.body == b"done"
    assert seen[1].startswith(b"GET /next HTTP/1.1\r\n")
    assert b"X-Kept: 1" in seen[1]
    assert b"Content-Type" not in seen[1]
    assert not seen[1].endswith(b"body")
    assert (b"canary" in seen[1]) is kept


async def test_a_307_repeats_method_and_body(egress: Egress) -> None:
    seen: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(answer(307, "Location: /next\r\n") if len(seen) == 1 else answer())

    async with peer(script) as port:
        await egress.send(OutboundRequest("POST", f"http://127.0.0.1:{port}/", body=b"body"))
    assert seen[1].startswith(b"POST /next ")
    assert seen[1].endswith(b"\r\n\r\nbody")


async def test_redirects_are_returned_when_they_are_not_wanted(egress: Egress) -> None:
    async with peer(says(answer(302, "Location: /next\r\n"))) as port:
        response = await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/", follow_redirects=False))
    assert (response.status, response.headers["Location"]) == (302, "/next")


async def test_endless_redirects_end(egress: Egress) -> None:
    async with peer(says(answer(302, "Location: /again\r\n"))) as port:
        with pytest.raises(ConnectionFailed) as failed:
            await egress.send(OutboundRequest("GET", f"http://127.0.0.1:{port}/"))
    assert failed.value.kind == "redirects"


async def test_a_user_in_the_url_becomes_basic_authentication(egress: Egress) -> None:
    seen: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(answer())

    async with peer(script) as port:
        response = await egress.send(OutboundRequest("GET", f"http://me:se%40cret@127.0.0.1:{port}/"))
    assert b"Authorization: Basic bWU6c2VAY3JldA==\r\n" in seen[0]
    assert "cret" not in response.url


async def test_an_internal_origin_is_answered_in_this_process() -> None:
    async def echo(request: Request) -> PlainTextResponse:
        body = await request.body()
        return PlainTextResponse(f"{request.method} {request.url} {request.headers['authorization']} {body.decode()}")

    egress = guard()
    egress.mount("http://graph.internal", Starlette(routes=[Route("/v1.0/{rest:path}", echo, methods=["POST"])]))
    response = await egress.send(
        OutboundRequest("POST", "http://graph.internal/v1.0/x?$top=1", {"Authorization": "Bearer t"}, b"hello")
    )
    assert (response.status, response.body) == (200, b"POST http://graph.internal/v1.0/x?$top=1 Bearer t hello")
    missing = await egress.send(OutboundRequest("GET", "http://graph.internal/nothing"))
    assert missing.status == 404


async def test_an_internal_application_that_raises_is_a_500() -> None:
    async def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("inside")

    egress = guard()
    egress.mount("http://graph.internal", Starlette(routes=[Route("/", broken)]))
    response = await egress.send(OutboundRequest("GET", "http://graph.internal/"))
    assert response.status == 500
    assert b"inside" not in response.body


async def test_a_url_may_be_as_long_as_documented_and_no_longer() -> None:
    stem = "http://nowhere.example/"
    with pytest.raises(ConnectionFailed):
        await guard().send(OutboundRequest("GET", stem + "a" * (16_384 - len(stem))))
    with pytest.raises(InvalidRequest, match="16385 characters"):
        await guard().send(OutboundRequest("GET", stem + "a" * (16_385 - len(stem))))


@pytest.mark.parametrize("entry", ["", "http://host", "host:port", "host:99999", "a b", "user@host", ":80"])
def test_an_allow_entry_that_means_nothing_is_refused_with_a_sentence(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        Allowed.parse(entry)


async def test_no_socket_file_is_ever_opened() -> None:
    with pytest.raises(EgressDenied):
        await GuardedNetwork(EgressPolicy(), Names().addresses).connect_unix_socket("/var/run/docker.sock")


def test_headers_are_found_in_any_case_and_never_printed() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2"), ("B", "canary")])
    assert (headers["X-a"], headers.all("x-A"), len(headers), list(headers)) == ("1, 2", ["1", "2"], 2, ["X-A", "B"])
    assert "canary" not in repr(headers)
    assert headers.get("missing") is None
    assert list(headers.without("x-A")) == ["B"]
