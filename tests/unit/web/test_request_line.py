"""The first line of a request: what is mended in it, and that nothing else ever changes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.web.request_line import RequestLine, encoded


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (b"GET /a?$filter=b eq 'c d' HTTP/1.1\r\n", b"GET /a?$filter=b%20eq%20'c%20d' HTTP/1.1\r\n"),
        ("GET /a?b='Zürich' HTTP/1.0\r\n".encode(), b"GET /a?b='Z%C3%BCrich' HTTP/1.0\r\n"),
        (b"GET /a?b=c+d%20e HTTP/1.1\r\n", b"GET /a?b=c+d%20e HTTP/1.1\r\n"),
        (b"GET /a?b= HTTP/1.1 HTTP/1.1\r\n", b"GET /a?b=%20HTTP/1.1 HTTP/1.1\r\n"),
        (b"GET /a b?c HTTP/1.1\r\n", b"GET /a b?c HTTP/1.1\r\n"),
        (b"GET /a b HTTP/1.1\r\n", b"GET /a b HTTP/1.1\r\n"),
        (b"GET /a HTTP/1.1\r\nX: ? y HTTP/1.1\r\n", b"GET /a HTTP/1.1\r\nX: ? y HTTP/1.1\r\n"),
        (b"\x16\x03\x01? HTTP/1.", b"\x16\x03\x01? HTTP/1."),
        (b"", b""),
    ],
)
def test_only_the_query_is_mended(line: bytes, read: bytes) -> None:
    assert encoded(line) == read


@given(
    query=st.text(st.characters(exclude_characters="\r\n\t", exclude_categories=("Cs", "Cc"))),
    rest=st.binary(),
    cuts=st.lists(st.integers(0, 200)),
)
def test_a_request_reads_the_same_however_it_was_cut_on_its_way(query: str, rest: bytes, cuts: list[int]) -> None:
    sent = f"GET /v1.0/security/alerts?{query} HTTP/1.1\r\n".encode() + rest
    places = sorted({0, len(sent), *(cut for cut in cuts if cut < len(sent))})
    line, read = RequestLine(), b""
    begun = True
    for start, end in itertools.pairwise(places):
        piece = sent[start:end]
        if begun:
            piece = line.taken(piece)
            begun = not piece
        read += piece
    assert read == encoded(sent)
    head, _, behind = read.partition(b"\r\n")
    assert behind == rest
    assert len(head.split(b" ")) == 3
    assert head.isascii()


def test_what_is_no_request_is_never_held_back() -> None:
    for noise in (b"\x16\x03\x01", b"get / http", b"   ", b"\r\n"):
        assert RequestLine().taken(noise) == noise
