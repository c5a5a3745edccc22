from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sallyport import settings
from sallyport.cli import serving


def test_a_port_that_is_named_twice_is_not_blamed_on_another_program(tmp_path: Path) -> None:
    with serving.bind("127.0.0.1", 0) as free:
        port = int(free.getsockname()[1])
    chosen = settings.load({}, given={"data": tmp_path, "port": port, "https_port": port})
    alike = pytest.raises(serving.PortsAlike, match=f"^--port and --https-port both name port {port}")
    with alike, serving.listen(chosen):
        pass


def test_a_port_that_another_program_has_is_told_with_the_option_that_chooses_another(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        chosen = settings.load({}, given={"data": tmp_path, "port": 0, "https_port": port})
        taken = pytest.raises(serving.PortUnavailable, match=r"taken by another program.*--https-port")
        with taken, serving.listen(chosen):
            pass


def test_free_ports_are_not_taken_to_be_the_same(tmp_path: Path) -> None:
    chosen = settings.load({}, given={"data": tmp_path, "port": 0, "https_port": 0, "proxy_port": 0})
    with serving.listen(chosen) as listening:
        assert len(set(listening.ports.values())) == 3
