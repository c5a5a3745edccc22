"""Bodies to values and back."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.actions import http_content
from sallyport.wdl import multipart, values
from workplace import CASES

ROWS = json.loads((CASES / "actions" / "bodies.json").read_text("utf-8"))


@pytest.mark.parametrize("row", ROWS["decoded"], ids=lambda row: row["name"].replace(" ", "_"))
def test_a_body_is_decoded_as_the_table_says(row: dict[str, Any]) -> None:
    assert http_content.decode(row["type"], row["content"].encode("latin-1")) == row["value"]


@pytest.mark.parametrize("row", ROWS["encoded"], ids=lambda row: row["name"].replace(" ", "_"))
def test_a_value_is_encoded_as_the_table_says(row: dict[str, Any]) -> None:
    content, content_type = http_content.encode(row["value"], row.get("asked", ""))
    assert (content.decode("latin-1"), content_type) == (row["content"], row["type"])


@given(
    st.binary(max_size=200), st.sampled_from(["image/png", "application/xml", "", "multipart/mixed", "text/html; x=y"])
)
def test_bytes_that_are_not_text_come_back_as_they_were(content: bytes, content_type: str) -> None:
    shown = http_content.decode(content_type, content)
    assert http_content.encode(shown) == (content, content_type or values.OCTETS)


PART_NAMES = st.sampled_from(["Content-Disposition", "X-Own", "Content-Type"])
PARTS = st.lists(
    st.tuples(
        st.dictionaries(PART_NAMES, st.text("abc/;=", min_size=1, max_size=9), max_size=3), st.binary(max_size=60)
    ),
    max_size=4,
)


@given(PARTS)
def test_parts_come_apart_as_they_were_put_together(parts: list[multipart.Part]) -> None:
    body = multipart.write("frontier", parts)
    assert multipart.read('multipart/mixed; boundary="frontier"', body) == parts


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("multipart/mixed", b"--x\r\n\r\na\r\n--x--"),
        ("multipart/mixed; boundary=x", b"--x\r\n\r\na"),
        ("multipart/mixed; boundary=x", b""),
        ("multipart/mixed; boundary=x", b"--x\r\n" * 5_000 + b"--x--"),
    ],
)
def test_what_is_not_whole_or_has_too_many_parts_stays_together(content_type: str, content: bytes) -> None:
    assert set(http_content.decode(content_type, content)) == {"$content-type", "$content"}


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"--x\r\n\r\n--x1\r\n\r\na\r\n--x1--\r\n--x--", b"--x1\r\n\r\na\r\n--x1--"),
        (b"--x\r\n\r\na\r\n--xylophone\r\n--x \t\r\n\r\nb\r\n--x--", b"a\r\n--xylophone"),
        (b"--x\nContent-Type: text/csv\n\na;b\r\n1;2\r\n\n--x--\n", b"a;b\r\n1;2\r\n"),
    ],
)
def test_a_part_may_hold_what_looks_like_the_end_of_it(content: bytes, kept: bytes) -> None:
    assert (multipart.read("multipart/mixed; boundary=x", content) or [])[0][1] == kept


def test_a_part_in_a_part_is_not_taken_apart() -> None:
    body = b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n" * 1 + b"--y\r\n\r\na\r\n--y--\r\n--x--"
    (part,) = http_content.decode("multipart/mixed; boundary=x", body)["$multipart"]
    assert set(part["body"]) == {"$content-type", "$content"}


def test_the_same_parts_have_the_same_boundary() -> None:
    body = {"$multipart": [{"headers": {"Content-Disposition": 'form-data; name="a"'}, "body": "1"}]}
    content, content_type = http_content.encode(body)
    assert http_content.encode(body) == (content, content_type)
    assert http_content.decode(content_type, content)["$multipart"] == [
        {
            "headers": {"Content-Disposition": 'form-data; name="a"', "Content-Type": "text/plain; charset=utf-8"},
            "body": "1",
        }
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_json_comes_back_as_it_was(value: Any) -> None:
    body = {"it": value}
    content, content_type = http_content.encode(body)
    assert http_content.decode(content_type, content) == body


def test_json_that_is_too_deep_is_text() -> None:
    deep = "[" * 400 + "]" * 400
    assert http_content.decode("application/json", deep.encode()) == deep


def test_an_envelope_that_is_no_base64_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="base64"):
        http_content.encode({"$content-type": "image/png", "$content": "!!"})


def test_outputs_have_a_body_only_when_there_is_one() -> None:
    assert http_content.outputs(204, {"X": "1"}, b"") == {"statusCode": 204, "headers": {"X": "1"}}
    shown = http_content.outputs(200, {"content-type": "image/png"}, b"\x00")
    assert shown["body"]["$content"] == base64.b64encode(b"\x00").decode()
