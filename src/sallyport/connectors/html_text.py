"""HTML as plain text, for those who read their mail without it: blocks become lines, links keep their address.

The rule: a document is gone through once, whatever it holds: texts of alerts stand in it, and attackers write those.
The standard library's reader begins anew at each tag that is never closed, and took minutes for a hundred kilobytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_HIDDEN = frozenset({"head", "script", "style", "template", "title"})
#: What stands in these is no HTML.
_RAW = frozenset({"script", "style"})
_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "fieldset", "figure", "footer", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tr"),
        *("tbody", "thead", "ul"),
    }
)
#: Blocks with an empty line around them.
_APART = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "table", "ul"})
_SPACES = re.compile(r"[ \t\r\f\v\u00a0]+")
_BEGINNING = re.compile(
    r"\s*<(!doctype|!--|(html|head|style|body|div|p|table|h[1-6]|[uo]l|pre|center|span|font|b|strong|i|em|a|br|img)[\s/>])",
    re.IGNORECASE,
)
#: A tag begins with a letter, and ends with the first `>` that no quoted value of an attribute holds.
_BEGINS = re.compile(r"</?[a-zA-Z]")
_TAG = re.compile(r"""<(/?)([a-zA-Z][^\s/>]*)((?:[^>=]|=\s*+(?:"[^"]*"|'[^']*')?+)*+)>""")
_ADDRESS = re.compile(r"""[\s"'/]href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)


def begins(text: str) -> bool:
    """Answer whether a text begins as HTML does; further on texts of alerts stand, and attackers write those."""
    return bool(_BEGINNING.match(text))


def plain(document: str) -> str:
    """Answer what a document says, as lines of text."""
    reader = _Reader()
    for piece in _pieces(document):
        reader.take(piece)
    return reader.text()


def _pieces(document: str) -> Iterator[str | re.Match[str]]:
    """Answer texts and tags, in order; comments are left out, and what is never closed is text."""
    at = 0
    while at < len(document):
        begins = document.find("<", at)
        if begins < 0:
            break
        yield document[at:begins]
        tag = _TAG.match(document, begins)
        if tag is not None:
            yield tag
            at = _behind_raw(document, tag)
        elif document.startswith("<!", begins) or document.startswith("<?", begins):
            mark = "-->" if document.startswith("<!--", begins) else ">"
            ends = document.find(mark, begins)
            if ends < 0:
                at = begins
                break
            at = ends + len(mark)
        elif _BEGINS.match(document, begins):
            # No tag that begins later ends either.
            at = begins
            break
        else:
            yield "<"
            at = begins + 1
    yield document[at:]


def _behind_raw(document: str, tag: re.Match[str]) -> int:
    """Answer where to go on behind a tag: at its end, or where what is no HTML ends."""
    name = tag[2].lower()
    if tag[1] or name not in _RAW:
        return tag.end()
    closing = re.compile(f"</{name}", re.IGNORECASE).search(document, tag.end())
    return len(document) if closing is None else closing.start()


class _Reader:
    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._hidden = 0
        #: The address of the link that is open, and where its text begins.
        self._link: tuple[str, int] | None = None

    def take(self, piece: str | re.Match[str]) -> None:
        if isinstance(piece, str):
            if piece and not self._hidden:
                self._pieces.append(unescaped(piece).replace("\n", " "))
        elif piece[1]:
            self._end(piece[2].lower())
        else:
            self._start(piece[2].lower(), piece[3])

    def text(self) -> str:
        self._end_link()
        lines = [_SPACES.sub(" ", line).strip() for line in "".join(self._pieces).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

    def _start(self, tag: str, attributes: str) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag == "body":
            # It ends a head that was left open, as it may be.
            self._hidden = 0
        self._edge(tag)
        if tag == "br":
            self._pieces.append("\n")
        elif tag == "li":
            self._pieces.append("- ")
        elif tag in ("td", "th"):
            self._pieces.append("\t")
        elif tag == "a":
            # There are no links within links.
            self._end_link()
            self._link = address(attributes), len(self._pieces)

    def _end(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        if tag == "a":
            self._end_link()
        self._edge(tag)

    def _end_link(self) -> None:
        if self._link is None:
            return
        (leads_to, start), self._link = self._link, None
        shown = "".join(self._pieces[start:]).strip()
        if leads_to and shown and leads_to not in (shown, f"mailto:{shown}"):
            self._pieces.append(f" <{leads_to}>")

    def _edge(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._pieces.append("\n\n" if tag in _APART else "\n")


def address(attributes: str) -> str:
    """Answer where a link with these attributes leads; empty when they do not say."""
    found = _ADDRESS.search(attributes)
    return unescaped(next((each for each in found.groups() if each is not None), "")) if found else ""


def unescaped(text: str) -> str:
    """Answer a text with the characters that its entities stand for."""
    try:
        return html.unescape(text)
    except ValueError:
        # The number of a character has thousands of digits.
        return text
