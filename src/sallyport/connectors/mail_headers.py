"""How a mail's headers with an author's words are written: addresses with names, and the subject.

The rule: a name and a subject arrive as what they were, and a name never as anything but a name. The standard library
takes the quotes off a name that it folds, so that what stands before a comma in it becomes a recipient, and loses
blanks between the pieces of what it encodes; long identifiers it encodes as if they were words.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.header import Header
from email.headerregistry import Address
from email.policy import EmailPolicy

#: RFC 2047, section 2: no line with an encoded word is longer.
_ENCODED = 76
_LINE_END = "\r\n"
#: What refers to one compares it as it is written: neither encoded nor on a line of its own.
_IDENTIFIERS = frozenset({"message-id", "content-id"})


class MailPolicy(EmailPolicy):
    """The policy of SMTP, but for what the library does to the words of authors."""

    def fold(self, name: str, value: str) -> str:
        """Answer a header as lines."""
        addresses = getattr(value, "addresses", None)
        if addresses is not None:
            return f"{name}: {_listed(addresses)}{_LINE_END}"
        if name.casefold() == "subject" and not value.isascii():
            return f"{name}: {_encoded(value, len(name) + 2)}{_LINE_END}"
        if name.casefold() in _IDENTIFIERS and value.isascii():
            return f"{name}: {value}{_LINE_END}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        """Answer a header as the bytes of its lines."""
        return self.fold(name, value).encode("ascii", "surrogateescape")


def _listed(addresses: Iterable[Address]) -> str:
    return f",{_LINE_END} ".join(_address(each) for each in addresses)


def _address(address: Address) -> str:
    """Answer an address on one line, or more when its name must be encoded; no name is so long that a line were."""
    name = address.display_name
    return str(address) if name.isascii() else f"{_encoded(name, 1)} <{address.addr_spec}>"


def _encoded(text: str, column: int) -> str:
    return Header(text, "utf-8", maxlinelen=_ENCODED, header_name=" " * max(0, column - 2)).encode(linesep=_LINE_END)
