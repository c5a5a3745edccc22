"""How `sallyport alert send` reads what it is given."""

from __future__ import annotations

import json

import pytest

from sallyport.cli import alert

ONE, OTHER = {"title": "one"}, {"title": "other"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (json.dumps(ONE, indent=2), [ONE]),
        (json.dumps([ONE, OTHER]), [ONE, OTHER]),
        (json.dumps({"@odata.context": "...", "value": [ONE, OTHER]}), [ONE, OTHER]),
        (json.dumps({"title": "one", "value": 5}), [{"title": "one", "value": 5}]),
    ],
)
def test_one_value_is_sent_as_an_array(given: str, sent: list[object]) -> None:
    content, media = alert._prepared(given.encode())
    assert (json.loads(content), media) == (sent, "application/json")


def test_lines_are_sent_as_they_are() -> None:
    lines = b'{"title": "one"}\n{"title": "other"}\n'
    assert alert._prepared(lines) == (lines, "application/x-ndjson")
