"""What a start of the server tells: where everything is, in one screen."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from sallyport import settings
from sallyport.auth import administrator, connector
from sallyport.cli.serving import Serving


def show(serving: Serving, console: Console, *, demo: bool) -> None:
    """Print where everything is, and at a first start the administrator's secret, once."""
    url, told = serving.url, serving.settings
    places = [
        ("Graph Security API", f"{url}/v1.0/security/alerts  (also /beta)"),
        ("Send alerts", f"{url}/ingest/alerts"),
        ("Management API", f"{url}/subscriptions/{serving.house.authority.tenant_id}/..."),
        ("Token endpoint", f"{url}/{serving.house.authority.tenant_id}/oauth2/v2.0/token"),
        *_encrypted(serving),
        ("Data folder", str(told.data)),
        ("Mail", _mail(serving)),
    ]
    if demo:
        granted = f"{connector.DISPLAY_NAME} has consent, for the demonstration; see: sallyport consent show"
        places.append(("Connector", granted))
    both = f"{url} and {serving.https_url}" if serving.https_url else url
    console.print(Text(f"sallyport runs on {both}", style="bold green"))
    list_places(console, places)
    if not settings.loopback(told.http_host):
        warning = f"  Tokens cross the network in clear: http listens on {told.http_host}; end TLS in front."
        console.print(Text(warning, style="bold yellow"))
    first = serving.house.first
    if first is not None:
        console.print(Text("  The administrator, shown this once:", style="bold"))
        console.print(f"    client_id {first.client_id}")
        console.print(f"    client_secret {first.client_secret}", markup=False)
        administrator.told(told.data)
    around = "" if url == "http://127.0.0.1:8080" else f"SALLYPORT_URL={url} "
    asked = "runs list" if demo else "deploy FILE"
    hint = f"{around}SALLYPORT_DATA={shlex.quote(str(told.data))} sallyport {asked}"
    console.print(Text(f"  In another terminal: {hint}    Ctrl-C ends.", style="dim"))


def list_places(console: Console, places: Sequence[tuple[str, str]]) -> None:
    """Print what is where, each on a line of its own that nothing cuts: addresses are there to be copied."""
    longest = max(len(what) for what, _ in places)
    for what, where in places:
        console.print(Text.assemble((f"  {what:<{longest}}  ", "dim"), where), soft_wrap=True)


def _encrypted(serving: Serving) -> list[tuple[str, str]]:
    rows = [("https", "trust its certificate with: sallyport ca show")] if serving.settings.tls == "local" else []
    if serving.proxy_url:
        rows.append(("Built-in hosts", f"HTTPS_PROXY={serving.proxy_url}  (see: sallyport ca show)"))
    return rows


def _mail(serving: Serving) -> str:
    if serving.house.mailbox is None:
        return f"sent through {serving.settings.smtp_host}:{serving.settings.smtp_port}"
    return f"kept in the built-in mailbox (127.0.0.1:{serving.house.mailbox.port}); read it with: sallyport mail list"
