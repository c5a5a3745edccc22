from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sallyport.cli import mocks
from sallyport.cli.mocks import Call, NoMock
from sallyport.cli.sources import Unusable

CALL = Call("Look_up", "GET", url="https://intel.example/ip/10.0.0.1?key=1", path="/ip/10.0.0.1")


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        ({}, True),
        ({"action": "look_up"}, True),
        ({"action": "Other"}, False),
        ({"url": "https://intel.example/ip/10.0.0.1"}, True),
        ({"url": "https://intel.example/*"}, True),
        ({"url": "https://intel.example/ip/*?key=2"}, False),
        ({"url": "https://intel.example/ip/*?key=1"}, True),
        ({"method": "get", "path": "/ip/*"}, True),
        ({"method": "post", "path": "/ip/*"}, False),
        ({"connector": "smtp"}, False),
        ({"path": "/ip/10.0.0.*1"}, True),
    ],
)
def test_a_mock_fits_when_everything_that_it_asks_fits(match: dict[str, str], *, fits: bool) -> None:
    found = mocks.parse([{"match": match, "response": {}}])
    assert found.entries[0].matches(CALL) is fits


def test_the_first_mock_that_fits_answers_and_a_list_is_given_one_after_another() -> None:
    found = mocks.parse(
        [
            {"match": {"action": "Other"}, "response": {"status": 500}},
            {"match": {"action": "Look_up"}, "response": [{"status": 503}, {"status": 200, "body": {"score": 9}}]},
            {"match": {}, "response": {"status": 404}},
        ]
    )
    assert [found.find(CALL).take().status for _ in range(3)] == [503, 200, 200]
    assert len(found.calls) == 3


def test_a_call_that_nothing_matches_is_told_with_what_would_match() -> None:
    with pytest.raises(NoMock) as caught:
        mocks.parse([]).find(CALL)
    assert "GET https://intel.example/ip/10.0.0.1?key=1" in caught.value.message
    assert '{"action": "Look_up"}' in caught.value.message


def test_an_object_answers_by_the_names_of_actions() -> None:
    found = mocks.parse({"Look_up": {"status": 201, "body": "text"}})
    response = found.find(CALL).take().response("u")
    assert (response.status, response.body, response.content_type) == (201, b"text", "text/plain")
    assert found.find(CALL).take().response("u").headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    "document",
    [
        "text",
        [{"match": {}}],
        [{"response": {}}],
        [{"match": {"verb": "GET"}, "response": {}}],
        [{"match": {"path": 1}, "response": {}}],
        [{"match": {}, "response": []}],
        [{"match": {}, "response": {"status": "200"}}],
        [{"match": {}, "response": {"status": 99}}],
        [{"match": {}, "response": {}, "callback": 1}],
        {"match": {"action": "Look_up"}, "response": {"status": 200}},
    ],
)
def test_what_is_no_mock_is_refused(document: Any) -> None:
    with pytest.raises(Unusable):
        mocks.parse(document)


@pytest.mark.parametrize(
    "entry",
    [
        {"match": {}, "response": {"Status": 500}},
        {"match": {}, "response": [{"status": 200}, {"statuscode": 500}]},
        {"match": {}, "response": {}, "calback": {"body": {}}},
    ],
)
def test_a_misspelt_word_in_a_mock_is_named_instead_of_answering_200(entry: Any) -> None:
    with pytest.raises(Unusable, match=r"mock 1: .* may hold .*'(Status|statuscode|calback)' is not one"):
        mocks.parse([entry])


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mocks.json").write_text("{")
    with pytest.raises(Unusable, match="cannot be read"):
        mocks.read(tmp_path / "mocks.json")


def test_a_file_may_have_comments_and_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "mocks.json").write_text('\ufeff{"Look_up": {"status": 204}} // nothing', encoding="utf-8")
    assert mocks.read(tmp_path / "mocks.json").find(CALL).take().status == 204
