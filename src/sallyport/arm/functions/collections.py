"""Array and object functions, some of which also take strings.

https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-array
"""

from __future__ import annotations

from itertools import chain

from sallyport.arm import values
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import function
from sallyport.arm.values import Json


@function("array")
def array(value: Json) -> list[Json]:
    """Make an array of one value."""
    return value if isinstance(value, list) else [value]


@function("createArray")
def create_array(*items: Json) -> list[Json]:
    """Make an array."""
    return list(items)


@function("createObject")
def create_object(*pairs: Json) -> dict[str, Json]:
    """Make an object of keys and values."""
    if len(pairs) % 2:
        raise TemplateError("The function 'createObject' expects a value for every key.")
    return dict(zip(values.texts(pairs[::2], "createObject"), pairs[1::2], strict=True))


@function("concat", looks_deep=True)
def concat(*parts: Json) -> Json:
    """Join arrays, or write values after one another."""
    if parts and all(isinstance(part, list) for part in parts):
        lists = [values.array(part, "concat") for part in parts]
        values.demand_items(sum(map(len, lists)))
        return list(chain.from_iterable(lists))
    texts = []
    length = 0
    for part in parts:
        if isinstance(part, (list, dict)):
            raise TemplateError(f"The function 'concat' cannot mix strings with {values.type_name(part)}.")
        texts.append(values.to_text(part))
        length += len(texts[-1])
        values.demand_length(length)
    return "".join(texts)


@function("contains", looks_deep=True)
def contains(container: Json, sought: Json) -> bool:
    """Tell whether an array holds a value, a string a text (by case), an object a key (in any case)."""
    if isinstance(container, list):
        return any(values.equal(item, sought) for item in container)
    if isinstance(container, dict):
        return values.text(sought, "contains").casefold() in map(str.casefold, container)
    return values.to_text(sought) in values.text(container, "contains")


@function("empty")
def empty(value: Json) -> bool:
    """Tell whether there is nothing in an array, object, string or null."""
    if value is None:
        return True
    if not isinstance(value, (str, list, dict)):
        raise TemplateError(f"The function 'empty' does not take {values.type_name(value)}.")
    return not value


@function("first")
def first(value: Json) -> Json:
    """Take the first item or character."""
    if isinstance(value, str):
        return value[:1]
    items = values.array(value, "first")
    return items[0] if items else None


@function("last")
def last(value: Json) -> Json:
    """Take the last item or character."""
    if isinstance(value, str):
        return value[-1:]
    items = values.array(value, "last")
    return items[-1] if items else None


@function("indexOf", looks_deep=True)
def index_of(value: Json, sought: Json) -> int:
    """Find the first place, -1 when there is none; text in any case."""
    if isinstance(value, list):
        return next((i for i, item in enumerate(value) if values.equal(item, sought)), -1)
    return values.text(value, "indexOf").lower().find(values.text(sought, "indexOf").lower())


@function("lastIndexOf", looks_deep=True)
def last_index_of(value: Json, sought: Json) -> int:
    """Find the last place, -1 when there is none; text in any case."""
    if isinstance(value, list):
        return max((i for i, item in enumerate(value) if values.equal(item, sought)), default=-1)
    return values.text(value, "lastIndexOf").lower().rfind(values.text(sought, "lastIndexOf").lower())


@function("length")
def length(value: Json) -> int:
    """Count items, members or characters."""
    if not isinstance(value, (str, list, dict)):
        raise TemplateError(f"The function 'length' does not take {values.type_name(value)}.")
    return len(value)


@function("take")
def take(value: Json, count: Json) -> Json:
    """Take from the start."""
    number = max(values.integer(count, "take"), 0)
    return value[:number] if isinstance(value, str) else values.array(value, "take")[:number]


@function("skip")
def skip(value: Json, count: Json) -> Json:
    """Leave out from the start."""
    number = max(values.integer(count, "skip"), 0)
    return value[number:] if isinstance(value, str) else values.array(value, "skip")[number:]


@function("join", looks_deep=True)
def join(items: Json, delimiter: Json) -> str:
    """Write items with a delimiter between them."""
    mark = values.text(delimiter, "join")
    texts = [values.to_text(item) for item in values.array(items, "join")]
    values.demand_length(sum(map(len, texts)) + len(mark) * len(texts))
    return mark.join(texts)


@function("range")
def number_range(start: Json, count: Json) -> list[Json]:
    """Make an array of following integers, 10,000 at most."""
    begin, number = values.integer(start, "range"), values.integer(count, "range")
    if not 0 <= number <= 10_000:
        raise TemplateError("The count of 'range' must be between 0 and 10000.")
    return list(range(begin, begin + number))


@function("union", looks_deep=True)
def union(*parts: Json) -> Json:
    """Put arrays together without repetition, or objects, the later over the earlier."""
    if parts and all(isinstance(part, dict) for part in parts):
        merged: dict[str, Json] = {}
        for part in parts:
            merged = _merged(merged, part if isinstance(part, dict) else {})
        return merged
    return _distinct(list(chain.from_iterable(values.array(part, "union") for part in parts)))


def _merged(under: dict[str, Json], over: dict[str, Json]) -> dict[str, Json]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    values.demand_items(len(merged))
    return merged


def _distinct(items: list[Json]) -> list[Json]:
    values.demand_items(len(items))
    seen: set[str] = set()
    kept = []
    for item in items:
        mark = f"{values.type_name(item)}:{values.to_text(item)}"
        if mark not in seen:
            seen.add(mark)
            kept.append(item)
    return kept


@function("intersection", looks_deep=True)
def intersection(*parts: Json) -> Json:
    """Keep what all arrays or all objects have alike."""
    if parts and all(isinstance(part, dict) for part in parts):
        objects = [part for part in parts if isinstance(part, dict)]
        return {
            key: value
            for key, value in objects[0].items()
            if all(key in other and values.equal(other[key], value) for other in objects[1:])
        }
    lists = [values.array(part, "intersection") for part in parts]
    marks = [{values.type_name(item) + values.to_text(item) for item in items} for items in lists[1:]]
    return [
        item
        for item in _distinct(lists[0] if lists else [])
        if all(values.type_name(item) + values.to_text(item) in each for each in marks)
    ]


@function("flatten")
def flatten(items: Json) -> list[Json]:
    """Put the items of inner arrays in their place."""
    flat = list(chain.from_iterable(values.array(item, "flatten") for item in values.array(items, "flatten")))
    values.demand_items(len(flat))
    return flat


@function("items")
def object_items(value: Json) -> list[Json]:
    """List an object's members as `{key, value}`, ordered by key."""
    members = _object(value, "items")
    return [{"key": key, "value": members[key]} for key in sorted(members)]


@function("objectKeys")
def object_keys(value: Json) -> list[Json]:
    """List an object's keys in order."""
    return [*sorted(_object(value, "objectKeys"))]


@function("shallowMerge")
def shallow_merge(objects: Json) -> dict[str, Json]:
    """Put objects together without looking into their members."""
    merged: dict[str, Json] = {}
    for each in values.array(objects, "shallowMerge"):
        merged |= _object(each, "shallowMerge")
    return merged


@function("tryGet")
def try_get(value: Json, *path: Json) -> Json:
    """Take a member at a path, null when something on the way is missing."""
    for key in path:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            value = value[key]
        else:
            return None
    return value


def _object(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TemplateError(f"The function '{name}' expects an object, not {values.type_name(value)}.")
    return value
