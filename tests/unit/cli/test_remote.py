from __future__ import annotations

import os
from pathlib import Path

import httpx
import pytest

from sallyport.cli import lock, remote
from sallyport.cli.lock import Lock, Running
from sallyport.cli.remote import Refused, Remote, Unreachable
from sallyport.cli.sources import Unusable


def server(monkeypatch: pytest.MonkeyPatch, *answers: httpx.Response) -> tuple[Remote, list[httpx.Request]]:
    waiting, asked = list(answers), list[httpx.Request]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return waiting.pop(0)

    made = Remote("http://sallyport.test", "a token")
    client = httpx.Client(transport=httpx.MockTransport(answer), base_url="http://sallyport.test")
    monkeypatch.setattr(made, "_client", client)
    return made, asked


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"error": {"code": "WorkflowNotFound", "message": "No such\n thing."}},
            "WorkflowNotFound",
            "No such\n thing.",
        ),
        ({"error": "invalid_client", "error_description": "Who?"}, "invalid_client", "Who?"),
        ({"other": 1}, "404", "The server answered 404 Not Found."),
        ([], "404", "The server answered 404 Not Found."),
    ],
)
def test_an_error_of_any_shape_becomes_one_refusal(
    monkeypatch: pytest.MonkeyPatch, body: object, code: str, message: str
) -> None:
    made, _ = server(monkeypatch, httpx.Response(404, json=body))
    with pytest.raises(Refused) as caught:
        made.get("/x")
    assert (caught.value.code, caught.value.message, caught.value.status) == (code, message, 404)
    assert "\n" not in remote.sentence(caught.value)


def test_an_error_that_is_no_json_is_told_by_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = server(monkeypatch, httpx.Response(502, text="<html>"))
    with pytest.raises(Refused, match="502 Bad Gateway"):
        made.get("/x")


def test_links_to_further_pages_are_followed_on_the_server_that_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    first: dict[str, object] = {"value": [1, 2], "nextLink": "https://public.example/x?%24skiptoken=2"}
    second: dict[str, object] = {"value": [3], "@odata.nextLink": "https://public.example/x?%24skiptoken=3"}
    pages: tuple[dict[str, object], ...] = (first, second, {"value": []})
    made, asked = server(monkeypatch, *(httpx.Response(200, json=page) for page in pages))
    assert list(made.every("/x", {"$top": 2})) == [1, 2, 3]
    assert [str(request.url) for request in asked[1:]] == [
        "http://sallyport.test/x?%24skiptoken=2",
        "http://sallyport.test/x?%24skiptoken=3",
    ]


def test_no_more_pages_are_asked_for_than_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = server(monkeypatch, httpx.Response(200, json={"value": [1, 2], "nextLink": "http://x/y"}))
    assert list(made.every("/x", most=1)) == [1]
    assert len(asked) == 1


def test_a_server_that_is_not_there_is_told_with_what_to_do() -> None:
    with pytest.raises(Unreachable, match="sallyport up"):
        Remote("http://127.0.0.1:1", "a token").get("/healthz")


def test_the_environment_names_the_server_then_the_data_folder_then_the_default(tmp_path: Path) -> None:
    assert remote.address({}, tmp_path) == "http://127.0.0.1:8080"
    held = Lock(tmp_path)
    held.tell("http://127.0.0.1:9999")
    assert remote.address({}, tmp_path) == "http://127.0.0.1:9999"
    assert remote.address({"SALLYPORT_URL": "http://elsewhere:1/"}, tmp_path) == "http://elsewhere:1"
    held.release()
    assert remote.address({}, tmp_path) == "http://127.0.0.1:8080"


def test_a_token_that_somebody_issued_is_used_as_it_is() -> None:
    assert remote.token({"SALLYPORT_TOKEN": "theirs"}) == "theirs"


def test_a_folder_is_locked_once_and_free_again_afterwards(tmp_path: Path) -> None:
    held = Lock(tmp_path)
    held.tell("http://127.0.0.1:9999")
    with pytest.raises(Running, match=f"process {os.getpid()}, http://127.0.0.1:9999"):
        Lock(tmp_path)
    held.release()
    Lock(tmp_path).release()


def test_a_lock_file_that_a_crash_left_names_no_server(tmp_path: Path) -> None:
    (tmp_path / lock.NAME).write_text('{"pid": 4194303, "url": "http://127.0.0.1:1"}')
    assert lock.holder(tmp_path) is None
    (tmp_path / lock.NAME).write_text("half a li")
    assert lock.holder(tmp_path) is None


def test_what_a_server_says_is_one_line_and_what_a_command_says_keeps_its_lines() -> None:
    assert remote.sentence(Refused("Gone", "It is\n gone.", 410)) == "It is gone. (Gone)"
    assert remote.sentence(Unusable("Wanted:\n  a\n  b")) == "Wanted:\n  a\n  b"


@pytest.mark.parametrize("given", ["", " ", ".", "..", "$count"])
def test_what_names_nothing_is_no_part_of_a_path(given: str) -> None:
    with pytest.raises(remote.NameExpected, match="A name or id is expected"):
        remote.segment(given)
