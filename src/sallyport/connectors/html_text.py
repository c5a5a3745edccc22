"""HTML as plain text, for those who read their mail without it: blocks become lines, links keep their address."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_HIDDEN = frozenset({"head", "script", "style", "template", "title"})
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
_MARKUP = re.compile(r"<(?:[a-zA-Z][^<>]*|/[a-zA-Z][^<>]*|!--)>?")


def is_html(text: str) -> bool:
    """Answer whether a text holds an element."""
    return bool(_MARKUP.search(text))


def plain(html: str) -> str:
    """Answer what a document says, as lines of text."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._pieces: list[str] = []
        self._hidden = 0
        self._links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden += 1
        self._edge(tag)
        if tag == "br":
            self._pieces.append("\n")
        elif tag == "li":
            self._pieces.append("- ")
        elif tag in ("td", "th"):
            self._pieces.append("\t")
        elif tag == "a":
            self._links.append((dict(attrs).get("href") or "", len(self._pieces)))

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        if tag == "a" and self._links:
            address, start = self._links.pop()
            shown = "".join(self._pieces[start:]).strip()
            if address and shown and address not in (shown, f"mailto:{shown}"):
                self._pieces.append(f" <{address}>")
        self._edge(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._pieces.append(data.replace("\n", " "))

    def text(self) -> str:
        lines = [_SPACES.sub(" ", line).strip() for line in "".join(self._pieces).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

    def _edge(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._pieces.append("\n\n" if tag in _APART else "\n")
