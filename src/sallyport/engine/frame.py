"""Where an action stands: the loops around it, with the item and the index of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One iteration of a loop inside whatever surrounds the loop; `ROOT` is no loop at all."""

    repetition: str = ""
    loop: str = ""
    index: int = 0
    item: Any = None
    #: Whether the loop gives items (Foreach), which an Until does not.
    has_item: bool = False
    outer: Frame | None = None

    def around(self, loop: str) -> Frame | None:
        """Answer the frame of a named loop around here, None when there is none."""
        folded = loop.casefold()
        frame: Frame | None = self
        while frame is not None and frame.outer is not None:
            if frame.loop.casefold() == folded:
                return frame
            frame = frame.outer
        return None

    def innermost_item(self) -> Frame | None:
        """Answer the innermost frame that has an item."""
        frame: Frame | None = self
        while frame is not None and not frame.has_item:
            frame = frame.outer
        return frame


ROOT = Frame()
