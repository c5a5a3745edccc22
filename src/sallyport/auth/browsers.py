"""Who is behind a browser: its own cookie, its session, and tickets that only it can hand in, once.

The rule: a form counts only with the ticket that was given to the very browser that sends it, and only once; so nobody
can make somebody else's browser consent. The APIs know no cookies.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response

from sallyport import errors
from sallyport.auth.authority import SESSION, SESSION_IDLE, Authority
from sallyport.store import grants, schema, sessions, users
from sallyport.store.sealing import SecretUnreadable
from sallyport.store.sessions import Session
from sallyport.store.users import User

_BROWSER, _SESSION = "sallyport_browser", "sallyport_session"
#: How long somebody may think over a page.
TICKET = timedelta(minutes=15)


class TicketRefused(errors.BadRequest):
    """Raised when a form comes without its ticket, from another browser, too late, or a second time."""

    def __init__(self) -> None:
        super().__init__("This page is no longer valid. Go back to where you came from, and begin again.")


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser, and who is signed in with it."""

    #: Random, known to nobody but the browser.
    id: str
    user: User | None = None
    #: Whether the cookie must be set.
    new: bool = False


async def recognise(authority: Authority, request: Request) -> Browser:
    """Answer the browser behind a request."""
    known = request.cookies.get(_BROWSER, "")
    browser = Browser(known) if len(known) == 43 else Browser(secrets.token_urlsafe(32), new=True)
    token = request.cookies.get(_SESSION, "")
    if not token or browser.new:
        return browser
    now = authority.clock.now()
    oldest, unused = schema.instant(now - SESSION), schema.instant(now - SESSION_IDLE)

    def read(connection: Connection) -> User | None:
        session = sessions.get(connection, _hashed(token))
        if session is None or session.signed_in_at <= oldest or session.used_at <= unused:
            return None
        sessions.use(connection, session.id_hash, schema.instant(now))
        user = users.get(connection, session.user_id)
        return user if user is not None and user.enabled else None

    return Browser(browser.id, await authority.db.write(read))


async def begin_session(authority: Authority, request: Request, response: Response, user: User) -> None:
    """Sign a user in with the browser behind a request, under a new session."""
    token, now = secrets.token_urlsafe(32), schema.instant(authority.clock.now())
    former = request.cookies.get(_SESSION, "")

    def store(connection: Connection) -> None:
        if former:
            sessions.remove(connection, _hashed(former))
        sessions.insert(connection, Session(_hashed(token), user.id, now, now))

    await authority.db.write(store)
    _set(request, response, _SESSION, token)


async def end_session(authority: Authority, request: Request, response: Response) -> None:
    """Sign out whoever is signed in."""
    token = request.cookies.get(_SESSION, "")
    if token:
        await authority.db.write(lambda connection: sessions.remove(connection, _hashed(token)))
    response.delete_cookie(_SESSION, path="/")


def remember(request: Request, response: Response, browser: Browser) -> Response:
    """Answer a response that lets the browser be recognised again."""
    if browser.new:
        _set(request, response, _BROWSER, browser.id)
    return response


def ticket(authority: Authority, browser: Browser, purpose: str, detail: Mapping[str, Any]) -> str:
    """Answer a ticket for a form, which says what the form is about."""
    until = (authority.clock.now() + TICKET).timestamp()
    held = {
        "for": purpose,
        "by": _hashed(browser.id),
        "until": until,
        "once": secrets.token_hex(16),
        "is": dict(detail),
    }
    return authority.sealer.seal(orjson.dumps(held), "ticket")


async def redeem(authority: Authority, request: Request, browser: Browser, purpose: str, text: str) -> dict[str, Any]:
    """Answer what a ticket says, and let it count no more; raises `TicketRefused`."""
    _check_origin(request)
    try:
        held = orjson.loads(authority.sealer.open(text, "ticket"))
    except (SecretUnreadable, ValueError):
        raise TicketRefused from None
    now = authority.clock.now()
    mine = secrets.compare_digest(held["by"], _hashed(browser.id))
    if browser.new or not mine or held["for"] != purpose or held["until"] < now.timestamp():
        raise TicketRefused
    until = schema.instant(now + TICKET)
    if not await authority.db.write(lambda connection: grants.spend(connection, held["once"], until)):
        raise TicketRefused
    found: dict[str, Any] = held["is"]
    return found


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin != f"{request.url.scheme}://{request.url.netloc}":
        raise TicketRefused


def _set(request: Request, response: Response, name: str, value: str) -> None:
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, httponly=True, samesite="lax", secure=secure, path="/")


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
