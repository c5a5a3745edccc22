"""`sallyport mail` on a data folder that nobody serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sallyport.cli.mail import command
from sallyport.web.mailbox import FOLDER

FIRST = "20260105T090000000000-0000000a"
SECOND = "20260105T090001000000-0000000b"
SOURCE = (
    "Return-Path: <p@contoso.com>\r\nX-Envelope-To: a@contoso.com,\r\n b@contoso.com\r\nFrom: p@contoso.com\r\n"
    "To: a@contoso.com\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe_=1B[2J?=\r\nMessage-ID: <1@x>\r\n\r\nHello \x1b[2Jyou\r\n"
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in (FIRST, SECOND):
        (folder / f"{name}.eml").write_bytes(SOURCE.encode())
    (folder / f".{FIRST}").write_bytes(b"unfinished")
    (folder / "note.eml").write_bytes(b"not ours")
    return tmp_path


def _run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--data", str(data)])


def test_the_list_shows_the_oldest_first(data: Path) -> None:
    lines = _run(data, "list").stdout.splitlines()
    assert [line[:8] for line in lines] == ["0000000a", "0000000b"]
    assert "2026-01-05T09:00:00" in lines[0]
    assert "Grüße" in lines[0]


def test_the_list_as_json_is_one_object_on_a_line(data: Path) -> None:
    listed = [json.loads(line) for line in _run(data, "list", "--json").stdout.splitlines()]
    assert [each["id"] for each in listed] == [FIRST, SECOND]
    assert listed[0]["recipients"] == ["a@contoso.com", "b@contoso.com"]
    assert listed[0]["message_id"] == "<1@x>"
    assert listed[0]["received_at"] == "2026-01-05T09:00:00Z"


def test_the_newest_are_shown_when_there_are_too_many(data: Path) -> None:
    assert json.loads(_run(data, "list", "--json", "--limit", "1").stdout)["id"] == SECOND


def test_a_mail_is_shown_without_what_could_steer_a_terminal(data: Path) -> None:
    shown = _run(data, "show", "0000000a")
    assert shown.exit_code == 0
    assert "Subject: Grüße" in shown.stdout
    assert "Hello" in shown.stdout
    assert "\x1b" not in shown.stdout


def test_a_mail_as_json_has_its_text(data: Path) -> None:
    shown = json.loads(_run(data, "show", SECOND, "--json").stdout)
    assert (shown["id"], shown["attachments"], shown["html"]) == (SECOND, [], "")
    assert shown["text"].startswith("Hello")


def test_a_mail_that_is_not_there_ends_with_a_sentence_and_1(data: Path) -> None:
    shown = _run(data, "show", "beef")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "holds no mail 'beef'" in shown.stderr


def test_an_id_that_is_too_short_to_be_one_mails_is_said_to_be_that(data: Path) -> None:
    shown = _run(data, "show", "2026")
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "2 mails begin or end with '2026'" in shown.stderr


@pytest.mark.parametrize("name", ["list", "clear"])
def test_a_data_folder_that_is_not_there_is_no_empty_mailbox(tmp_path: Path, name: str) -> None:
    shown = _run(tmp_path / "elsewhere", name)
    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "There is no data folder" in shown.stderr


def test_clearing_deletes_our_mails_alone(data: Path) -> None:
    assert json.loads(_run(data, "clear", "--json").stdout) == {"deleted": 2}
    assert _run(data, "list").stdout == ""
    assert (data / FOLDER / "note.eml").exists()


def test_a_data_folder_without_a_mailbox_is_an_empty_one(tmp_path: Path) -> None:
    shown = _run(tmp_path, "list")
    assert (shown.exit_code, shown.stdout) == (0, "")
    assert "empty" in shown.stderr


def test_a_subject_that_begins_on_a_line_of_its_own_is_listed_and_shown_like_any_other(data: Path) -> None:
    source = SOURCE.replace("Subject: ", "Subject:\r\n ").encode()
    (data / FOLDER / f"{SECOND}.eml").write_bytes(source)
    first, second = (json.loads(line)["subject"] for line in _run(data, "list", "--json").stdout.splitlines())
    assert first == second
    one, other = _run(data, "show", "0000000a"), _run(data, "show", "0000000b")
    assert one.stdout == other.stdout
