"""The OpenAPI description is true: a fuzzer reads it, calls a real server as it says and as it forbids, and checks.

Left out are three checks: `positive_data_acceptance`, because a filter is text to a schema and a language to us;
`negative_data_rejection`, because we read more than we promise; `ensure_resource_availability`, because an indicator
that is sent after its expiry is stored and never shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from acceptance.server import Server, serving

PROGRAM = Path(sys.executable).parent / "schemathesis"
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance"),
    *("response_schema_conformance", "unsupported_method", "allow_header_conformance", "ignored_auth"),
    *("use_after_free", "missing_required_header"),
)
#: How many requests the long run makes at least; without a number there is only the short one.
REQUESTS = int(os.environ.get("SALLYPORT_SOAK_REQUESTS", "0"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with serving(folder, folder / "log.txt") as running:
        yield running


def fuzzed(server: Server, folder: Path, *arguments: str, seed: int = 1) -> dict[str, Any]:
    """Let the fuzzer work, and answer its report; what it finds fails the test in its own words."""
    report = folder / f"report-{seed}.json"
    authorization = server.client.headers["Authorization"]
    done = subprocess.run(
        [
            *(PROGRAM, "run", f"{server.url}/openapi.json", "--header", f"Authorization: {authorization}"),
            *("--checks", ",".join(CHECKS), "--seed", str(seed), "--continue-on-failure", "--warnings", "off"),
            *("--report", "json", "--report-json-path", str(report), *arguments),
        ],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    assert found["test_cases"]["with_failures"] == 0
    assert found["errors"] == []
    return found


def check_unharmed(server: Server) -> None:
    """Fail unless the server still works, and has met nothing that it did not foresee."""
    assert server.stranger.get("/readyz").status_code == 200
    assert "graph.failed" not in server.log()
    assert "Traceback" not in server.log()


def operations(server: Server) -> int:
    """Answer how many operations are described, without that which shows the description: the fuzzer leaves it out."""
    paths = server.stranger.get("/openapi.json").json()["paths"]
    return sum(len(methods.keys() - {"parameters"}) for path, methods in paths.items() if path != "/openapi.json")


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.timeout(600 + REQUESTS)
def test_answers_keep_to_the_description_whatever_is_sent(server: Server, tmp_path: Path) -> None:
    found = fuzzed(server, tmp_path, "--phases", "examples,fuzzing,stateful", "--max-examples", "10")
    assert found["operations"]["tested"] == operations(server)
    made = found["test_cases"]["generated"]
    assert made > 300
    seed = 1
    while made < REQUESTS:
        seed += 1
        made += fuzzed(server, tmp_path, "--max-examples", "50", seed=seed)["test_cases"]["generated"]
    sys.stdout.write(f"{made} requests, no failure\n")
    check_unharmed(server)


@pytest.mark.soak
@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.timeout(600)
def test_answers_keep_to_the_description_on_postgresql_as_well(postgresql_url: str, tmp_path: Path) -> None:
    name = f"fuzzed_{os.urandom(6).hex()}"
    engine = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    url = sa.make_url(postgresql_url).set(database=name).render_as_string(hide_password=False)
    with serving(tmp_path / "data", tmp_path / "log.txt", "--tls", "none", SALLYPORT_DATABASE_URL=url) as running:
        found = fuzzed(running, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "10", seed=7)
        assert found["test_cases"]["generated"] > 300
        check_unharmed(running)
