"""The connectors as the house runs them: the real Graph behind the real way out, and a real mailbox."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import databases
from connector_outside import GRAPH, outside
from graph_surface import Surface
from sallyport.clock import SystemClock
from sallyport.connectors import Connectors
from sallyport.settings import Settings
from sallyport.web.egress import Egress
from sallyport.web.egress_policy import EgressPolicy
from sallyport.web.mailbox import Mailbox
from sallyport.web.smtp import Smtp


@pytest.fixture
def surface(tmp_path: Path) -> Iterator[Surface]:
    """The Graph on an empty store."""
    with databases.sqlite(tmp_path) as database:
        yield Surface(database)


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    """The way out as it is by default: nothing on this machine may be called."""
    opened = Egress(EgressPolicy.of((), "deny"), SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
def graph(surface: Surface, egress: Egress) -> Connectors:
    """The connectors, with the Graph within this process."""
    egress.mount(GRAPH, surface.app)
    return Connectors(outside(egress, clock=surface.clock))


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[Mailbox]:
    """The built-in mailbox, listening."""
    opened = Mailbox(tmp_path / "mailbox", SystemClock())
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def mailing(mailbox: Mailbox) -> Connectors:
    """The connectors, with the mailbox as their mail server."""
    return Connectors(outside(mail=Smtp(Settings(), mailbox_port=mailbox.port)))
