"""However a body is cut into chunks, the same alerts are cut from it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.graph import ingest_stream
from sallyport.graph.ingest_stream import Piece

_TEXT = st.text(max_size=6) | st.sampled_from(['"', '\\"', "]", "[{", "},", "\\", "\n", "é"])
_ITEM = st.dictionaries(_TEXT, _TEXT | st.integers() | st.lists(_TEXT, max_size=3), max_size=3)
_SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=20)


def cut(body: bytes, sizes: list[int], longest: int = 10_000, *, lines: bool = False) -> list[Piece]:
    """Answer the pieces of a body that arrives in chunks of these sizes, over and over."""

    async def arriving() -> AsyncIterator[bytes]:
        start = turn = 0
        while start < len(body):
            size = sizes[turn % len(sizes)]
            yield body[start : start + size]
            start, turn = start + size, turn + 1

    async def collect() -> list[Piece]:
        return [piece async for piece in ingest_stream.pieces(arriving(), longest, lines=lines)]

    return asyncio.run(collect())


@given(st.lists(_ITEM, max_size=6), _SIZES, st.sampled_from([None, 1]), st.booleans())
def test_the_elements_of_an_array_are_cut_whatever_the_chunks(
    items: list[Any], sizes: list[int], indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(items, indent=indent, ensure_ascii=ascii_only).encode(errors="replace")
    found = cut(b" \n" + body + b"\r\n", sizes)
    assert [json.loads(each.data or b"") for each in found] == json.loads(body)
    assert [each.line for each in found] == list(range(1, len(items) + 1))


@given(st.lists(_ITEM | st.none(), max_size=8), _SIZES, st.sampled_from([b"\n", b"\r\n"]))
def test_lines_are_cut_whatever_the_chunks_and_blank_ones_are_counted(
    items: list[Any], sizes: list[int], ending: bytes
) -> None:
    body = ending.join(b"" if each is None else json.dumps(each).encode() for each in items)
    found = cut(body, sizes, lines=True)
    expected = [(number, each) for number, each in enumerate(items, 1) if each is not None]
    assert [(each.line, json.loads(each.data or b"")) for each in found] == expected


@given(_SIZES)
def test_an_element_that_is_too_long_is_skipped_alone(sizes: list[int]) -> None:
    items: list[Any] = [{"a": 1}, {"b": ["xxxx"] * 100}, {"c": 2}]
    for body, lines in ((json.dumps(items).encode(), False), ("\n".join(map(json.dumps, items)).encode(), True)):
        found = cut(body, sizes, longest=100, lines=lines)
        assert [each.data is None for each in found] == [False, True, False]


@pytest.mark.parametrize(
    "body",
    [b"[", b'[{"a":1}', b'[{"a":1},', b'["', b"[1}", b"[1] 2", b"[1][2]", b"[1],", b"[[1]", b'["' + b"x" * 30_000],
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_an_array_that_is_none_is_an_error_wherever_the_chunks_end(body: bytes, size: int) -> None:
    with pytest.raises(ingest_stream.MalformedArray):
        cut(body, [size])


def test_an_object_over_several_lines_is_one_piece_unless_lines_were_announced() -> None:
    body = json.dumps({"a": {"b": 1}}, indent=2).encode()
    assert [each.line for each in cut(body, [1])] == [1]
    assert len(cut(body, [1], lines=True)) == 5
    assert [each.data for each in cut(b"{broken\n{}", [3])] == [b"{broken", b"{}"]
