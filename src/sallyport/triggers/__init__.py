"""The reasons for a run to start."""

from __future__ import annotations
