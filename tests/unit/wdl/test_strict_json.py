"""JSON files: what is tolerated, and where it says that something is wrong."""

from __future__ import annotations

import pytest

import effort
from sallyport.wdl import strict_json
from sallyport.wdl.strict_json import InvalidJsonError


@pytest.mark.parametrize(
    "text",
    [
        '\ufeff{"a": 1}',
        '{"a": 1} // end',
        '/* start */ {"a": /* one */ 1}',
        '// line\n{"a":\n1}',
        b'\xef\xbb\xbf{"a": 1}',
    ],
)
def test_a_byte_order_mark_and_comments_are_tolerated(text: str | bytes) -> None:
    assert strict_json.read(text) == ({"a": 1}, [])


def test_what_looks_like_a_comment_in_a_string_is_text() -> None:
    assert strict_json.read('{"a": "https://x/*y*/", "b\\"//": 1}') == ({"a": "https://x/*y*/", 'b"//': 1}, [])


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ('{"a": 1}\nmore', "text after the end", 2, 1),
        ("[1 2]", "not JSON: expecting ',' delimiter", 1, 4),
        ('{\n  "a" 1}', "not JSON: expecting ':' delimiter", 2, 7),
        ('/* a\n */ {"a": x}', "not JSON", 2, 11),
        ('{"a": {}, "b": 1,\n "a": 1}', 'The key "a" stands twice', 2, 2),
        ('{"a": 1, "\\u0061": []}', 'The key "a" stands twice', 1, 10),
        ("[" * 100_000, "nested more than 200 deep", 1, 201),
        ('{"a":' * 100_000, "nested more than 200 deep", 1, 1001),
        ("", "not JSON", 1, 1),
        ('{"a": "', "unterminated string", 1, 7),
        ("{'a': 1}", "not JSON", 1, 2),
        ("[NaN]", "NaN is not a number", 0, 0),
        ("[1e999]", "number that is too large", 0, 0),
        ("[" + "9" * 5000 + "]", "number that is too large", 0, 0),
        ('{"a": 1,\n}', "there is a comma before the closing '}'", 2, 1),
        ("[1, ]", "there is a comma before the closing ']'", 1, 5),
        ('{"a": 1}'.encode("utf-16"), "UTF-16 text, as Windows PowerShell writes it; save it as UTF-8.", 0, 0),
        (b"\xff{}", "not UTF-8 text: byte 0", 0, 0),
        (" " * (8 * 1024 * 1024 + 1), "larger than 8 MB", 0, 0),
        (b" " * (8 * 1024 * 1024 + 4), "larger than 8 MB", 0, 0),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_not_json_is_refused_with_its_place(text: str | bytes, message: str, line: int, column: int) -> None:
    with pytest.raises(InvalidJsonError) as caught:
        strict_json.read(text)
    assert message in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


def test_a_simple_value_that_stands_twice_counts_last_and_is_noted() -> None:
    value, notes = strict_json.read('{"a": 1,\n"a": 2, "b": {"a": 3}}')
    assert value == {"a": 2, "b": {"a": 3}}
    assert notes == ['The key "a" stands twice in the same object. (line 2, column 1); the last one counts']


@pytest.mark.parametrize(
    "text", ['"\\"' * 500_000, "/*" * 500_000, '{"a": "' + 'x\\"' * 500_000, '"a"      ' * 500_000]
)
def test_hostile_text_is_refused_in_linear_time(text: str) -> None:
    with effort.at_most(10), pytest.raises(InvalidJsonError):
        strict_json.read(text)
