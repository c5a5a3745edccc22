"""A browser without script: pages, their forms and cookies, as a person at a keyboard uses them.

The rule: it sends what a page's own form holds and nothing that the page did not offer.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx


@dataclass
class Form:
    """A form: where it goes, what it holds, and its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    #: Name, value and words of each.
    buttons: list[tuple[str, str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._button: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(told.get("action", ""), told.get("method", "get").lower()))
        elif tag == "input":
            self.forms[-1].fields[told["name"]] = told.get("value", "")
        elif tag == "button":
            self._button = (told.get("name", ""), told.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._button is not None and data.strip():
            self.forms[-1].buttons.append((*self._button, data.strip()))
            self._button = None


class Browser:
    """One person's browser."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._page: httpx.Response | None = None
        #: Where the last redirect, or the last form, led that left the server.
        self.returned = ""
        self._posted: dict[str, str] = {}

    @property
    def page(self) -> httpx.Response:
        """Answer the page that is shown."""
        assert self._page is not None
        return self._page

    @property
    def form(self) -> Form:
        """Answer the form of the page."""
        reader = _Forms()
        reader.feed(self.page.text)
        assert len(reader.forms) == 1, self.page.text
        return reader.forms[0]

    @property
    def answer(self) -> dict[str, str]:
        """Answer what a program was told when the browser came back to it."""
        assert self.returned, self.page.text
        found = {name: values[0] for name, values in parse_qs(urlsplit(self.returned).query).items()}
        return {**found, **self._posted}

    def open(self, url: str) -> None:
        """Follow an address, and every redirect that stays on its server."""
        self._arrive(self._client.get(url))

    def press(self, words: str, filled: Mapping[str, str] | None = None) -> None:
        """Fill in fields of the form, and send it with the button that says these words."""
        form, given = self.form, dict(filled or {})
        assert given.keys() <= form.fields.keys(), self.page.text
        data = {**form.fields, **given}
        name, value = next((name, value) for name, value, said in form.buttons if said == words)
        if name:
            data[name] = value
        target = urljoin(str(self.page.url), form.action)
        own = urlsplit(str(self.page.url))
        assert form.method == "post"
        if urlsplit(target).netloc != own.netloc:
            self.returned, self._posted = target, data
            return
        self._arrive(self._client.post(target, data=data, headers={"Origin": f"{own.scheme}://{own.netloc}"}))

    def sign_in(self, name: str, password: str) -> None:
        """Say who sits here."""
        self.press("Sign in", {"name": name, "password": password})

    def _arrive(self, response: httpx.Response) -> None:
        self.returned, self._posted = "", {}
        while response.is_redirect:
            target = urljoin(str(response.url), response.headers["location"])
            if urlsplit(target).netloc != urlsplit(str(response.url)).netloc:
                self.returned = target
                return
            response = self._client.get(target)
        self._page = response


@contextmanager
def opened(authority: Path) -> Iterator[Browser]:
    """Open a browser that trusts a server's own authority, and nobody is signed in."""
    trusting = ssl.create_default_context(cafile=str(authority))
    with httpx.Client(verify=trusting, trust_env=False, timeout=30) as client:
        yield Browser(client)
