"""One server on one data folder: the lock that a running server holds, and what it says about itself there.

The rule: the lock is the operating system's, so that it ends with the process however that ends; the file's text is
only information.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from sallyport.errors import SallyportError

NAME = "sallyport.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """The server that runs on a data folder."""

    pid: int
    url: str
    #: Where it answers https, empty when it does not.
    https_url: str = ""
    #: Where its proxy for programs with built-in hosts is, empty when there is none.
    proxy_url: str = ""


class Running(SallyportError):
    """Raised when another server runs on the data folder."""

    code = "AlreadyRunning"
    status = 409

    def __init__(self, folder: Path, holder: Holder | None) -> None:
        who = f" (process {holder.pid}, {holder.url})" if holder else ""
        super().__init__(
            f"A sallyport server is running on '{folder}' already{who}. "
            "Stop it first, or start this one on another folder with --data."
        )
        self.holder = holder


class Lock:
    """The lock of a data folder, held until it is released or the process ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = _read(self._path)
            os.close(self._handle)
            raise Running(folder, held) from None

    def tell(self, url: str, https_url: str = "", proxy_url: str = "") -> None:
        """Write down where the server is, for commands that are given nothing but the folder."""
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, orjson.dumps(asdict(Holder(os.getpid(), url, https_url, proxy_url))) + b"\n", 0)

    def release(self) -> None:
        """Let others have the folder."""
        os.ftruncate(self._handle, 0)
        os.close(self._handle)


def holder(folder: Path) -> Holder | None:
    """Answer the server that runs on a folder, None when there is none."""
    found = _read(folder / NAME)
    return found if found is not None and _is_alive(found.pid) else None


def _read(path: Path) -> Holder | None:
    try:
        told = orjson.loads(path.read_bytes())
        more = (str(told.get(name, "")) for name in ("https_url", "proxy_url"))
        return Holder(int(told["pid"]), str(told["url"]), *more)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
