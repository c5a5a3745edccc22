"""Links in answers lead back to where the caller came from, also behind a proxy that ends TLS."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from sallyport.web.public_scheme import PublicScheme


async def showing(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(str(Request(scope).url))(scope, receive, send)


@pytest.mark.parametrize(
    ("public_url", "host", "seen"),
    [
        ("https://playbooks.example.com", "playbooks.example.com", "https://playbooks.example.com/a?b=1"),
        ("https://playbooks.example.com", "PLAYBOOKS.example.com", "https://PLAYBOOKS.example.com/a?b=1"),
        (
            "https://playbooks.example.com:8443",
            "playbooks.example.com:8443",
            "https://playbooks.example.com:8443/a?b=1",
        ),
        ("https://playbooks.example.com:443", "playbooks.example.com", "https://playbooks.example.com/a?b=1"),
        ("https://日本.example:8443", "xn--wgv71a.example:8443", "https://xn--wgv71a.example:8443/a?b=1"),
        ("https://playbooks.example.com", "127.0.0.1:8080", "http://127.0.0.1:8080/a?b=1"),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "http://127.0.0.1:8080/a?b=1"),
    ],
)
async def test_a_request_to_the_public_host_came_by_its_scheme(public_url: str, host: str, seen: str) -> None:
    transport = httpx.ASGITransport(PublicScheme(showing, public_url))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        answer = await client.get("/a?b=1", headers={"Host": host, "X-Forwarded-Proto": "gopher"})
    assert answer.text == seen
