"""The guides say what works: every program that they show runs against a real server, and so does every shell line."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import processes
from processes import PATIENCE_SECONDS, PROGRAM, Server, environment
from workplace import ROOT

GUIDES = tuple(
    ROOT / "docs" / "howto" / name for name in ("move-an-sdk.md", "move-a-siem-connector.md", "move-a-feeder.md")
)
BLOCK = re.compile(r"^```(\w*)( before)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: The programs that a guide shows as they were run against Microsoft's cloud are run behind the proxy.
PROGRAMS = [
    pytest.param(block, bool(before), id=f"{guide.stem}-{number}{'-unchanged' if before else ''}")
    for guide in GUIDES
    for number, (language, before, block) in enumerate(BLOCK.findall(guide.read_text("utf-8")), start=1)
    if language == "python" and "import" in block
]


@dataclass(frozen=True)
class Installation:
    """A server, an application with every permission, and the folder where the guides' files lie."""

    server: Server
    folder: Path
    client_id: str
    client_secret: str

    def filled(self, text: str) -> str:
        """Answer what a guide shows, with this installation's own values in the places of the guide's."""
        for shown, own in {
            "https://localhost:8443": self.server.told("https_url"),
            "http://127.0.0.1:3128": self.server.told("proxy_url"),
            "CLIENT-ID": self.client_id,
            "CLIENT-SECRET": self.client_secret,
        }.items():
            text = text.replace(shown, own)
        return text

    def environment(self, **more: str) -> dict[str, str]:
        """Answer what is around a program: nothing that trusts or leads elsewhere."""
        around = environment(self.server.folder, **more)
        misleading = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "NO_PROXY", "no_proxy")
        return {name: value for name, value in around.items() if name in more or name not in misleading}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """What the guides begin with."""
    folder = tmp_path_factory.mktemp("guides")
    with processes.server(folder / "data", "--proxy-port", "0") as server:
        alert = '{"title": "Guided", "vendorInformation": {"provider": "T", "vendor": "T"}}'
        server.lines("alert", "send", given=alert)
        granted = ("SecurityEvents.ReadWrite.All", "ThreatIndicators.ReadWrite.OwnedBy", "LogicApps.Read.All")
        asked = [word for permission in granted for word in ("--permission", permission)]
        made = server.json("client", "add", "guided", *asked)
        server.json("ca", "export", "--output", str(folder / "sallyport-ca.pem"))
        yield Installation(server, folder, made["clientId"], made["clientSecret"])


@pytest.mark.parametrize(("program", "unchanged"), PROGRAMS)
def test_every_program_of_the_guides_runs(installed: Installation, program: str, unchanged: bool) -> None:
    proxied = {
        "HTTPS_PROXY": installed.server.told("proxy_url"),
        "REQUESTS_CA_BUNDLE": "sallyport-ca.pem",
        "SSL_CERT_FILE": "sallyport-ca.pem",
    }
    done = subprocess.run(
        [sys.executable, "-c", installed.filled(program)],
        env=installed.environment(**(proxied if unchanged else {})),
        cwd=installed.folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_guide_shows_a_program_before_and_after(guide: Path) -> None:
    shown = {bool(before) for language, before, _ in BLOCK.findall(guide.read_text("utf-8")) if language == "python"}
    assert shown == {True, False}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_every_shell_line_of_the_guides_runs(installed: Installation, tmp_path: Path, guide: Path) -> None:
    blocks = [block for language, _, block in BLOCK.findall(guide.read_text("utf-8")) if language == ""]
    assert blocks
    (tmp_path / "sallyport-ca.pem").write_bytes((installed.folder / "sallyport-ca.pem").read_bytes())
    # The id in the guides can be registered once.
    script = installed.filled("\n".join(blocks)).replace("11111111-2222", f"{len(guide.stem):08}-2222")
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=installed.environment(PATH=path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert "client_secret" in done.stdout
    if "security/alerts" in script:
        assert "Guided" in done.stdout
