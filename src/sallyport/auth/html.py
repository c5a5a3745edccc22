"""The pages of identity: sign in, consent, a device's code, and what went wrong.

The rule: every text of a caller is escaped, there is no script, and a page may do nothing but show itself and send its
form back to where it came from.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape

from starlette.responses import Response

from sallyport.auth import redirects

_STYLE = (
    "body{font:16px/1.5 system-ui,'Segoe UI',sans-serif;color:#222;background:#f3f3f3;margin:0;padding:8vh 16px}"
    "main{max-width:30rem;margin:auto;background:#fff;border-radius:8px;padding:32px;box-shadow:0 1px 4px #0003}"
    "h1{font-size:1.3rem;margin:0 0 1rem}dt{font-weight:600}dd{margin:0 0 .6rem}dt,dd,p{overflow-wrap:anywhere}"
    "label{display:block;margin:0 0 1rem}input{font:inherit;width:100%;box-sizing:border-box;padding:8px;"
    "margin-top:6px;border:1px solid #767676;border-radius:4px}.wrong{color:#a4262c}"
    "button{font:inherit;font-weight:600;color:#fff;background:#0f6cbd;border:1px solid #0f6cbd;border-radius:4px;"
    "padding:10px 24px;margin-right:8px;cursor:pointer}button.plain{color:#222;background:#fff;border-color:#767676}"
    ":focus-visible{outline:3px solid #222;outline-offset:2px}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")


def page(title: str, content: str, status: int = 200, *, forms_lead_to: str = "") -> Response:
    """Answer a page; `forms_lead_to` is the origin to which a form's answer may redirect."""
    html = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="robots" content="noindex">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n'
        f"<body><main>\n<h1>{escape(title)}</h1>\n{content}\n</main></body>\n</html>\n"
    )
    # Browsers hold a form's redirect against `form-action` too.
    policy = (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self' {forms_lead_to}".rstrip()
        + "; frame-ancestors 'none'; base-uri 'none'"
    )
    # With no referrer at all, browsers would send no origin with the form either.
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return Response(html, status, headers, media_type="text/html")


def sign_in(ticket: str, name: str, wrong: str, forms_lead_to: str) -> Response:
    """Answer the page that asks who somebody is."""
    complaint = f'<p class="wrong" role="alert">{escape(wrong)}</p>\n' if wrong else ""
    # Whoever has said a name types the password next.
    at_name, at_password = ("", " autofocus") if name else (" autofocus", "")
    return page(
        "Sign in",
        f'{complaint}<form method="post" action="/identity/signin">\n{_hidden("ticket", ticket)}'
        f'<label>Name<input name="name" autocomplete="username" required{at_name} value="{escape(name)}"></label>\n'
        '<label>Password<input name="password" type="password" autocomplete="current-password" required'
        f"{at_password}></label>\n"
        '<button type="submit">Sign in</button></form>',
        forms_lead_to=forms_lead_to,
    )


def consent(
    ticket: str, facts: Mapping[str, str], permissions: Sequence[tuple[str, str]], forms_lead_to: str
) -> Response:
    """Answer the page that asks an administrator to grant an application what it asks for."""
    shown = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    listed = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(summary)}</dd>" for name, summary in permissions)
    return page(
        "Permissions requested",
        f"<dl>\n{shown}\n</dl>\n<p>If you accept, this application may do this for the whole tenant:</p>\n"
        f"<dl>\n{listed}\n</dl>\n"
        f'<form method="post" action="/identity/decide">\n{_hidden("ticket", ticket)}'
        '<button name="decision" value="accept" type="submit">Accept</button>'
        '<button class="plain" name="decision" value="cancel" type="submit">Cancel</button></form>',
        forms_lead_to=forms_lead_to,
    )


def device(ticket: str, wrong: str = "") -> Response:
    """Answer the page that asks for the code that a device shows."""
    complaint = f'<p class="wrong" role="alert">{escape(wrong)}</p>\n' if wrong else ""
    return page(
        "Enter code",
        f'{complaint}<form method="post" action="/identity/device">\n{_hidden("ticket", ticket)}'
        '<label>The code that your device shows<input name="user_code" autocomplete="off" required autofocus></label>\n'
        '<button type="submit">Next</button></form>',
    )


def confirm_device(ticket: str, application: str, user: str) -> Response:
    """Answer the page that asks whether a device is meant to be signed in."""
    return page(
        "Are you trying to sign in?",
        f"<p>You are signing in to <strong>{escape(application)}</strong> on another device as {escape(user)}.</p>\n"
        f'<form method="post" action="/identity/decide">\n{_hidden("ticket", ticket)}'
        '<button name="decision" value="accept" type="submit">Continue</button>'
        '<button class="plain" name="decision" value="cancel" type="submit">Cancel</button></form>',
    )


def post_to(address: str, fields: Mapping[str, str]) -> Response:
    """Answer a page whose form brings an answer back to an application that wants it posted."""
    inputs = "".join(_hidden(name, value) for name, value in fields.items())
    return page(
        "One more step",
        f'<form method="post" action="{escape(address)}">\n{inputs}<button type="submit">Continue</button></form>',
        forms_lead_to=redirects.origin(address),
    )


def told(title: str, sentence: str, status: int = 200) -> Response:
    """Answer a page that only says something."""
    return page(title, f"<p>{escape(sentence)}</p>", status)


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n'
