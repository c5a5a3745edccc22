"""Chooses the indexes by which a query reaches its rows, so that no database has to guess without knowing the data.

The rule: the choice changes how fast an answer comes, never the answer: every condition is asked of every row again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sallyport.odata import observed, typed
from sallyport.odata.branches import Branch, branches
from sallyport.store import observables
from sallyport.store.sources import Source, Unindexed

#: Up to so many rows are fetched and put in order; for more, an index that has the order already is followed.
SORTED = 10_000
_RANGES = ("gt", "ge", "lt", "le")


@dataclass(frozen=True, slots=True)
class Way:
    """How the rows of one branch of a query are reached."""

    conditions: Branch
    #: Paths of the properties whose indexes may serve.
    free: frozenset[str]
    #: The numbers that keys propose; None where no keys do.
    proposed: sa.Select[tuple[int]] | None = None

    def columns(self, source: Source) -> dict[str, Any]:
        """Answer a source's columns by path, those that may not serve hidden from the database."""
        return {path: each if path in self.free else Unindexed(each) for path, each in source.columns.items()}

    def reached(self, source: Source) -> sa.ColumnElement[bool]:
        """Answer the condition that a row is among those that the keys propose."""
        return sa.true() if self.proposed is None else source.table.c.sequence.in_(self.proposed)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One way to reach a branch's rows, and a statement of as many numbers as it has rows."""

    way: Way
    rows: sa.Select[Any]
    #: Whether the rows come in the order that is asked for.
    in_order: bool


class Chooser:
    """Chooses for one source and one order; `order` is the paths of the order's properties, None where one has none."""

    def __init__(
        self,
        connection: Connection,
        source: Source,
        order: Sequence[str | None],
        condition: Callable[[typed.Value, Mapping[str, Any]], sa.ColumnElement[bool]],
        always: Sequence[typed.Value] = (),
    ) -> None:
        self._connection = connection
        self._source = source
        self._condition = condition
        #: Conditions that nearly every row meets: their ranges lead nowhere.
        self._always = tuple(always)
        self._order = tuple(getattr(source.columns.get(path or ""), "name", None) for path in order)
        self._leading = frozenset(path for path in order if path is not None)

    def ways(self, conditions: Sequence[typed.Value]) -> list[Way]:
        """Answer the ways whose rows together are those of the conditions."""
        whole = self._by_keys(tuple(conditions))
        if whole is not None and self._number(whole) <= SORTED:
            return [whole.way]
        in_order = [path for path, behind in self._source.indexes.items() if self._continues(behind)]
        return [self._way(branch) for branch in branches(conditions, in_order)]

    def keyed(self, conditions: Sequence[typed.Value]) -> Way | None:
        """Answer the way by keys, however many rows it has, or None when the conditions demand no observed value."""
        found = self._by_keys(tuple(conditions))
        return None if found is None else found.way

    def _way(self, branch: Branch) -> Way:
        """Answer the best way to the rows of one branch."""
        candidates = [*self._exact(branch), *self._ranges(branch)]
        by_keys = self._by_keys(branch)
        if by_keys is not None:
            candidates.insert(0, by_keys)
        if len(candidates) == 1 and candidates[0].in_order:
            return candidates[0].way
        numbers = [self._number(each) for each in candidates]
        best = min(range(len(candidates)), key=numbers.__getitem__, default=None)
        if best is not None and numbers[best] <= SORTED:
            return candidates[best].way
        in_order = (each.way for each in candidates if each.in_order)
        return next(in_order, Way(branch, self._leading))

    def _by_keys(self, branch: Branch) -> _Candidate | None:
        """Answer the way by the smallest set of keys, or None when the branch demands no observed value."""
        source = self._source
        if source.keys is None:
            return None
        demanded = [each for node in branch for each in observed.demands(node, source.observed)]
        found = [
            self._keyed(branch, frozenset(source.observed[path](text) for path, text in each)) for each in demanded
        ]
        return min(found, key=self._number) if len(found) > 1 else next(iter(found), None)

    def _keyed(self, branch: Branch, keys: frozenset[int]) -> _Candidate:
        assert self._source.keys is not None
        proposed = observables.numbers(self._connection, self._source.keys, keys)
        return _Candidate(Way(branch, frozenset(), proposed), proposed, in_order=False)

    def _exact(self, branch: Branch) -> Iterable[_Candidate]:
        for node in branch:
            path = _equal(node)
            if path is not None and path in self._source.indexes:
                in_order = self._continues(self._source.indexes[path]) and not isinstance(node, typed.OneOf)
                free = {path, *self._leading} if in_order else {path}
                yield self._candidate(branch, [node], frozenset(free), in_order=in_order)

    def _ranges(self, branch: Branch) -> Iterable[_Candidate]:
        bounds: dict[str, list[typed.Value]] = {}
        for node in branch:
            if isinstance(node, typed.Compare) and node.operator in _RANGES and node not in self._always:
                path = _against_constant(node)
                if path is not None and path in self._source.indexes and path not in self._leading:
                    bounds.setdefault(path, []).append(node)
        for path, nodes in bounds.items():
            yield self._candidate(branch, nodes, frozenset({path}), in_order=False)

    def _candidate(
        self, branch: Branch, nodes: Sequence[typed.Value], free: frozenset[str], *, in_order: bool
    ) -> _Candidate:
        where = [self._condition(node, self._source.columns) for node in nodes]
        rows: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(self._source.table).where(*where)
        return _Candidate(Way(branch, free), rows, in_order)

    def _continues(self, behind: tuple[str, ...]) -> bool:
        """Answer whether an index goes on in the order that is asked for."""
        return bool(behind) and behind[: len(self._order)] == self._order

    def _number(self, candidate: _Candidate) -> int:
        """Answer how many rows a way has, counted as far as it matters."""
        counted = candidate.rows.limit(SORTED + 1).subquery()
        return int(self._connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one())


def _equal(node: typed.Value) -> str | None:
    """Answer the path of a property that must equal one value, or one of several."""
    match node:
        case typed.Compare("eq"):
            return _against_constant(node)
        case typed.OneOf(typed.Property() as operand) | typed.IsNull(typed.Property() as operand):
            return operand.path
        case _:
            return None


def _against_constant(node: typed.Compare) -> str | None:
    match node:
        case typed.Compare(_, typed.Property() as operand, typed.Constant()):
            return operand.path
        case _:
            return None
