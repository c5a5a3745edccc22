"""How much an expression may build.

A function that can build something large charges the meter BEFORE it allocates; small results are not worth counting.
"""

from __future__ import annotations

from dataclasses import dataclass

from sallyport.wdl.errors import BudgetExceeded

#: Texts shorter than this are not charged: an expression is too short to build many of them.
SMALL_TEXT = 2_048


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits of one template evaluation."""

    #: Longest text of one expression.
    expression_characters: int = 8_192
    #: Deepest nesting of calls and dereferences inside one expression.
    depth: int = 100
    #: Deepest nesting of a JSON value that is compiled, written or compared.
    json_depth: int = 200
    #: Longest string that a function may build.
    string_characters: int = 104_857_600
    #: Longest array that a function may build.
    array_items: int = 100_000
    #: Estimated memory of everything that one evaluation builds.
    total_bytes: int = 268_435_456
    #: How many items, keys and pieces of text one evaluation may look at one by one: what takes time, but no memory.
    steps: int = 10_000_000


DEFAULT = Budget()


class Meter:
    """Counts what one evaluation has built and looked at so far; `begin` starts another."""

    __slots__ = ("budget", "looked", "spent")

    def __init__(self, budget: Budget = DEFAULT) -> None:
        self.budget = budget
        self.spent = 0
        self.looked = 0

    def begin(self) -> None:
        """Start to count anew, for another evaluation."""
        self.spent = 0
        self.looked = 0

    def text(self, characters: int, *, wide: bool = False) -> None:
        """Charge a string that is about to be built; `wide` when it may hold characters beyond Latin-1."""
        if characters > self.budget.string_characters:
            raise BudgetExceeded(
                f"The expression would build a string of {characters} characters; "
                f"the limit is {self.budget.string_characters}."
            )
        self.memory(characters * 4 if wide else characters)

    def piece(self, whole: str, characters: int) -> None:
        """Charge a string that is about to be built of the characters of another; a short one is free."""
        if characters > SMALL_TEXT:
            self.text(characters, wide=not whole.isascii())

    def items(self, count: int, size: int = 16) -> None:
        """Charge an array of `count` items that is about to be built, at `size` bytes each."""
        if count > self.budget.array_items:
            raise BudgetExceeded(
                f"The expression would build an array of {count} items; the limit is {self.budget.array_items}."
            )
        self.memory(count * size)

    def look(self, count: int) -> None:
        """Charge items that are about to be looked at one by one, which holds up whoever else wants to run."""
        self.looked += count
        if self.looked > self.budget.steps:
            raise BudgetExceeded(f"The expression would take more than {self.budget.steps} steps in one evaluation.")

    def memory(self, size: int) -> None:
        """Charge a number of bytes."""
        if self.spent + size > self.budget.total_bytes:
            raise BudgetExceeded(
                f"The expression would build more than {self.budget.total_bytes} bytes in one evaluation."
            )
        self.spent += size
