"""Parts of a multipart body that nobody took apart yet, as from a connector or a body without an end."""

from __future__ import annotations

import pytest

import effort
from sallyport.wdl import values
from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.functions import form_data
from sallyport.wdl.scope import ContextScope
from sallyport.wdl.values import Json


def received(content: bytes, content_type: str = "multipart/form-data; boundary=b") -> ContextScope:
    """Answer the scope of a run whose trigger received a body."""
    return ContextScope({"trigger": {"outputs": {"body": values.envelope(content, content_type)}}})


def part(headers: str, content: bytes, line_end: bytes = b"\r\n") -> bytes:
    """Answer a body of one part."""
    lines = [b"--b", *(line.encode() for line in headers.split("\n") if line), b"", content, b"--b--", b""]
    return line_end.join(lines)


def first_of(content: bytes) -> Json:
    return form_data.trigger_multipart_body(received(content), 0)


def test_a_part_keeps_the_charset_of_its_text() -> None:
    body = first_of(part("Content-Type: text/plain; charset=iso-8859-1", "été".encode("latin-1")))
    assert values.to_text(body) == "été"


@pytest.mark.parametrize("media_type", ["message/rfc822", "multipart/mixed; boundary=c", "message/external-body"])
def test_a_message_in_a_part_keeps_its_bytes(media_type: str) -> None:
    message = b"Subject: phish\r\n\r\n--c\r\n\r\nhello\r\n--c--"
    assert first_of(part(f"Content-Type: {media_type}", message)) == values.envelope(message, media_type)


def test_parts_between_bare_line_feeds_come_apart_too() -> None:
    assert first_of(part("X: y", b"hello", b"\n")) == values.envelope(b"hello", "text/plain")


def test_a_header_field_may_go_on_in_the_next_line() -> None:
    content = part('Content-Disposition: form-data;\n name="k"', b"v")
    assert form_data.trigger_form_data_value(received(content), "k") == "v"


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="a;b"', "a;b"),
        ('form-data; filename="x; name=other"; name="k"', "k"),
        ('form-data; name="say \\"k\\""', 'say "k"'),
        ("form-data; NAME = k ; filename=x", "k"),
        ('form-data; name="k', "k"),
    ],
)
def test_the_name_of_a_field_is_what_stands_between_its_quotes(disposition: str, name: str) -> None:
    content = part(f"Content-Disposition: {disposition}", b"v")
    assert form_data.trigger_form_data_multi_values(received(content), name) == ["v"]


def test_a_body_without_an_end_is_refused_with_the_reason() -> None:
    with pytest.raises(EvaluationError, match="has no end"):
        first_of(b"--b\r\n\r\nhalf of it")


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Type: text/plain; " + 'a="' * 300_000,
        "Content-Disposition: form-data; " + ';a="\\"' * 200_000,
        "To: " + "a," * 400_000,
        "Subject: " + "a " * 400_000,
        "A: b\n" + " c\n" * 200_000,
    ],
    ids=["a type", "a disposition", "addresses", "words", "lines"],
)
def test_a_part_with_enormous_headers_costs_little(headers: str) -> None:
    with effort.at_most(2):
        assert first_of(part(headers, b"hello")) is not None
        form_data.trigger_form_data_multi_values(received(part(headers, b"hello")), "k")
