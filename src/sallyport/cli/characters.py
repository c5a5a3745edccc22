"""Characters that a terminal's encoding does not have: an alert's title may hold any, and no command ends over one.

The rule: they are spelt as JSON spells them, so that what `--json` prints stays what it was.
"""

from __future__ import annotations

import codecs
import sys
from io import TextIOWrapper

_SPELT = "sallyport.spelt"


def take_all() -> None:
    """Let standard output take every character."""
    codecs.register_error(_SPELT, _spelt)
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors=_SPELT)


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)), error.end
