"""The pages behind the links of a mail that asks: to confirm a choice, and to say what became of it.

The rule: every text of an author or a caller is escaped, and a page needs nothing that a strict content security policy
would have to allow but its own style, which is allowed by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from sallyport.connectors.office365.approval import Choice

_STYLE = (
    "body{font:16px/1.5 system-ui,'Segoe UI',sans-serif;color:#222;background:#f3f3f3;margin:0;padding:8vh 16px}"
    "main{max-width:34rem;margin:auto;background:#fff;border-radius:8px;padding:32px;box-shadow:0 1px 4px #0003}"
    "h1{font-size:1.3rem;margin:0 0 1rem}strong{overflow-wrap:anywhere}"
    "button{font:inherit;font-weight:600;color:#fff;background:#0f6cbd;border:0;border-radius:4px;padding:10px 24px;"
    "cursor:pointer}button:focus-visible{outline:3px solid #222;outline-offset:2px}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")
#: What a browser may do with such a page: show it, and send its form back to where it came from.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def confirmation(choice: Choice) -> str:
    """Answer the page that asks whether the choice is meant: a mail scanner that opens links decides nothing."""
    return _page(
        "Confirm your choice",
        f"<p>{escape(choice.subject)}</p>\n<p>You are about to answer: <strong>{escape(choice.option)}</strong></p>\n"
        '<form method="post"><button type="submit">Confirm</button></form>',
    )


def accepted(choice: Choice) -> str:
    """Answer the page that thanks for a choice."""
    return _page(
        "Thank you",
        f"<p>{escape(choice.subject)}</p>\n<p>Your answer was recorded: <strong>{escape(choice.option)}</strong></p>",
    )


def answered_before(choice: Choice) -> str:
    """Answer the page that says that an answer was given already."""
    # What this link said before, another process may have heard, or this one before it was started anew.
    return _page(
        "Already answered",
        f"<p>{escape(choice.subject)}</p>\n"
        "<p>An answer was given already, by yourself or by somebody else; this one changes nothing.</p>",
    )


def nobody_waits(choice: Choice) -> str:
    """Answer the page that says that the workflow waits no more."""
    return _page(
        "Nobody waits for this answer any more",
        f"<p>{escape(choice.subject)}</p>\n<p>The workflow that asked has gone on without it, or has ended.</p>",
    )


def not_delivered(choice: Choice) -> str:
    """Answer the page that says that the choice did not reach the workflow, and lets the person try again."""
    return _page(
        "Your answer could not be delivered",
        f"<p>{escape(choice.subject)}</p>\n<p>Please try again in a moment.</p>\n"
        '<form method="post"><button type="submit">Try again</button></form>',
    )


def refused(title: str, sentence: str) -> str:
    """Answer the page for a link that does not hold."""
    return _page(title, f"<p>{escape(sentence)}</p>")


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{content}\n</main>\n</body>\n</html>\n"
    )
