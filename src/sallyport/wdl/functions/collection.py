"""Collection functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#collection-functions.

No function changes what it was given: each answers a new collection.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from decimal import Decimal

from sallyport.wdl import errors, json_text, utf16, values
from sallyport.wdl.budget import SMALL_TEXT, Meter
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

#: What an entry of an object occupies beside its key and value.
ENTRY_BYTES = 100
#: Numbers up to here hardly ever have the same hash.
LARGE = 2**63


@function("contains", parameters="a collection and what it may contain")
def contains(scope: Scope, collection: Json, sought: Json) -> bool:
    """Answer whether a string has a part, an array an item, an object a key; case counts."""
    if isinstance(collection, list):
        scope.meter.look(len(collection))
        return any(values.equal(item, sought, scope.meter) for item in collection)
    if isinstance(collection, dict):
        return arguments.text("contains", sought, 2) in collection
    if isinstance(collection, str):
        return arguments.text("contains", sought, 2) in collection
    raise arguments.unfit("contains", "an object, an array or a string", collection, 1)


@function("empty")
def empty(collection: Json) -> bool:
    """Answer whether a string, an array or an object has nothing in it; null has nothing."""
    if collection is None or isinstance(collection, (str, list, dict)):
        return not collection
    raise arguments.unfit("empty", "an object, an array or a string", collection)


@function("length")
def length(collection: Json) -> int:
    """Answer how many items an array has, or how many characters a string."""
    if isinstance(collection, list):
        return len(collection)
    if isinstance(collection, str):
        return utf16.length(collection)
    raise arguments.unfit("length", "an array or a string", collection)


@function("first")
def first(collection: Json) -> Json:
    """Answer the first item of an array (null when it has none) or the first character of a string."""
    if isinstance(collection, list):
        return collection[0] if collection else None
    if isinstance(collection, str):
        return utf16.gather(utf16.spread(collection[:1])[:1])
    raise arguments.unfit("first", "an array or a string", collection)


@function("last")
def last(collection: Json) -> Json:
    """Answer the last item of an array (null when it has none) or the last character of a string."""
    if isinstance(collection, list):
        return collection[-1] if collection else None
    if isinstance(collection, str):
        return utf16.gather(utf16.spread(collection[-1:])[-1:])
    raise arguments.unfit("last", "an array or a string", collection)


@function("take", parameters="an array or a string, and how much of it to take")
def take(scope: Scope, collection: Json, count: Json) -> Json:
    """Answer the front of an array or a string."""
    if not isinstance(collection, (list, str)):
        raise arguments.unfit("take", "an array or a string", collection, 1)
    number = _count("take", count)
    if isinstance(collection, str):
        scope.meter.piece(collection, min(number, len(collection)))
        return utf16.gather(utf16.spread(collection)[:number])
    scope.meter.memory(8 * min(number, len(collection)))
    return collection[:number]


@function("skip", parameters="an array and the number of items to skip")
def skip(scope: Scope, collection: Json, count: Json) -> list[Json]:
    """Answer an array without its first items."""
    given = arguments.items("skip", collection, 1)
    number = _count("skip", count)
    scope.meter.memory(8 * max(0, len(given) - number))
    return given[number:]


@function("chunk", parameters="an array or a string, and the length of each piece")
def chunk(scope: Scope, collection: Json, size: Json) -> list[Json]:
    """Cut an array or a string into pieces of one length; the last may be shorter."""
    if not isinstance(collection, (list, str)):
        raise arguments.unfit("chunk", "an array or a string", collection, 1)
    step = arguments.integer("chunk", size, 2)
    if step < 1:
        raise errors.expects("chunk", "its second parameter to be a positive integer")
    whole = utf16.spread(collection) if isinstance(collection, str) else collection
    scope.meter.items((len(whole) + step - 1) // step, 64)
    scope.meter.memory(8 * len(whole))
    pieces = range(0, len(whole), step)
    if isinstance(whole, str):
        return [utf16.gather(whole[at : at + step]) for at in pieces]
    return [whole[at : at + step] for at in pieces]


@function("join", parameters="an array as the first and a string as the second")
def join(scope: Scope, collection: Json, delimiter: Json) -> str:
    """Combine the items of an array into one string, with a delimiter between them."""
    if not isinstance(collection, list) or not isinstance(delimiter, str):
        expectation = "two parameters: an array as the first parameter and a string as the second parameter"
        raise errors.expects("join", expectation, values.type_name(collection), values.type_name(delimiter))
    scope.meter.memory(8 * len(collection))
    scope.meter.look(len(collection))
    texts = [item if type(item) is str else values.to_text(item, scope.meter) for item in collection]
    characters = sum(map(len, texts)) + len(delimiter) * max(0, len(texts) - 1)
    if characters > SMALL_TEXT:
        scope.meter.text(characters, wide=not (delimiter.isascii() and all(map(str.isascii, texts))))
    return delimiter.join(texts)


@function("union", at_least=2, parameters="arrays, or objects")
def union(scope: Scope, *collections: Json) -> Json:
    """Answer what is in any of several arrays (each item once) or objects (the last value of a key wins)."""
    lists, objects = _alike("union", collections)
    if objects:
        scope.meter.memory(ENTRY_BYTES * sum(map(len, objects)))
        return {key: value for entries in objects for key, value in entries.items()}
    scope.meter.memory(ENTRY_BYTES * sum(map(len, lists)))
    distinct: dict[Hashable, Json] = {}
    for items in lists:
        for item in items:
            distinct.setdefault(identity(item, scope.meter), item)
    scope.meter.items(len(distinct), 8)
    return list(distinct.values())


@function("intersection", at_least=2, parameters="arrays, or objects")
def intersection(scope: Scope, *collections: Json) -> Json:
    """Answer what is in all of several arrays, each item once, or in all objects with an equal value."""
    lists, objects = _alike("intersection", collections)
    if objects:
        front, *others = objects
        scope.meter.memory(ENTRY_BYTES * len(front))
        return {
            key: value
            for key, value in front.items()
            if all(key in entries and values.equal(value, entries[key], scope.meter) for entries in others)
        }
    scope.meter.memory(ENTRY_BYTES * sum(map(len, lists)))
    distinct = {identity(item, scope.meter): item for item in reversed(lists[0])}
    keys = [{identity(item, scope.meter) for item in items} for items in lists[1:]]
    return [item for key, item in reversed(distinct.items()) if all(key in other for other in keys)]


@function("reverse")
def reverse(scope: Scope, collection: Json) -> list[Json]:
    """Answer an array from its end to its start."""
    given = arguments.items("reverse", collection)
    scope.meter.memory(8 * len(given))
    return given[::-1]


@function("sort", parameters="an array and optionally the property to sort by")
def sort(scope: Scope, collection: Json, by: Json = None) -> list[Json]:
    """Answer an array in ascending order, of its items or of one of their properties; nulls come first."""
    given = arguments.items("sort", collection, 1)
    scope.meter.memory(ENTRY_BYTES * len(given))
    keys = given if by is None else [_property(item, arguments.text("sort", by, 2)) for item in given]
    kinds = {values.type_name(key) for key in keys if key is not None}
    if not (kinds <= {"Integer", "Float"} or kinds in ({"String"}, {"Boolean"})):
        raise errors.expects("sort", "its items to be strictly comparable", *sorted(kinds))
    order = sorted(range(len(given)), key=lambda at: _sort_key(keys[at]))
    return [given[at] for at in order]


@function("createArray", at_least=1, parameters="the items")
def create_array(*items: Json) -> list[Json]:
    """Answer an array of all arguments."""
    return list(items)


@function("array")
def array(value: Json) -> list[Json]:
    """Answer an array of the one argument."""
    return [value]


def identity(value: Json, meter: Meter, depth: int = 0) -> Hashable:
    """Answer something hashable that is the same for equal values."""
    if isinstance(value, (list, dict)):
        if depth >= json_text.JSON_DEPTH:
            raise errors.BudgetExceeded(f"The value is nested more than {json_text.JSON_DEPTH} levels deep.")
        meter.look(len(value))
        if isinstance(value, list):
            return ("array", tuple(identity(item, meter, depth + 1) for item in value))
        return ("object", frozenset((key, identity(item, meter, depth + 1)) for key, item in value.items()))
    if isinstance(value, bool) or value is None:
        return str(value), None
    if isinstance(value, str):
        return value
    return _number_identity(value)


def _number_identity(value: int | float | Decimal) -> Hashable:
    if value != value:
        return "NaN", None
    if -LARGE < value < LARGE or value in (math.inf, -math.inf):
        return value
    # Python's hash of a number is no secret: of large ones anybody can write down thousands that have the same.
    whole = int(value)
    return ("number", hex(whole)) if whole == value else value


def _count(name: str, value: Json) -> int:
    number = arguments.integer(name, value, 2)
    if number < 0:
        raise errors.expects(name, "its second parameter to be a positive integer")
    return number


def _alike(name: str, collections: tuple[Json, ...]) -> tuple[list[list[Json]], list[dict[str, Json]]]:
    lists = [given for given in collections if isinstance(given, list)]
    objects = [given for given in collections if isinstance(given, dict)]
    for position, given in enumerate(collections, start=1):
        if not isinstance(given, (list, dict)):
            raise arguments.unfit(name, "either an array or an object", given, position)
    if lists and objects:
        raise errors.expects(name, "parameters of same type, either arrays or objects", "Array", "Object")
    return lists, objects


def _property(item: Json, name: str) -> Json:
    if not isinstance(item, dict):
        raise arguments.unfit("sort", "an array of objects when there is a property to sort by", item, 1)
    key = values.find_key(item, name)
    return None if key is None else item[key]


def _sort_key(key: Json) -> tuple[int, bytes | float | int | Decimal | bool]:
    if key is None:
        return 0, 0
    if key != key:
        return 1, 0
    if isinstance(key, str):
        return 2, values.ordinal(key)
    assert isinstance(key, (bool, int, float, Decimal))
    return 2, key
