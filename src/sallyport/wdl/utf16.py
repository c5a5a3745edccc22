"""Positions in strings as .NET counts them: in UTF-16 code units, so that one emoji counts two.

Texts without such characters, nearly all, are worked on as they are. `spread` gives a text in which every character is
one unit; `gather` turns a piece of it back, and half of a pair becomes U+FFFD.
"""

from __future__ import annotations

from array import array

from sallyport.wdl import values


def spread(text: str) -> str:
    """Answer the text with each character beyond U+FFFF as its two surrogates."""
    if text.isascii():
        return text
    encoded = text.encode("utf-16-le", "surrogatepass")
    if len(encoded) == 2 * len(text):
        return text
    units = array("H")
    units.frombytes(encoded)
    return "".join(map(chr, units))


def gather(piece: str) -> str:
    """Answer a piece of a spread text as ordinary text."""
    return piece if piece.isascii() else values.whole(piece)


def length(text: str) -> int:
    """Answer how many code units the text has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def lower(text: str) -> str:
    """Answer the text in lower case, character by character in the invariant culture."""
    changed = text.lower()
    # Of what changes with its neighbours, or in length, only a capital sigma keeps the length.
    same = text.isascii() or (len(changed) == len(text) and "\u03a3" not in text)
    return changed if same else text.translate({ord(each): _lower(each) for each in set(text)})


def upper(text: str) -> str:
    """Answer the text in upper case, character by character in the invariant culture."""
    changed = text.upper()
    same = text.isascii() or (len(changed) == len(text) and "\u0131" not in text)
    return changed if same else text.translate({ord(each): _upper(each) for each in set(text)})


def _lower(character: str) -> str:
    changed = character.lower()
    return changed if len(changed) == 1 else character


def _upper(character: str) -> str:
    # The dotless i of Turkish stays: in the invariant culture it has no upper case.
    changed = character.upper()
    return changed if len(changed) == 1 and character != "\u0131" else character
