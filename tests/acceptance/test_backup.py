"""Backup and restore of a real server: made under load, brought back after a crash, and what is refused."""

from __future__ import annotations

import gzip
import json
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

import processes
from acceptance.server import ALERT, Server, serving
from processes import PROGRAM, environment


def restore(file: Path, folder: Path, *more: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [PROGRAM, "restore", file, "--data", folder, *more],
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        timeout=processes.PATIENCE_SECONDS,
    )


class Feeder(threading.Thread):
    """Sends alerts one after the other until it is stopped, and keeps the ids that were acknowledged."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.stopping = threading.Event()
        self._address = f"{server.url}/ingest/alerts"
        self._headers = dict(server.client.headers)

    def run(self) -> None:
        with httpx.Client(headers=self._headers, trust_env=False, timeout=20) as client:
            while not self.stopping.is_set():
                ids = [f"kept-{len(self.acknowledged) + number}" for number in range(20)]
                try:
                    answered = client.post(self._address, json=[{**ALERT, "id": each} for each in ids])
                except httpx.TransportError:
                    return
                if answered.status_code == 200:
                    self.acknowledged += ids


def stored(server: Server) -> set[str]:
    """Answer the ids of all alerts."""
    found: set[str] = set()
    address = "/v1.0/security/alerts?$top=1000&$select=id"
    while address:
        page = server.client.get(address).json()
        found |= {each["id"] for each in page["value"]}
        address = page.get("@odata.nextLink", "")
    return found


def test_a_backup_made_under_load_brings_everything_acknowledged_before_it_back(tmp_path: Path) -> None:
    source, target, file = tmp_path / "source", tmp_path / "target", tmp_path / "kept.backup"
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery staple\n")
    with serving(source, tmp_path / "log") as server:
        server.deploy("echo", {"Answer": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}})
        authority = server.authority_file.read_bytes()
        token = server.sallyport("token").stdout.strip()
        feeder = Feeder(server)
        feeder.start()
        processes.until(lambda: len(feeder.acknowledged) >= 200, "the first alerts")
        before = set(feeder.acknowledged)
        told = server.json("backup", str(file), "--passphrase-file", str(secret))
        processes.until(lambda: len(feeder.acknowledged) > len(before) + 40, "alerts after the backup")
        server.kill()
        feeder.stopping.set()
        feeder.join()
    assert told["encrypted"] is True
    assert told["rows"]["alerts"] >= len(before)
    assert b"alerts" not in file.read_bytes()

    done = restore(file, target, "--passphrase-file", str(secret), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == told["rows"]
    with serving(target, tmp_path / "log") as server:
        found = stored(server)
        assert before <= found
        assert len(found) == told["rows"]["alerts"]
        assert server.stored()[2] == 1
        assert server.authority_file.read_bytes() == authority
        # The same identity: what was signed before still holds.
        assert server.stranger.get("/v1.0/security/alerts", headers={"Authorization": f"Bearer {token}"}).is_success


def test_a_folder_that_is_not_there_does_not_become_a_file_that_stops_every_later_backup(tmp_path: Path) -> None:
    nights = tmp_path / "nights"
    with serving(tmp_path / "source", tmp_path / "log") as server:
        refused = server.sallyport("backup", f"{nights}/")
        assert (refused.returncode, "There is no folder" in refused.stderr) == (1, True), refused.stderr
        assert not nights.exists()
        nights.mkdir()
        assert server.sallyport("backup", f"{nights}/").returncode == 0
    assert len(list(nights.glob("sallyport-*.backup"))) == 1


def test_what_may_not_be_restored_changes_nothing(tmp_path: Path) -> None:
    source, target, file = tmp_path / "source", tmp_path / "target", tmp_path / "kept.backup"
    with serving(source, tmp_path / "log") as server:
        assert server.sallyport("backup", str(file)).returncode == 0
        assert "running" in restore(file, source).stderr
        again = server.sallyport("backup", str(file))
        assert (again.returncode, "exists already" in again.stderr) == (1, True)
    assert "is not empty" in restore(file, source).stderr
    # Unpacked, for a changed byte of what is packed may unpack to the same: zeros, copied from another place.
    tampered = bytearray(gzip.decompress(file.read_bytes()))
    tampered[len(tampered) // 2] ^= 255
    (tmp_path / "tampered").write_bytes(gzip.compress(tampered, compresslevel=1))
    done = restore(tmp_path / "tampered", target)
    assert (done.returncode, "cannot be trusted" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kept.backup", "log", "source", "tampered"]


def test_a_folder_that_is_there_is_filled_and_stays_the_one_it_was(tmp_path: Path) -> None:
    """It may be a disk of its own, or the only place where whoever restores may write."""
    file, folder = tmp_path / "kept.backup", tmp_path / "new"
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none") as server:
        server.json("backup", str(file))
    # A new disk is not quite empty.
    (folder / "lost+found").mkdir(parents=True)
    before = folder.stat().st_ino
    done = restore(file, folder)
    assert done.returncode == 0, done.stderr
    assert folder.stat().st_ino == before
    assert {each.name for each in folder.iterdir()} >= {"sallyport.db", "master.key", "lost+found"}
    assert not [each.name for each in (*folder.iterdir(), *tmp_path.iterdir()) if "restore" in each.name]


@pytest.mark.parametrize("mail", [True, False])
def test_the_mailbox_comes_along_when_it_is_asked_for(tmp_path: Path, mail: bool) -> None:
    source, target, file = tmp_path / "source", tmp_path / "target", tmp_path / "kept.backup"
    with processes.server(source) as server:
        (source / "mail").mkdir(exist_ok=True)
        (source / "mail" / "one.eml").write_text("Subject: kept\n\n")
        assert server.sallyport("backup", str(file), *(["--mail"] if mail else [])).returncode == 0
    assert restore(file, target).returncode == 0
    assert (target / "mail" / "one.eml").exists() is mail
    assert (target / "master.key").read_bytes() == (source / "master.key").read_bytes()
