"""For commands that talk to a running server: where it is, who is asking, and what its answers mean.

The rule: a refusal becomes one sentence on standard error and exit code 1; nothing that the server says is swallowed.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import orjson

from sallyport import settings
from sallyport.cli import local, lock
from sallyport.clock import SystemClock
from sallyport.errors import SallyportError
from sallyport.store import documents

DEFAULT_URL = "http://127.0.0.1:8080"
SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
WORKFLOWS = SUBSCRIPTION + "/resourceGroups/sallyport/providers/Microsoft.Logic/workflows"
API_VERSION = "2019-05-01"
ALERTS = "/v1.0/security/alerts"
INDICATORS = "/beta/security/tiIndicators"
INGEST = "/ingest/alerts"
#: Types of triggers that have an address of their own.
CALLABLE = frozenset({"request", "manual", "apiconnectionwebhook", "httpwebhook"})
EXPANDED = {"$expand": "properties/actions,workflow/properties"}

#: A call may wait for what a synchronous workflow answers.
_TIMEOUT = httpx.Timeout(130.0, connect=5.0)
#: What OpenSSL calls it when a certificate leads to nobody who is trusted.
_DISTRUST = "CERTIFICATE_VERIFY_FAILED"
#: What a token is made of (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
#: Parts of a path that name nothing in a folder: itself, the one above it, and how much is in it.
_LEADING_ELSEWHERE = (".", "..", "$count")


class Refused(SallyportError):
    """Raised when the server answers a call with an error; the code and the status are the server's."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Unreachable(SallyportError):
    """Raised when no server answers."""

    code = "ServerUnreachable"
    status = 503

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(
            f"No sallyport server answers at {url} ({detail}). Start one with `sallyport up`, "
            "or name another with SALLYPORT_URL."
        )
        self.url = url


class NotTrusted(SallyportError):
    """Raised when a server's certificate is from nobody whom this command trusts, or it is not known whom to trust."""

    code = "ServerNotTrusted"
    status = 503

    def __init__(self, url: str, detail: str) -> None:
        super().__init__(
            f"{url} is not talked to ({detail}). Let SSL_CERT_FILE name the certificate of the server's authority, "
            "which `sallyport ca export` prints on its machine."
        )
        self.url = url


class NoAddress(SallyportError):
    """Raised when what SALLYPORT_URL holds is not the address of a server."""

    code = "NoAddress"

    def __init__(self, url: str) -> None:
        super().__init__(f"SALLYPORT_URL: '{url}' is not an address such as {DEFAULT_URL} or https://soar.example.com.")
        self.url = url


class NoToken(SallyportError):
    """Raised when what SALLYPORT_TOKEN holds cannot be a token; what it is stays unsaid."""

    code = "NoToken"

    def __init__(self) -> None:
        super().__init__(
            "SALLYPORT_TOKEN holds no token: it has a blank, a line end or another character that no token has. "
            "`sallyport token` prints one on the server's machine."
        )


class NameExpected(SallyportError):
    """Raised when a command is given something that can name nothing, such as an empty variable of a script."""

    code = "NameExpected"

    def __init__(self, given: str) -> None:
        super().__init__(f"A name or id is expected, not '{given}'.")


class Remote:
    """A running server, as the local administrator sees it."""

    def __init__(self, url: str, token: str, folder: Path | None = None) -> None:
        """Speak to the server at an address, whose certificate may be from the authority in a data folder.

        Raises NotTrusted.
        """
        self.url = url
        headers = {"Authorization": f"Bearer {token}", "User-Agent": "sallyport-cli"}
        # A proxy for the outside world has no business between a command and its server.
        self._client = httpx.Client(
            base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False, verify=_trusted(url, folder)
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Send a request and answer the response, when it is not an error.

        Raises Refused, Unreachable, NotTrusted.
        """
        try:
            response = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            if _DISTRUST in str(error):
                raise NotTrusted(self.url, str(error)) from None
            raise Unreachable(self.url, str(error) or type(error).__name__) from None
        if response.is_error:
            raise _refusal(response)
        return response

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """Answer the JSON value at a path."""
        # An empty mapping would take away the query that a link brings with it.
        return documents.loads(self.call("GET", path, params=dict(query) if query else None).content)

    def every(self, path: str, query: Mapping[str, Any] | None = None, most: int | None = None) -> Iterator[Any]:
        """Give the values of a list, page after page."""
        page, given = self.get(path, query), 0
        while True:
            for value in page["value"]:
                if most is not None and given >= most:
                    return
                given += 1
                yield value
            following = page.get("nextLink") or page.get("@odata.nextLink")
            if not following or not page["value"]:
                return
            page = self.get(_on_server(following))

    def workflow(self, name: str) -> str:
        """Answer the path of a workflow."""
        return f"{WORKFLOWS}/{segment(name)}"

    def put_workflow(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Store a workflow, and answer it as the server shows it."""
        headers = {"Content-Type": "application/json"}
        stored = self.call("PUT", self.workflow(name), content=documents.dumps(body), headers=headers)
        saved: dict[str, Any] = documents.loads(stored.content)
        return saved

    def callback_url(self, workflow: str, trigger: str) -> str:
        """Answer the signed address of a trigger."""
        path = f"{self.workflow(workflow)}/triggers/{segment(trigger)}/listCallbackUrl"
        return str(self.call("POST", path).json()["value"])

    def fire(self, workflow: str, trigger: str, body: bytes | None = None) -> str | None:
        """Fire a trigger at once, and answer the run that it started, None when it started none."""
        path = f"{self.workflow(workflow)}/triggers/{segment(trigger)}/run"
        headers = {"Content-Type": "application/json"} if body is not None else {}
        response = self.call("POST", path, content=body, headers=headers)
        started: str | None = response.headers.get("x-ms-workflow-run-id")
        return started

    def content(self, link: Mapping[str, Any] | None) -> Any:
        """Answer the inputs or outputs that a link of the history names; None when there is nothing to read."""
        if not link or not link.get("uri"):
            return None
        response = self.call("GET", _on_server(link["uri"]))
        return documents.loads(response.content) if response.content else None


@contextmanager
def opened(data: Path | None = None) -> Iterator[Remote]:
    """Answer the server that the environment names; whatever goes wrong ends the command."""
    try:
        found = settings.load(os.environ, given={"data": data})
    except settings.InvalidSetting as wrong:
        local.fail(wrong.message)
    try:
        remote = Remote(address(os.environ, found.data), token(os.environ, data), found.data)
    except SallyportError as wrong:
        local.fail(wrong.message)
    try:
        yield remote
    except SallyportError as refused:
        local.fail(sentence(refused))
    finally:
        remote.close()


def _trusted(url: str, folder: Path | None) -> ssl.SSLContext | bool:
    """Answer whom to trust: whom SSL_CERT_FILE names, else the public authorities, and the one in the data folder."""
    if not url.lower().startswith("https:"):
        return True
    from sallyport.web import local_authority

    try:
        trusted = httpx.create_ssl_context()
        authority = None if folder is None else folder / local_authority.FOLDER / local_authority.CERTIFICATE
        if authority is not None and authority.exists():
            trusted.load_verify_locations(authority)
    except OSError as error:
        # Those of OpenSSL are of this kind as well.
        raise NotTrusted(url, error.strerror or str(error)) from None
    return trusted


def segment(name: str) -> str:
    """Answer a name as one part of a path; raises NameExpected for what would lead to something else."""
    if not name.strip() or name in _LEADING_ELSEWHERE:
        raise NameExpected(name)
    return quote(name, safe="")


def address(environ: Mapping[str, str], folder: Path) -> str:
    """Answer where the server is: SALLYPORT_URL, else the server that runs on the data folder, else the default.

    Raises NoAddress.
    """
    given = environ.get("SALLYPORT_URL")
    if given:
        return _checked(given).rstrip("/")
    running = lock.holder(folder)
    return running.url.rstrip("/") if running else DEFAULT_URL


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
        usable = parsed.scheme in {"http", "https"} and bool(parsed.host)
    except (httpx.InvalidURL, UnicodeError):
        # A host that only looks like one in another alphabet fails when it is read, not when it is parsed.
        usable = False
    if not usable:
        raise NoAddress(url)
    return url


def token(environ: Mapping[str, str], data: Path | None = None) -> str:
    """Answer a token: SALLYPORT_TOKEN where somebody else issued one, else one made from the data folder's keys.

    Raises NoToken.
    """
    given = environ.get("SALLYPORT_TOKEN")
    if given:
        if not _TOKEN.fullmatch(given):
            raise NoToken
        return given
    from sallyport.auth import administrator

    with local.opened(data) as here:
        seconds = here.settings.token_lifetime_seconds
        return administrator.local_token(here.db, here.settings.data, SystemClock(), seconds)


def sentence(error: SallyportError) -> str:
    """Answer what went wrong: of the server's words one line, our own as they are laid out."""
    if not isinstance(error, Refused):
        return error.message
    message = " ".join(error.message.split())
    return f"{message} ({error.code})" if error.code and error.code not in message else message


def _refusal(response: httpx.Response) -> Refused:
    """Answer the error that a response shows, whatever shape it has."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
    elif isinstance(error, str) and isinstance(body, dict):
        code, message = error, str(body.get("error_description") or "")
    else:
        code, message = "", ""
    described = message or f"The server answered {response.status_code} {response.reason_phrase}."
    return Refused(code or str(response.status_code), described, response.status_code)


def _on_server(url: str) -> str:
    """Answer a link's path and query, so that it is followed on the server that was asked, whatever it calls itself."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
