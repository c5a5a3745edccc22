"""Multipart bodies, RFC 2046: taken apart and put together.

The rule: the content of a part is bytes and stays exactly what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sallyport.wdl import values

PARTS = "$multipart"
#: More parts than this are not taken apart.
MOST_PARTS = 1_000
_HEADERS_END = b"\r\n\r\n"

Part = tuple[Mapping[str, str], bytes]


def read(content_type: str, content: bytes) -> list[Part] | None:
    """Answer the parts of a body with their headers; None when it is not multipart, or has too many of them."""
    boundary = values.parameter_of(content_type, "boundary")
    if not boundary:
        return None
    delimiter = b"\r\n--" + boundary.encode("utf-8", "replace")
    pieces = (b"\r\n" + content).split(delimiter, MOST_PARTS + 2)
    # Before the first delimiter is a preamble, and the last piece begins with the two hyphens that close the body.
    if len(pieces) < 2 or len(pieces) > MOST_PARTS + 2 or not pieces[-1].startswith(b"--"):
        return None
    return [_part(piece) for piece in pieces[1:-1]]


def write(boundary: str, parts: Iterable[Part]) -> bytes:
    """Answer a body of parts; a line break in a header field becomes a blank."""
    written = bytearray()
    for headers, content in parts:
        lines = "".join(f"{_line(name)}: {_line(value)}\r\n" for name, value in headers.items())
        written += f"--{boundary}\r\n{lines}\r\n".encode() + content + b"\r\n"
    return bytes(written) + f"--{boundary}--\r\n".encode()


def _part(piece: bytes) -> Part:
    # What follows the delimiter on its own line is white space; a part without headers begins with an empty line.
    _, _, rest = piece.partition(b"\r\n")
    if rest.startswith(b"\r\n"):
        return {}, rest[2:]
    head, _, content = rest.partition(_HEADERS_END)
    lines = head.decode("utf-8", "replace").split("\r\n")
    fields = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in fields}, content


def _line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")
