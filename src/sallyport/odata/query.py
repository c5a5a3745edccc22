"""Reads the query options of a request, such as `$filter` and `$top`, into one value.

Clients write the names in any case and without the dollar sign, and blanks as `+`, `%20` or themselves; all are read
alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from sallyport.odata import bind, expand, typed
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.fields import Entity
from sallyport.odata.orderby import OrderTerm, Selected, read_orderby, read_select

#: Options that are read.
OPTIONS = ("filter", "orderby", "select", "expand", "top", "skip", "skiptoken", "count", "search")
#: Options of the standard that change nothing here.
_IGNORED = ("format", "schemaversion")
_MAX_OPTIONS = 200
#: Options that an expansion may have in parentheses.
_INSIDE = ("filter", "orderby", "select", "expand", "top", "skip", "count")


@dataclass(frozen=True, slots=True)
class Expanded:
    """What is answered along with each resource: its name in the schema's casing, and its own options."""

    name: str
    query: Query


@dataclass(frozen=True, slots=True)
class Query:
    """The options of one request, read."""

    filter: typed.Filter | None
    orderby: tuple[OrderTerm, ...]
    #: None selects everything.
    select: tuple[Selected, ...] | None
    expand: tuple[Expanded, ...]
    #: The size of a page.
    top: int
    skip: int
    skiptoken: str | None
    #: Whether the number of all rows was asked for.
    count: bool
    #: Everything as it was given, by option name with its dollar sign, custom options included.
    given: Mapping[str, str]

    def expanded(self, name: str) -> Query | None:
        """Answer the options with which something is expanded, or None when it is not."""
        return next((each.query for each in self.expand if each.name == name), None)

    def next_query(self, skiptoken: str) -> str:
        """Answer the query string of the next page: all options again, except that the token replaces `$skip`."""
        kept = {name: text for name, text in self.given.items() if name not in ("$skip", "$skiptoken")}
        return urlencode({**kept, "$skiptoken": skiptoken}, safe="$'(),:/")


def parse_query(
    raw: str | Iterable[tuple[str, str]],
    entity: Entity,
    *,
    max_top: int = 1000,
    max_skip: int = 500,
    default_top: int = 100,
    default_orderby: str = "",
) -> Query:
    """Answer the options of a raw query string, or of pairs that are decoded already.

    Raises InvalidQuery, naming option, value and limit. See OData 4.01, URL Conventions, section 5.1.
    """
    given = _options(raw)
    filter_text = given.get("$filter", "").strip()
    skiptoken = given.get("$skiptoken", "").strip() or None
    if given.get("$search", "").strip():
        # Whoever searches wants some: all would be the wrong answer.
        raise InvalidQuery(
            given["$search"], 1, "$search is not supported; contains(…) in $filter finds texts", "search"
        )
    return Query(
        filter=bind.read_filter(given["$filter"], entity) if filter_text else None,
        orderby=read_orderby(given.get("$orderby", "").strip() or default_orderby, entity),
        select=read_select(given.get("$select", ""), entity),
        expand=_expand(given.get("$expand", ""), entity),
        top=_number(given, "top", default_top, max_top),
        skip=0 if skiptoken else _number(given, "skip", 0, max_skip),
        skiptoken=skiptoken,
        count=_boolean(given, "count"),
        given=given,
    )


def _options(raw: str | Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in _pairs(raw):
        option = name.strip().lower().removeprefix("$")
        if option in OPTIONS:
            if f"${option}" in found:
                raise InvalidQuery(text, 1, f"${option} is given more than once", option)
            found[f"${option}"] = text
        elif name.strip().startswith("$") and option not in _IGNORED:
            raise InvalidQuery(text, 1, f"the option '{name.strip()}' is not supported", "query")
        else:
            found[name] = text
    return found


def _pairs(raw: str | Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    if not isinstance(raw, str):
        return list(raw)
    try:
        return parse_qsl(raw.removeprefix("?"), keep_blank_values=True, max_num_fields=_MAX_OPTIONS)
    except ValueError as error:
        raise InvalidQuery("", 1, f"more than {_MAX_OPTIONS} options", "query") from error


def _expand(text: str, entity: Entity) -> tuple[Expanded, ...]:
    known = {name.lower(): name for name in entity.navigation}
    found: dict[str, Expanded] = {}
    for item in expand.items(text):
        names = tuple(known.values()) if item.name == "*" and known else (known.get(item.name.lower(), ""),)
        for name in names:
            if not name:
                allowed = ", ".join(entity.navigation) or "nothing"
                reason = f"'{item.name}' cannot be expanded, only {allowed}"
                raise InvalidQuery(text, item.column, reason, "expand")
            if name in found:
                raise InvalidQuery(text, item.column, f"'{name}' is expanded more than once", "expand")
            found[name] = Expanded(name, _inside(text, item, name, entity.navigation[name]))
    return tuple(found.values())


def _inside(text: str, item: expand.Item, name: str, entity: Entity) -> Query:
    """Answer the options of one expansion; what is wrong with one is told by its place in the whole."""
    places = {option.name: option.column for option in item.options}
    for option in item.options:
        if option.name not in _INSIDE:
            allowed = ", ".join(f"${each}" for each in _INSIDE)
            raise InvalidQuery(text, option.column, f"'${option.name}' cannot be inside, only {allowed}", "expand")
    try:
        return parse_query([(f"${each.name}", each.value) for each in item.options], entity)
    except InvalidQuery as error:
        column = places.get(error.clause, item.column) + error.column - 1
        raise InvalidQuery(text, column, f"in ${error.clause} of {name}: {error.reason}", "expand") from error


def _number(given: Mapping[str, str], option: str, default: int, largest: int) -> int:
    text = given.get(f"${option}", "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit()):
        raise InvalidQuery(text, 1, f"${option} must be a whole number, zero or more", option)
    # Compared by length first: a number of a thousand digits is not worth reading.
    if len(text.lstrip("0")) > 9 or int(text) > largest:
        raise InvalidQuery(text, 1, f"${option} must be at most {largest}", option)
    return int(text)


def _boolean(given: Mapping[str, str], option: str) -> bool:
    text = given.get(f"${option}", "").strip().lower()
    if text not in ("", "true", "false"):
        raise InvalidQuery(text, 1, f"${option} must be true or false", option)
    return text == "true"
