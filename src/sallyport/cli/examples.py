"""Where the example playbooks are: in a checkout, at its root; in an installed package, inside it."""

from __future__ import annotations

from pathlib import Path

import sallyport
from sallyport.cli.sources import Source, Unusable, find


def folder() -> Path:
    """Answer the folder of the examples.

    Raises Unusable when the package was installed without them.
    """
    package = Path(sallyport.__file__).parent
    for place in (package / "examples", package.parents[1] / "examples"):
        if place.is_dir():
            return place
    raise Unusable("The examples are not installed with this package.")


def every() -> list[Source]:
    """Answer every example.

    Raises Unusable.
    """
    return find([folder()])
