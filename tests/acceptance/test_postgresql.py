"""The server on PostgreSQL, from the first start to the loss of the database and back."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import databases
import postgresql
import processes
from acceptance.server import ALERT, serving
from processes import PROGRAM, environment

pytestmark = pytest.mark.postgresql


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """The address of an empty database."""
    return databases.created(postgresql_url)


@pytest.fixture
def own_server() -> Iterator[tuple[str, Path]]:
    """A PostgreSQL server that a test may stop, and its folder."""
    with tempfile.TemporaryDirectory(prefix="sallyport-pg-") as name:
        Path(name).chmod(0o755)
        with postgresql.server(Path(name)) as url:
            yield url, Path(name)


def test_alerts_runs_tokens_and_a_backup_work_on_postgresql(database_url: str, tmp_path: Path) -> None:
    more = {"SALLYPORT_DATABASE_URL": database_url}
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **more) as server:
        address = server.deploy("echo", {"Answer": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}})
        started = server.stranger.post(address, json={"a": 1})
        run = started.headers["x-ms-workflow-run-id"]
        assert server.ended("echo", run)["status"] == "Succeeded"
        assert server.client.post("/ingest/alerts", json=[ALERT] * 3).status_code == 200
        made = server.json("client", "add", "reader", "--permission", "SecurityEvents.Read.All")
        assert made
        before = server.stored()
        server.kill()
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **more) as server:
        assert server.stored() == before
        told = server.json("backup", str(tmp_path / "kept.backup"))
        assert told["rows"]["alerts"] == 3
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_readiness_follows_the_database_away_and_back(own_server: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = own_server
    control = [str(postgresql.programs() / "pg_ctl"), "-D", str(folder / "data")]  # type: ignore[operator]
    more = {"SALLYPORT_DATABASE_URL": url}
    with serving(tmp_path / "data", tmp_path / "log", "--tls", "none", **more) as server:
        assert server.client.post("/v1.0/security/alerts", json=ALERT).status_code == 201
        postgresql._run([*control, "-m", "immediate", "-w", "stop"])
        processes.until(lambda: server.stranger.get("/readyz").status_code == 503, "the loss of readiness")
        assert server.stranger.get("/healthz").is_success
        refused = server.client.post("/v1.0/security/alerts", json=ALERT)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert str(folder) not in refused.text, "where the database is concerns no caller"
        assert "sallyport_database_up 0.0" in server.stranger.get("/metrics").text
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50"
        postgresql._run([*control, "-l", str(folder / "log"), "-o", options, "-w", "start"])
        processes.until(lambda: server.stranger.get("/readyz").is_success, "readiness")
        assert server.client.post("/v1.0/security/alerts", json=ALERT).status_code == 201
        assert server.stored()[0] == 2


@pytest.mark.parametrize("command", [["up", "--port", "0", "--tls", "none"], ["token"]])
def test_an_address_that_cannot_be_read_is_told_in_a_sentence(tmp_path: Path, command: list[str]) -> None:
    around = environment(tmp_path, SALLYPORT_DATABASE_URL="postgresql://somebody:secret@db.example:port/sallyport")
    done = subprocess.run([PROGRAM, *command], env=around, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "a number as its port" in done.stderr) == (1, True), done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"query": {"host": "/nonexistent"}}, "/nonexistent"),
        ({"query": {"host": "db.invalid"}}, "db.invalid"),
        ({"query": {"sslmod": "require"}}, 'invalid connection option "sslmod"'),
    ],
)
def test_a_start_says_in_a_sentence_why_the_database_cannot_be_used(
    postgresql_url: str, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    url = sa.make_url(postgresql_url).set(**change).render_as_string(hide_password=False)  # type: ignore[arg-type]
    around = environment(tmp_path, SALLYPORT_DATABASE_URL=url, SALLYPORT_DATABASE_WAIT_SECONDS="1")
    done = subprocess.run(
        [PROGRAM, "up", "--port", "0", "--tls", "none"], env=around, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
