"""`/readyz` answers within five seconds, whatever is broken, and says so until it works again."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import postgresql
import processes
from acceptance.server import ALERT, Server, serving
from acceptance.test_full_disk import fill, small_disk

__all__ = ["small_disk"]

#: How long a load balancer waits for an answer.
PATIENCE = 5


def readiness(server: Server) -> tuple[int, str]:
    """Ask as a load balancer does: without an answer in time it fails."""
    answered = httpx.get(f"{server.url}/readyz", timeout=PATIENCE, trust_env=False)
    if answered.status_code == 503:
        assert int(answered.headers["retry-after"]) > 0
    return answered.status_code, answered.json()["database"]


def readiness_of_many(server: Server) -> set[tuple[int, str]]:
    """Ask several times at once."""
    found: list[tuple[int, str]] = []
    asking = [threading.Thread(target=lambda: found.append(readiness(server))) for _ in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert len(found) == len(asking)
    return set(found)


def test_a_database_that_somebody_else_has_locked(tmp_path: Path) -> None:
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none") as server:
        assert readiness(server) == (200, "ok")
        other = sqlite3.connect(tmp_path / "data" / "sallyport.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        processes.until(lambda: readiness(server)[0] == 503, "the loss of readiness")
        assert readiness_of_many(server) == {(503, "unavailable")}
        assert server.stranger.get("/healthz").is_success
        other.execute("ROLLBACK")
        other.close()
        processes.until(lambda: readiness(server) == (200, "ok"), "readiness")


def test_a_disk_without_room(small_disk: Path, tmp_path: Path) -> None:
    with serving(small_disk, tmp_path / "log", "--tls", "none") as server:

        def is_full() -> bool:
            fill(server, {**ALERT, "description": "x" * 8000})
            return readiness(server) == (503, "full")

        processes.until(is_full, "a disk without any room")
        assert readiness_of_many(server) <= {(503, "full"), (503, "unavailable")}


@pytest.fixture
def own_server() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL server that a test may halt, and its folder."""
    with tempfile.TemporaryDirectory(prefix="sallyport-pg-") as name:
        Path(name).chmod(0o755)
        with postgresql.server(Path(name)) as url:
            yield url, Path(name)


@contextmanager
def halted(folder: Path) -> Iterator[None]:
    """Let a PostgreSQL server and all of its processes stand still."""
    chief = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{chief}/task/{chief}/children").read_text().split()
    family = [chief, *map(int, children)]
    for process in family:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            os.kill(process, signal.SIGCONT)


@pytest.mark.postgresql
def test_a_postgresql_server_that_says_nothing_any_more(own_server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = own_server
    more = {"SALLYPORT_DATABASE_URL": url}
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **more) as server:
        assert readiness(server) == (200, "ok")
        with halted(folder):
            processes.until(lambda: readiness(server)[0] == 503, "the loss of readiness")
            assert readiness_of_many(server) == {(503, "unavailable")}
            # More questions than there are readers: none of them is waited for.
            for _ in range(6):
                assert readiness(server) == (503, "unavailable")
        processes.until(lambda: readiness(server) == (200, "ok"), "readiness")


@pytest.mark.postgresql
def test_a_postgresql_server_that_is_gone(own_server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = own_server
    control = [str(postgresql.programs() / "pg_ctl"), "-D", str(folder / "data")]  # type: ignore[operator]
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", SALLYPORT_DATABASE_URL=url) as server:
        postgresql._run([*control, "-m", "immediate", "-w", "stop"])
        processes.until(lambda: readiness(server)[0] == 503, "the loss of readiness")
        assert readiness_of_many(server) == {(503, "unavailable")}
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        postgresql._run([*control, "-l", str(folder / "log"), "-o", options, "-w", "start"])
        processes.until(lambda: readiness(server) == (200, "ok"), "readiness")


def test_a_mail_server_that_takes_a_connection_and_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(processes.PATIENCE_SECONDS)
        port = str(silent.getsockname()[1])
        mail = {"SALLYPORT_SMTP_HOST": "127.0.0.1", "SALLYPORT_SMTP_PORT": port, "SALLYPORT_SMTP_TLS": "none"}
        with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **mail) as server:
            saved = server.put("mail", MAILING, parameters=CONNECTIONS)
            assert saved.is_success, saved.text
            assert server.stranger.post(server.callback_url("mail"), json={}).is_success
            connected, _ = silent.accept()
            with connected:
                assert readiness_of_many(server) == {(200, "ok")}


MAILING = {
    "parameters": {"$connections": {"type": "Object", "defaultValue": {}}},
    "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
    "actions": {
        "Send": {
            "type": "ApiConnection",
            "inputs": {
                "host": {"connection": {"name": "@parameters('$connections')['office365']['connectionId']"}},
                "method": "post",
                "path": "/v2/Mail",
                "body": {"To": "soc@contoso.com", "Subject": "s", "Body": "b"},
            },
            "runAfter": {},
        }
    },
}
_API = "/subscriptions/s/providers/Microsoft.Web/locations/local/managedApis/office365"
CONNECTIONS = {"$connections": {"value": {"office365": {"connectionId": "office365", "id": _API}}}}
