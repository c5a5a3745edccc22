"""What the expression language inherits from .NET: dates, time spans, numbers, cultures and Windows time zones.

Everything here is pure: no clock, no I/O, and no knowledge of expressions; a failure is a `DotnetError`.
"""

from __future__ import annotations
