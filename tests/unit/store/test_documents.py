"""JSON text as the store writes it: whatever a run may hold comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.store import documents

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**80), 2**80),
        st.floats(allow_nan=False, allow_infinity=False),
        ANY_TEXT,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(ANY_TEXT, inner, max_size=4)),
    max_leaves=20,
)


@given(value=VALUES)
def test_every_value_comes_back_and_is_text_that_any_database_takes(value: Any) -> None:
    written = documents.dumps(value)
    assert documents.loads(written) == value
    text = written.decode()
    assert "\0" not in text
    assert documents.loads(text) == value


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": ["a\ud83db"]}, [2**70, "\ud800", "é"]])
def test_half_a_surrogate_pair_is_written_as_an_escape(value: Any) -> None:
    written = documents.dumps(value)
    assert written.isascii()
    assert documents.loads(written) == value


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError):
        documents.dumps({"a": object()})


@pytest.mark.parametrize("beside", [0, 2**70, "\ud800"])
def test_what_is_no_number_is_null_whoever_writes_it(beside: Any) -> None:
    endless = {"a": [float("nan"), float("-inf"), 1.5], "beside": beside}
    assert documents.loads(documents.dumps(endless)) == {"a": [None, None, 1.5], "beside": beside}
    assert documents.loads(documents.pretty(endless)) == {"a": [None, None, 1.5], "beside": beside}
