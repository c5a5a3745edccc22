"""People who sign in at a real server, and applications that let them: what tests of sign-ins begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msal

from acceptance import browser, sdk
from acceptance.browser import Browser
from acceptance.sdk import Sdk
from sallyport.cli import local
from sallyport.store import clients
from sallyport.store.clients import SignIns

GRAPH = "https://graph.microsoft.com"
READ, CHANGE = f"{GRAPH}/SecurityEvents.Read.All", f"{GRAPH}/SecurityEvents.ReadWrite.All"
#: What a program on a desktop registers, and where a web application waits.
DESKTOP, WEB = "http://localhost", "https://app.contoso.example/back"
ROOT, READER, OPERATOR = "root@contoso.example", "reader@contoso.example", "operator@contoso.example"
_ROLES = {ROOT: "Global Administrator", READER: "Security Reader", OPERATOR: "Security Operator"}


@dataclass
class Tenant:
    """A server with an administrator and two people who work on alerts."""

    sdk: Sdk
    passwords: dict[str, str]
    #: An alert that is there to be read.
    alert: str

    def application(
        self, name: str, *, public: bool = False, scopes: tuple[str, ...] = (), exposes: tuple[str, ...] = ()
    ) -> Sdk:
        """Register an application that lets people sign in; nobody has consented to anything in their names."""
        made = sdk.registered(self.sdk.server, name, "SecurityEvents.Read.All")
        sign_ins = SignIns((DESKTOP, WEB), public, scopes, exposes)
        with local.opened(self.sdk.server.folder) as here:
            here.db.write_now(lambda connection: clients.put_sign_ins(connection, made.client_id, sign_ins))
        return made

    @contextmanager
    def browser(self) -> Iterator[Browser]:
        """Open somebody's browser."""
        with browser.opened(self.sdk.server.authority_file) as window:
            yield window

    def consent(self, app: Sdk, scope: str) -> None:
        """Let the administrator consent to what an application wants to do in people's names."""
        with self.browser() as window:
            address = httpx.URL(
                f"{app.host}/{app.tenant}/v2.0/adminconsent",
                params={"client_id": app.client_id, "scope": scope, "redirect_uri": WEB, "state": "s"},
            )
            window.open(str(address))
            window.sign_in(ROOT, self.passwords[ROOT])
            assert app.client_id in window.page.text
            window.press("Accept")
            assert window.returned.startswith(f"{WEB}?")
            assert (window.answer["admin_consent"], window.answer["state"]) == ("True", "s")
            assert "error" not in window.answer

    def sign_in(self, program: Any, scopes: list[str], name: str, address: str) -> dict[str, Any]:
        """Walk through the pages as somebody, and answer what msal made of it."""
        # A web application lets the answer be posted, as msal advises; what listens on a desktop reads its address.
        mode = "form_post" if address == WEB else "query"
        flow = program.initiate_auth_code_flow(scopes, redirect_uri=address, response_mode=mode)
        with self.browser() as window:
            window.open(flow["auth_uri"])
            window.sign_in(name, self.passwords[name])
            if mode == "form_post":
                window.press("Continue")
            assert window.returned.partition("?")[0] == address
            found: dict[str, Any] = program.acquire_token_by_auth_code_flow(flow, window.answer)
        return found

    def let_in(self, address: str, code: str, name: str, decision: str = "Continue") -> str:
        """Type a device's code as somebody, decide, and answer what the last page says."""
        with self.browser() as window:
            window.open(address)
            window.press("Next", {"user_code": code})
            window.sign_in(name, self.passwords[name])
            window.press(decision)
            return window.page.text

    def ask(self, token: str, method: str = "GET", **more: Any) -> httpx.Response:
        """Ask for the alert with a token."""
        with self.sdk.http() as client:
            headers = {"Authorization": f"Bearer {token}"}
            return client.request(method, f"/v1.0/security/alerts/{self.alert}", headers=headers, **more)


@contextmanager
def tenant(folder: Path) -> Iterator[Tenant]:
    """Start a server with its people and an alert."""
    with sdk.running(folder) as app:
        passwords = {
            name: app.server.json("user", "add", name, "--role", role)["password"] for name, role in _ROLES.items()
        }
        vendor = {"provider": "Tester", "vendor": "Contoso"}
        with app.http() as client:
            made = client.post(
                "/v1.0/security/alerts", json={"title": "Seen", "severity": "high", "vendorInformation": vendor}
            )
        assert made.status_code == 201, made.text
        yield Tenant(app, passwords, made.json()["id"])


def desktop(app: Sdk) -> Any:
    """A program of msal that can keep no secret."""
    return msal.PublicClientApplication(app.client_id, **_told(app))


def web(app: Sdk) -> Any:
    """A program of msal that has a secret."""
    return msal.ConfidentialClientApplication(app.client_id, client_credential=app.client_secret, **_told(app))


def _told(app: Sdk) -> dict[str, Any]:
    return {
        "authority": f"{app.host}/{app.tenant}",
        "instance_discovery": False,
        "verify": str(app.server.authority_file),
    }
