"""Where tests find what lies beside the checkout; what is absent there is skipped, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

#: The root of the checkout.
ROOT = Path(__file__).parents[1]
#: The package's own source.
SOURCE = ROOT / "src" / "sallyport"
#: Tables of cases.
CASES = ROOT / "tests" / "cases"
#: Reference material beside the checkout; not part of the project, and absent for most people.
SHARED = ROOT.parent / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"reference material is not beside the checkout ({SHARED.name}/)"
)
