"""The functions of the expression language, one file per chapter of Microsoft's reference.

The table below is the only list; a function that is not in it does not exist.
"""

from __future__ import annotations
