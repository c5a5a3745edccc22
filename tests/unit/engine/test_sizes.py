"""Sizes of values: near enough to what is written, however often a part stands in them, and quickly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import effort
from sallyport.engine import sizes

VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 99), st.text("ab c", max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(st.text("ab", max_size=4), inner, max_size=6)),
    max_leaves=40,
)


def _refused(value: Any, limit: int) -> bool:
    try:
        sizes.check(value, limit, "outputs")
    except sizes.ResultTooLarge:
        return True
    return False


@given(value=VALUES)
def test_what_is_written_in_few_bytes_is_kept(value: Any) -> None:
    written = len(json.dumps(value, separators=(",", ":")))
    assert not _refused(value, 2 * written + 16)


@given(value=VALUES)
def test_what_is_written_in_many_more_bytes_is_refused(value: Any) -> None:
    written = len(json.dumps(value, separators=(",", ":")))
    if isinstance(value, str | list | dict) and written > 20:
        assert _refused(value, written // 3)


def test_a_text_is_measured_in_bytes() -> None:
    assert not _refused("x" * 100, 100)
    assert _refused("x" * 101, 100)
    assert _refused("\u20ac" * 40, 100)
    assert not _refused("\u20ac" * 33, 100)


def test_a_value_that_doubles_at_each_step_is_refused_at_once() -> None:
    value: Any = "0123456789"
    for _ in range(150):
        value = [value, value]
    with effort.at_most(0.5):
        assert _refused(value, 10**12)


def test_a_part_that_stands_in_two_depths_counts_in_both() -> None:
    part = ["x" * 1000]
    value = [part, [part, [part]]]
    assert not _refused(value, 3_100)
    assert _refused(value, 2_900)


@pytest.mark.parametrize(("depth", "refused"), [(sizes.DEEPEST, False), (sizes.DEEPEST + 1, True)])
def test_nesting_has_an_end(depth: int, refused: bool) -> None:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    assert _refused(value, 10**9) is refused


@given(value=VALUES)
def test_what_is_walked_weighs_what_it_weighs_level_by_level(value: Any) -> None:
    if isinstance(value, list | dict):
        assert sizes.check(value, 10**9, "outputs") == sizes._weight_of_many(value, 10**9)
