"""Mail addresses as authors write them: several in one text, separated by semicolons or commas, with or without names.

The rule: an address that reaches a mail's header has passed here, so no text of an author can begin a header of its
own: neither by a line break nor by one that is encoded, which whoever writes headers would decode.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.headerregistry import Address
from typing import Any

from sallyport.connectors.answers import InvalidCall

#: As many recipients as Exchange Online takes in one mail.
MOST = 500
#: What is longer is cut off: whoever writes headers takes ever longer over a long one.
_LONGEST_NAME = 256
_LOCAL = re.compile(r"[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+(\.[!#$%&'*+/=?^_`{|}~0-9A-Za-z-]+)*\Z")
_LABEL = re.compile(r"(?!-)[0-9A-Za-z-]{1,63}(?<!-)\Z")
_LITERAL = re.compile(r"\[[0-9A-Fa-f.:]{2,45}\]\Z|\[IPv6:[0-9A-Fa-f.:]{2,45}\]\Z")
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


def read(value: Any, field: str) -> tuple[Address, ...]:
    """Answer the addresses of a field, none twice; an empty field holds none.

    Raises InvalidCall, naming the field and what is no address.
    """
    found: dict[str, Address] = {}
    for text in _texts(value, field):
        for piece in _split(text):
            if not piece.strip():
                continue
            address = _address(piece, field)
            found.setdefault(address.addr_spec.casefold(), address)
    if len(found) > MOST:
        raise InvalidCall(f"'{field}' holds {len(found)} addresses; the limit is {MOST}.")
    return tuple(found.values())


def literal(text: str) -> str:
    """Answer text in which nothing is taken for an encoded word, RFC 2047, section 2: it says what it says."""
    return text.replace("=?", "= ?") if "?=" in text else text


def _texts(value: Any, field: str) -> Iterator[str]:
    if value is None:
        return
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, str):
            raise InvalidCall(f"'{field}' must be text with mail addresses.")
        yield each


def _split(text: str) -> Iterator[str]:
    """Cut at semicolons, and where there is none at commas; neither counts within quotes or angle brackets."""
    separators = ";" if ";" in "".join(_outside(text)) else ","
    piece = ""
    depth = quoted = False
    for character in text:
        quoted = quoted != (character == '"')
        depth = not quoted and (character == "<" or (depth and character != ">"))
        if character in separators and not quoted and not depth:
            yield piece
            piece = ""
        else:
            piece += character
    yield piece


def _outside(text: str) -> Iterator[str]:
    """Answer the pieces of a text that stand outside of quotes."""
    return (piece for index, piece in enumerate(text.split('"')) if index % 2 == 0)


def _address(piece: str, field: str) -> Address:
    text = piece.strip()
    if _CONTROL.search(text):
        raise InvalidCall(f"'{field}' holds a line break or another control character within an address.")
    named = _NAMED.match(text)
    name = named["name"].strip().strip('"').strip() if named else ""
    written = named["address"].strip() if named else text
    local, _, domain = written.rpartition("@")
    ascii_domain = _domain(domain)
    if len(local) > 64 or not _LOCAL.match(local) or not ascii_domain:
        raise InvalidCall(f"'{field}' holds '{text[:120]}', which is not a mail address.")
    return Address(literal(name[:_LONGEST_NAME]), local, ascii_domain)


def _domain(text: str) -> str:
    """Answer a domain in ASCII, empty when it is none."""
    if _LITERAL.match(text):
        return text
    try:
        domain = text.encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return domain if len(domain) <= 253 and all(_LABEL.match(label) for label in domain.split(".")) else ""
