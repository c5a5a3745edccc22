"""Parts joined to one text: what interpolation and `concat` compile to.

Constant parts become text once, neighbours in one piece. One computed part between constants is the common case and has
a shape of its own, because this is the hot path.
"""

from __future__ import annotations

from collections.abc import Sequence

from sallyport.wdl import values
from sallyport.wdl.budget import SMALL_TEXT
from sallyport.wdl.calls import Place
from sallyport.wdl.errors import EvaluationError
from sallyport.wdl.scope import Closure, Scope
from sallyport.wdl.values import Json


def join(parts: Sequence[Closure | str], place: Place) -> Closure:
    """Answer the closure that joins constant texts and computed parts, at least one of them computed."""
    pieces = _merge(parts)
    computed = [at for at, piece in enumerate(pieces) if not isinstance(piece, str)]
    if len(computed) == 1:
        before, after = "".join(map(str, pieces[: computed[0]])), "".join(map(str, pieces[computed[0] + 1 :]))
        middle = pieces[computed[0]]
        assert not isinstance(middle, str)
        return _around(before, middle, after, place)
    return _all(tuple(pieces), place)


def _merge(parts: Sequence[Closure | str]) -> list[Closure | str]:
    pieces: list[Closure | str] = []
    pending: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pending.append(part)
            continue
        if any(pending):
            pieces.append("".join(pending))
        pending.clear()
        pieces.append(part)
    if any(pending):
        pieces.append("".join(pending))
    return pieces


def _around(before: str, middle: Closure, after: str, place: Place) -> Closure:
    length = len(before) + len(after)

    def run(scope: Scope) -> Json:
        text = middle(scope)
        if type(text) is not str:
            text = _text(text, scope, place)
        if len(text) > SMALL_TEXT:
            _charge(scope, length + len(text), [before, text, after], place)
        return before + text + after

    return run


def _all(pieces: tuple[Closure | str, ...], place: Place) -> Closure:
    def run(scope: Scope) -> Json:
        texts: list[str] = []
        characters = 0
        for piece in pieces:
            text = piece if isinstance(piece, str) else piece(scope)
            if type(text) is not str:
                text = _text(text, scope, place)
            characters += len(text)
            texts.append(text)
        if characters > SMALL_TEXT:
            _charge(scope, characters, texts, place)
        return "".join(texts)

    return run


def _text(value: Json, scope: Scope, place: Place) -> str:
    try:
        return values.to_text(value, scope.meter)
    except EvaluationError as error:
        error.locate(*place)
        raise


def _charge(scope: Scope, characters: int, texts: list[str], place: Place) -> None:
    try:
        scope.meter.text(characters, wide=not all(map(str.isascii, texts)))
    except EvaluationError as error:
        error.locate(*place)
        raise
