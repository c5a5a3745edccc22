"""What a connector answers itself is written exactly."""

from __future__ import annotations

import json

from sallyport.connectors import answers


def test_numbers_of_any_size_are_written_digit_by_digit() -> None:
    body = {"id": 2**80, "of": [-(2**70)]}
    answered = answers.answer(200, body)
    assert json.loads(answered.body) == body


def test_an_answer_without_a_body_has_none() -> None:
    assert answers.answer(204).body == b""
