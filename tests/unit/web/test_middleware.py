from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.testing import capture_logs

from sallyport import errors
from sallyport.clock import ManualClock, SystemClock
from sallyport.store import tables
from sallyport.store.database import Database, sqlite_url
from sallyport.web.errors import Drawings, Errors
from sallyport.web.health import Health
from sallyport.web.limits import BodyTooSlow, Limits
from sallyport.web.request_ids import RequestIds
from sallyport.web.security_headers import SecurityHeaders


def raising(error: Exception) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    return app


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def teapot(scope: Scope, error: errors.SallyportError) -> Response:
    return PlainTextResponse(f"teapot: {error.code}", error.status)


def house(app: ASGIApp, limit: int = 1000, drawings: Drawings = ()) -> ASGIApp:
    clock = ManualClock()
    return RequestIds(SecurityHeaders(Errors(Limits(app, clock, limit, drawings), clock, drawings)))


async def ask(app: ASGIApp, method: str = "GET", path: str = "/x", **more: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://sallyport.example") as client:
        return await client.request(method, path, **more)


async def test_what_nobody_foresaw_is_a_500_without_a_stack_trace_and_a_line_in_the_log() -> None:
    with capture_logs() as logs:
        response = await ask(house(raising(RuntimeError("canary"))))
    body = response.json()["error"]
    assert (response.status_code, body["code"]) == (500, "InternalError")
    assert "canary" not in response.text
    assert "Traceback" not in response.text
    assert body["innerError"]["request-id"] == response.headers["request-id"]
    assert body["innerError"]["date"] == "2026-01-05T09:00:00"
    (line,) = logs
    assert (line["event"], line["request_id"]) == ("request.failed", response.headers["request-id"])


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.StorageFull("The database has no room left."), 507, "30"),
        (errors.StorageUnavailable("The database cannot be used."), 503, "5"),
        (errors.TooManyRequests("Slowly.", 17), 429, "17"),
        (errors.NotFound("Nothing there."), 404, None),
    ],
)
async def test_a_known_error_keeps_its_status_and_says_when_to_come_back(
    error: errors.SallyportError, status: int, retry_after: str | None
) -> None:
    response = await ask(house(raising(error)))
    assert (response.status_code, response.headers.get("Retry-After")) == (status, retry_after)
    assert response.json()["error"]["message"] == error.message


async def test_an_error_is_drawn_by_the_surface_that_the_path_belongs_to() -> None:
    app = house(raising(errors.NotFound("x")), drawings=[("/tea*", teapot)])
    assert (await ask(app, path="/Tea/pot")).text == "teapot: ResourceNotFound"
    assert (await ask(app, path="/coffee")).json()["error"]["code"] == "ResourceNotFound"


async def test_half_an_answer_is_never_completed_as_if_it_were_whole() -> None:
    async def half(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await ask(house(half))


@pytest.mark.parametrize("size", [0, 999, 1000])
async def test_a_body_within_the_limit_arrives(size: int) -> None:
    assert (await ask(house(reading), "POST", content=b"a" * size)).text == str(size)


async def test_an_announced_body_over_the_limit_is_refused_before_it_is_read() -> None:
    response = await ask(house(reading, drawings=[("/tea", teapot)]), "POST", "/tea", content=b"a" * 1001)
    assert (response.status_code, response.text) == (413, "teapot: RequestEntityTooLarge")


async def test_a_body_of_unknown_length_is_refused_as_soon_as_it_is_over_the_limit() -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 600
            yield b"a" * 600

    response = await ask(house(reading), "POST", content=pieces())
    assert (response.status_code, sent) == (413, 1200)
    assert "1000 bytes" in response.json()["error"]["message"]


@pytest.mark.parametrize("headers", [[(f"x-{i}", "1") for i in range(101)], [("x-long", "a" * 70_000)]])
async def test_too_many_headers_are_refused(headers: list[tuple[str, str]]) -> None:
    assert (await ask(house(reading), headers=headers)).status_code == 431


def slowly(pieces: list[bytes], seconds: float) -> Receive:
    async def receive() -> Message:
        await asyncio.sleep(seconds)
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    return receive


async def run_slowly(seconds: float, handler_seconds: float = 0.0) -> int:
    seen = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal seen
        more = True
        while more:
            message = await receive()
            seen += len(message["body"])
            more = message["more_body"]
            await asyncio.sleep(handler_seconds)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": "http", "headers": [(b"transfer-encoding", b"chunked")], "path": "/"}
    await Limits(app, SystemClock(), 1000, grace_seconds=0.1)(scope, slowly([b"a"] * 5, seconds), send)
    return seen


async def test_a_body_that_drips_in_is_given_up() -> None:
    with pytest.raises(BodyTooSlow):
        await run_slowly(0.06)


async def test_only_the_sender_is_hurried_not_the_handler() -> None:
    assert await run_slowly(0.0, handler_seconds=0.06) == 5


async def test_waiting_for_a_disconnect_after_the_body_has_no_deadline() -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"a", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.15)
        return {"type": "http.disconnect"}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        raise ClientDisconnect

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope: Scope = {"type": "http", "headers": [(b"content-length", b"1")], "path": "/"}
    with pytest.raises(ClientDisconnect):
        await Limits(app, SystemClock(), 1000, grace_seconds=0.1)(scope, receive, send)


async def test_every_answer_carries_its_id_and_the_callers_own() -> None:
    response = await ask(house(reading), headers={"client-request-id": "my-id-1"})
    assert response.headers["client-request-id"] == "my-id-1"
    assert len(response.headers["request-id"]) == 36
    without = await ask(house(reading))
    assert without.headers["client-request-id"] == without.headers["request-id"]


@pytest.mark.parametrize("given", ["a" * 129, "a\x1b[31m", "ü", ""])
async def test_an_id_that_cannot_be_logged_as_it_is_is_not_taken_over(given: str) -> None:
    response = await ask(house(reading), headers=[(b"client-request-id", given.encode("latin-1"))])
    assert response.headers["client-request-id"] == response.headers["request-id"]


async def test_a_surface_that_sets_its_own_headers_keeps_them() -> None:
    async def own(scope: Scope, receive: Receive, send: Send) -> None:
        headers = {"request-id": "mine", "Cache-Control": "max-age=1", "Content-Security-Policy": "default-src 'self'"}
        await Response(headers=headers)(scope, receive, send)

    response = await ask(house(own))
    assert response.headers.get_list("request-id") == ["mine"]
    assert response.headers.get_list("cache-control") == ["max-age=1"]
    assert response.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_only_answers_over_tls_ask_for_tls() -> None:
    assert "strict-transport-security" not in (await ask(house(reading))).headers
    secure = await ask(house(reading), path="https://sallyport.example/x")
    assert secure.headers["strict-transport-security"] == "max-age=31536000"
    # A browser that obeyed for its own machine could not reach anything there that speaks plain http.
    for host in ("localhost:8443", "LOCALHOST", "127.0.0.1:8443", "[::1]:8443"):
        assert "strict-transport-security" not in (await ask(house(reading), path=f"https://{host}/x")).headers


@pytest.fixture
def db(tmp_path: Path) -> Database:
    made = Database(sqlite_url(tmp_path / "x.db"))
    tables.create(made)
    return made


async def asked(health: Health, path: str) -> tuple[int, str]:
    from starlette.applications import Starlette

    response = await ask(Starlette(routes=health.routes()), path=path)
    return response.status_code, response.json()["database"]


async def test_a_process_lives_with_a_broken_database_and_is_not_ready(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    health = Health(db, clock)
    assert await asked(health, "/healthz") == (200, "ok")
    assert await asked(health, "/readyz") == (200, "ok")

    async def full(work: object) -> None:
        raise errors.StorageFull("full")

    async def gone(work: object) -> None:
        raise OSError("gone")

    for broken, state in ((full, "full"), (gone, "unavailable")):
        with monkeypatch.context() as patch:
            patch.setattr(db, "write", broken)
            await clock.advance(1)
            assert await asked(health, "/readyz") == (503, state)
            assert await asked(health, "/healthz") == (200, state)
    await clock.advance(1)
    assert await asked(health, "/readyz") == (200, "ok")
    db.close()


async def test_the_database_is_asked_at_most_once_a_second(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0
    read = db.read

    async def counted(work: Any) -> Any:
        nonlocal times
        times += 1
        return await read(work)

    monkeypatch.setattr(db, "read", counted)
    health = Health(db, ManualClock())
    await asyncio.gather(*(asked(health, "/healthz") for _ in range(20)))
    assert times == 1
    db.close()
