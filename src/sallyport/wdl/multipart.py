"""Multipart bodies, RFC 2046: taken apart and put together.

The rule: the content of a part is bytes and stays exactly what it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sallyport.wdl import values

PARTS = "$multipart"
#: More parts than this are not taken apart.
MOST_PARTS = 1_000
_FOLD = re.compile(rb"\r?\n[ \t]+")

Part = tuple[Mapping[str, str], bytes]


def read(content_type: str, content: bytes) -> list[Part] | None:
    """Answer the parts of a body with their headers; None when it is not multipart, or has too many of them."""
    boundary = values.parameter_of(content_type, "boundary")
    if not boundary:
        return None
    delimiter = re.escape(b"--" + boundary.encode("utf-8", "replace"))
    # Texts that people put together themselves often have bare line feeds, whatever the parts have.
    opening = re.search(rb"(?:\A|\n)%s[ \t]*+(\r?\n)" % delimiter, content)
    line_end = opening[1] if opening else b"\r\n"
    # A part may have parts of its own, between delimiters that begin like these.
    between = re.compile(rb"%s%s(?=--|[ \t]*+(?:%s|\Z))" % (line_end, delimiter, line_end))
    pieces = between.split(line_end + content, MOST_PARTS + 2)
    # Before the first delimiter is a preamble, and the last piece begins with the two hyphens that close the body.
    if len(pieces) < 2 or len(pieces) > MOST_PARTS + 2 or not pieces[-1].startswith(b"--"):
        return None
    return [_part(piece, line_end) for piece in pieces[1:-1]]


def type_of(headers: Mapping[str, str]) -> str:
    """Answer the content type of a part; one that names none is plain text."""
    return next((value for name, value in headers.items() if name.casefold() == "content-type"), "text/plain")


def write(boundary: str, parts: Iterable[Part]) -> bytes:
    """Answer a body of parts; a line break in a header field becomes a blank."""
    written = bytearray()
    for headers, content in parts:
        lines = "".join(f"{_line(name)}: {_line(value)}\r\n" for name, value in headers.items())
        written += f"--{boundary}\r\n{lines}\r\n".encode() + content + b"\r\n"
    return bytes(written) + f"--{boundary}--\r\n".encode()


def _part(piece: bytes, line_end: bytes) -> Part:
    # What follows the delimiter on its own line is white space; a part without headers begins with an empty line.
    _, _, rest = piece.partition(line_end)
    if rest.startswith(line_end):
        return {}, rest[len(line_end) :]
    head, _, content = rest.partition(2 * line_end)
    # A line that begins with white space goes on with the field before it, as mail programs write long ones.
    lines = _FOLD.sub(b" ", head).decode("utf-8", "replace").split(line_end.decode())
    fields = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in fields}, content


def _line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
