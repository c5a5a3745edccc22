"""The rules of the static check, one file per kind of thing that can be wrong.

The rule to know: a rule is a function from a `Subject` to findings; it never raises for a definition that parses.
"""

from __future__ import annotations
