"""What a playbook answers reaches its caller whole, over a real connection, whatever headers it passes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import processes

BODY = {"hello": "world", "n": [1, 2, 3]}
ANSWER = {"statusCode": "@triggerBody()['status']", "headers": "@triggerBody()['headers']", "body": BODY}
DEFINITION = {
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "actions": {"Answer": {"type": "Response", "inputs": ANSWER, "runAfter": {}}},
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file: Path = tmp_path_factory.mktemp("files") / "answers.json"
    file.write_text(json.dumps(DEFINITION))
    with processes.server(tmp_path_factory.mktemp("data")) as running:
        (deployed,) = running.lines("deploy", str(file))
        yield str(deployed["callbackUrls"]["manual"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "2"},
        {"content-length": "2000"},
        {"Transfer-Encoding": "chunked", "Connection": "close", "Keep-Alive": "timeout=5"},
        {"Date": "Thu, 01 Jan 1970 00:00:00 GMT", "Upgrade": "h2c", "TE": "trailers"},
        {"Set-Cookie": "session=stolen; Path=/"},
    ],
    ids=lambda headers: "+".join(headers).lower(),
)
def test_headers_of_another_connection_do_no_harm(address: str, headers: dict[str, str]) -> None:
    with httpx.Client(timeout=10) as client:
        for _ in range(2):
            answered = client.post(address, json={"status": 200, "headers": {**headers, "X-Own": "kept"}})
            assert (answered.status_code, answered.json(), answered.headers["x-own"]) == (200, BODY, "kept")
            assert "set-cookie" not in answered.headers


def test_an_answer_without_content_leaves_nothing_for_the_next(address: str) -> None:
    given: dict[str, Any] = {"headers": {}}
    with httpx.Client(timeout=10) as client:
        for status in (204, 200, 204, 404):
            answered = client.post(address, json={**given, "status": status})
            assert (answered.status_code, answered.content == b"") == (status, status == 204)


def test_headers_that_cannot_be_sent_fail_the_playbook_and_not_the_connection(address: str) -> None:
    answered = httpx.post(address, json={"status": 200, "headers": {"X": "a\r\nY: b"}}, timeout=10)
    assert (answered.status_code, answered.json()["error"]["code"]) == (502, "NoResponse")
