"""Behind a reverse proxy that the server was told to believe, a caller is who the proxy says; behind no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from acceptance.sdk import registered
from acceptance.server import Server, serving
from sallyport.auth import failures

GUESSER = "203.0.113.7"
OTHER = "203.0.113.8"


def guessed(server: Server, client_id: str, forwarded: str) -> int:
    """Send a wrong secret as a proxy passes it on, and answer the status."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": "guess",
        "scope": "https://graph.microsoft.com/.default",
    }
    answered = server.stranger.post("/common/oauth2/v2.0/token", data=form, headers={"X-Forwarded-For": forwarded})
    return answered.status_code


@pytest.fixture(params=["127.0.0.1", "10.0.0.0/8, 127.0.0.0/8"], ids=["by its address", "by its network"])
def trusting(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting that has the server believe this machine."""
    return {"SALLYPORT_TRUSTED_PROXIES": request.param}


def test_guesses_count_for_the_address_that_a_trusted_proxy_tells(tmp_path: Path, trusting: dict[str, str]) -> None:
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **trusting) as server:
        feeder = registered(server, "Feeder").client_id
        assert {guessed(server, feeder, GUESSER) for _ in range(failures.LIMIT)} == {401}
        assert guessed(server, feeder, GUESSER) == 429
        # What stands before the last address is the caller's own word; proxies in a row are all believed.
        assert guessed(server, feeder, f"{OTHER}, {GUESSER}") == 429
        assert guessed(server, feeder, f"{GUESSER}, {OTHER}, 127.0.0.1") == 401
        audited = server.lines("audit", "list")
        told = {each["remoteAddress"] for each in audited if each["activity"] == "token.refused"}
        assert told == {GUESSER, OTHER}


def test_the_scheme_is_the_one_that_a_trusted_proxy_tells(tmp_path: Path, trusting: dict[str, str]) -> None:
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **trusting) as server:
        found = server.stranger.get(
            "/common/v2.0/.well-known/openid-configuration",
            headers={"Host": "inside.example", "X-Forwarded-Proto": "https"},
        ).json()
        assert found["token_endpoint"].startswith("https://inside.example/")


def test_nobody_else_is_believed(tmp_path: Path) -> None:
    more = {"SALLYPORT_TRUSTED_PROXIES": "192.0.2.1"}
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **more) as server:
        feeder = registered(server, "Feeder").client_id
        assert {guessed(server, feeder, f"203.0.113.{number}") for number in range(failures.LIMIT)} == {401}
        assert guessed(server, feeder, "203.0.113.99") == 429
