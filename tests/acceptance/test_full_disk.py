"""A disk that becomes full under a real server, and what makes it work again: no restart."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import processes
from acceptance.server import ALERT, Server, serving

OLD = {**ALERT, "createdDateTime": "2020-01-01T00:00:00Z", "description": "x" * 8000}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("this machine does not let a small file system be mounted")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(server: Server, alert: Mapping[str, object]) -> list[str]:
    """Send alerts until there is no room for one; answers the ids of those that were acknowledged."""
    kept: list[str] = []
    for _ in range(2000):
        answered = server.client.post("/v1.0/security/alerts", json=alert)
        if answered.status_code != 201:
            assert answered.status_code in (503, 507), answered.text
            assert int(answered.headers["retry-after"]) > 0
            assert answered.json()["error"]["code"]
            return kept
        kept.append(answered.json()["id"])
    raise AssertionError("the disk did not become full")


def ready(server: Server) -> bool:
    """Answer whether work can be done."""
    return server.stranger.get("/readyz").is_success


def has(server: Server, alert_id: str) -> bool:
    """Answer whether an alert is stored."""
    return server.client.get(f"/v1.0/security/alerts/{alert_id}").is_success


def test_retention_makes_room_on_a_full_disk_and_the_server_goes_on(small_disk: Path, tmp_path: Path) -> None:
    settings = {"SALLYPORT_RESERVE_BYTES": "6000000", "SALLYPORT_ALERT_RETENTION_DAYS": "30"}
    with serving(small_disk, tmp_path / "log", "--tls", "none", **settings) as server:
        fresh = server.client.post("/v1.0/security/alerts", json=ALERT).json()["id"]
        fill(server, OLD)
        processes.until(lambda: "storage.recovered" in server.log(), "room")
        processes.until(lambda: ready(server), "readiness")
        assert has(server, fresh)
        again = server.client.post("/v1.0/security/alerts", json=ALERT)
        assert again.status_code == 201, again.text
        assert (small_disk / "sallyport.reserve").exists()


def test_a_backup_that_finds_no_room_blames_the_disk_it_is_written_to(small_disk: Path, tmp_path: Path) -> None:
    with processes.server(tmp_path / "data") as server:
        (small_disk / "other").write_bytes(b"x" * (12 * 1024 * 1024 - 65_536))
        made = server.sallyport("backup", str(small_disk / "kept.backup"))
        assert (made.returncode, made.stdout) == (1, "")
        assert f"there is no room left in '{small_disk}'" in made.stderr
        assert [each.name for each in small_disk.iterdir()] == ["other"]


def test_without_anything_to_forget_the_server_waits_for_room_and_loses_nothing(
    small_disk: Path, tmp_path: Path
) -> None:
    with serving(small_disk, tmp_path / "log", "--tls", "none", SALLYPORT_RESERVE_BYTES="6000000") as server:
        kept: list[str] = []

        def is_full() -> bool:
            # At first there is room in what the database's log takes: that is found without forgetting anything.
            kept.extend(fill(server, OLD))
            return "storage.waits_for_room" in server.log()

        processes.until(is_full, "a disk without any room")
        processes.until(lambda: not ready(server), "the loss of readiness")
        assert server.stranger.get("/healthz").is_success
        assert not (small_disk / "sallyport.reserve").exists()
        # What was set aside for deleting is not used up for anything else.
        assert server.client.post("/v1.0/security/alerts", json=ALERT).status_code == 507
        assert has(server, kept[-1])
        subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
        processes.until(lambda: ready(server), "readiness")
        assert server.client.post("/v1.0/security/alerts", json=ALERT).status_code == 201
        assert all(has(server, each) for each in kept)
