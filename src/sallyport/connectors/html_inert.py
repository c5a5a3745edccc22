"""A text that may hold a little formatting, as HTML that does no more than format it.

The rule: texts of alerts stand in it, and attackers write those: no attribute counts, a link shows where it leads,
whatever is no formatting is shown as it is written, and nothing of it reaches beyond its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from sallyport.connectors import html_text

#: What an author formats a text with.
_FORMATS = re.compile(r"<(/?)(a|b|br|em|i|li|ol|p|strong|u|ul)((?:[\s/][^<>]*)?)>", re.ASCII | re.IGNORECASE)
#: With one of these an author says himself where lines end.
_BREAKS = frozenset({"br", "li", "p"})
#: More formatting inside of formatting means nothing any more.
_DEEPEST = 20


def inert(text: str) -> str:
    """Answer a text as HTML that a mail can hold."""
    tags = list(_FORMATS.finditer(text))
    ends_lines = any(tag[2].lower() in _BREAKS for tag in tags)
    shown = "".join(_pieces(text, tags))
    return shown if ends_lines else shown.replace("\n", "<br>\n")


def _pieces(text: str, tags: list[re.Match[str]]) -> Iterator[str]:
    at, leads_to, inside = 0, "", list[str]()
    for tag in tags:
        yield _shown(text[at : tag.start()])
        at, name = tag.end(), tag[2].lower()
        if name == "a":
            yield f" &lt;{escape(leads_to)}&gt;" if leads_to else ""
            leads_to = "" if tag[1] else html_text.address(tag[3])
        elif name == "br":
            yield "<br>"
        elif not tag[1] and len(inside) < _DEEPEST:
            inside.append(name)
            yield f"<{name}>"
        elif tag[1] and name in inside:
            yield from _ended(inside, len(inside) - 1 - inside[::-1].index(name))
    yield _shown(text[at:])
    yield f" &lt;{escape(leads_to)}&gt;" if leads_to else ""
    yield from _ended(inside, 0)


def _ended(inside: list[str], at: int) -> Iterator[str]:
    """Answer the ends of what began at a place and since."""
    while len(inside) > at:
        yield f"</{inside.pop()}>"


def _shown(text: str) -> str:
    """Answer a text as HTML, whether its author wrote it for HTML or not."""
    return escape(html_text.unescaped(text))
