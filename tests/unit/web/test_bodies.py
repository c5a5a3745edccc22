"""What the bounded reader of JSON takes, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.web import bodies

_TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['":', '"', "\\", '\\":', " :", ":", "{", "a:b", '":"']
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(
    _JSON,
    st.sampled_from([None, 2]),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : "), (",\n", "\t:\n")]),
    st.booleans(),
)
def test_every_json_text_is_read_however_it_is_spaced_and_escaped(
    value: Any, indent: int | None, separators: tuple[str, str], ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only)
    assert bodies.parse(text.encode()) == value


@given(_JSON, _TEXT, st.sampled_from([":", " :", "\n:"]))
def test_a_member_that_comes_twice_is_found_however_it_is_written(value: Any, name: str, colon: str) -> None:
    key, escaped = json.dumps(name), "".join(f"\\u{ord(each):04x}" for each in name if ord(each) < 0x10000)
    again = f'"{escaped}"' if len(escaped) == 6 * len(name) else key
    text = f"[{json.dumps(value)}, {{{key}: 1, {again}{colon} {json.dumps(value)}}}]"
    with pytest.raises(bodies.MalformedJson, match="twice"):
        bodies.parse(text.encode())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b" \t\r\n", "empty"),
        (b"{", "line 1"),
        (b'{"a":\n\n]', "line 3"),
        (b"NaN", "line 1"),
        (b'"\xc3"', "It is not UTF-8: byte 2 cannot be read"),
        ('{"a": "é"}'.encode("latin-1"), "It is not UTF-8: byte 8 cannot be read"),
        ('{"a": 1}'.encode("utf-16-le"), "It is not UTF-8: byte 2 is NUL, as in UTF-16"),
        ('{"a": 1}'.encode("utf-16"), "It is not UTF-8: byte 1 cannot be read"),
        (b'"\\ud800"', "line 1"),
        (b'{"a\\u0000": 1}', r"U\+0000"),
        (b'["x", {"b": "\\u0000"}]', r"U\+0000"),
        (b"[" * 200_000, "deeper than 64"),
        (b"[" * 65 + b"1" + b"]" * 65, "deeper than 64"),
    ],
)
def test_what_is_not_json_that_can_be_stored_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(bodies.MalformedJson, match=reason):
        bodies.parse(data)


def test_nesting_up_to_the_bound_and_escapes_that_look_like_null_characters_are_taken() -> None:
    assert bodies.parse(b"[" * 64 + b"1" + b"]" * 64)
    assert bodies.parse(b'"\\\\u0000"') == "\\u0000"
    assert bodies.parse(b"\xef\xbb\xbf{}") == {}
