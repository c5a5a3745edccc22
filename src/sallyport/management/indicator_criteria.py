"""Which indicators a client of Microsoft Sentinel's management API asks for, and whether one is among them. Pure.

The rule: a page's token holds all that was asked, because clients send it alone for the next page.
Deviation: pages come in the order in which objects were last added, last ones first unless `lastUpdatedTimeUtc` is to
ascend; another order is refused.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sallyport.errors import BadRequest
from sallyport.odata import instants
from sallyport.security import stix

#: How many a page holds.
DEFAULT_PAGE, LARGEST_PAGE = 100, 1_000
_LONGEST_TOKEN = 8_192
_MOST_CLAUSES = 50
_LISTS = ("ids", "keywords", "patternTypes", "sources", "threatTypes")
_NUMBERS = ("minConfidence", "maxConfidence")
_TIMES = ("minValidUntil", "maxValidUntil")
#: Members of an object by what a clause may call them.
_FIELDS = {"displayname": "name", "validfrom": "valid_from", "validuntil": "valid_until", "tags": "labels"}


class InvalidCriteria(BadRequest):
    """Raised when it cannot be read which indicators are asked for; `name` leads to the fault."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Invalid value for '{name}': {reason}.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Criteria:
    """What is asked for, and where the page begins."""

    #: As it was given, read; its members are those of Sentinel's filtering criteria, or `condition` and its page.
    asked: Mapping[str, Any]
    page_size: int
    ascending: bool = False
    #: The place in the feed that the page begins behind.
    place: int | None = None

    def matches(self, given: Mapping[str, Any], source: str) -> bool:
        """Answer whether a STIX object is among what is asked for."""
        if "condition" in self.asked:
            return _holds(self.asked["condition"], {**given, "source": source})
        return all(test(self.asked, given) for test in _TESTS)

    def token(self, place: int) -> str:
        """Answer what leads to the page behind a place."""
        told = json.dumps([place, self.asked], separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).rstrip(b"=").decode()


def of_filter(body: Any) -> Criteria:
    """Answer what the body of `queryIndicators` asks for; raises InvalidCriteria."""
    given = _object(body)
    if given.get("skipToken"):
        return _continued(given["skipToken"], of_filter)
    read: dict[str, Any] = {"includeDisabled": given.get("includeDisabled") is True}
    read |= {name: _texts(given[name], name) for name in _LISTS if given.get(name) is not None}
    read |= {name: _number(given[name], name) for name in _NUMBERS if given.get(name) is not None}
    read |= {name: _time(given[name], name) for name in _TIMES if given.get(name) is not None}
    read |= {"pageSize": _page(given.get("pageSize"), "pageSize"), "sortBy": _sorting(given.get("sortBy"))}
    ascending = read["sortBy"] == [{"itemKey": "lastUpdatedTimeUtc", "sortOrder": "ascending"}]
    return Criteria(read, read["pageSize"], ascending)


def of_condition(body: Any) -> Criteria:
    """Answer what the body of `query` asks for; raises InvalidCriteria."""
    given = _object(body)
    if given.get("skipToken"):
        return _continued(given["skipToken"], of_condition)
    condition = _object(given.get("condition") or {}, "condition")
    clauses = condition.get("clauses") or []
    if not isinstance(clauses, list) or len(clauses) > _MOST_CLAUSES:
        raise InvalidCriteria("condition/clauses", f"a list of {_MOST_CLAUSES} clauses at the most is expected")
    connective = str(condition.get("conditionConnective") or "And").lower()
    if connective not in ("and", "or"):
        raise InvalidCriteria("condition/conditionConnective", "it is neither And nor Or")
    read = {
        "stixObjectType": condition.get("stixObjectType"),
        "conditionConnective": connective,
        "clauses": [_clause(each) for each in clauses],
    }
    page = _page(given.get("maxPageSize"), "maxPageSize")
    return Criteria({"condition": read, "maxPageSize": page}, page)


def continued(token: str) -> Criteria:
    """Answer what a token leads to, whichever it continues; raises InvalidCriteria."""
    asked = _told(token)[1]
    return _continued(token, of_condition if "condition" in asked else of_filter)


def _continued(token: Any, read: Callable[[Any], Criteria]) -> Criteria:
    place, asked = _told(token)
    first = read(asked)
    return Criteria(first.asked, first.page_size, first.ascending, place)


def _told(token: Any) -> tuple[int, dict[str, Any]]:
    try:
        text = str(token)
        if len(text) > _LONGEST_TOKEN:
            raise ValueError("too long")
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        place, asked = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, TypeError, RecursionError, binascii.Error):
        raise InvalidCriteria("skipToken", "it was not given out here") from None
    if type(place) is not int or not isinstance(asked, dict) or asked.get("skipToken") or not 0 <= place < 2**63:
        raise InvalidCriteria("skipToken", "it was not given out here")
    return place, asked


def _object(given: Any, name: str = "body") -> dict[str, Any]:
    if given is None or given == "":
        return {}
    if not isinstance(given, dict):
        raise InvalidCriteria(name, "an object is expected")
    return given


def _texts(given: Any, name: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given) or len(given) > LARGEST_PAGE:
        raise InvalidCriteria(name, f"a list of {LARGEST_PAGE} texts at the most is expected")
    return given


def _number(given: Any, name: str) -> int:
    if type(given) is not int or not 0 <= given <= 100:
        raise InvalidCriteria(name, "a whole number from 0 to 100 is expected")
    return given


def _time(given: Any, name: str) -> str:
    if not isinstance(given, str) or instants.sortable(given) is None:
        raise InvalidCriteria(name, "a date and time is expected")
    return given


def _page(given: Any, name: str) -> int:
    if given is None:
        return DEFAULT_PAGE
    if type(given) is not int or given < 1:
        raise InvalidCriteria(name, "a whole number above 0 is expected")
    return min(given, LARGEST_PAGE)


def _sorting(given: Any) -> list[dict[str, str]]:
    read: list[dict[str, str]] = []
    if given is not None and not isinstance(given, list):
        raise InvalidCriteria("sortBy", "a list is expected")
    for each in given or ():
        key, order = str(_object(each, "sortBy").get("itemKey")), str(each.get("sortOrder") or "descending").lower()
        if order == "unsorted":
            continue
        if key.lower() != "lastupdatedtimeutc" or order not in ("ascending", "descending") or read:
            raise InvalidCriteria("sortBy", "only lastUpdatedTimeUtc, ascending or descending, is an order here")
        read.append({"itemKey": "lastUpdatedTimeUtc", "sortOrder": order})
    return read


def _clause(given: Any) -> dict[str, Any]:
    clause = _object(given, "condition/clauses")
    operator = next((each for each in _OPERATORS if each.lower() == str(clause.get("operator")).lower()), None)
    if operator is None:
        raise InvalidCriteria("condition/clauses", f"the operator must be one of {', '.join(_OPERATORS)}")
    field = clause.get("field")
    if not isinstance(field, str) or not field:
        raise InvalidCriteria("condition/clauses", "a field is expected")
    return {"field": field, "operator": operator, "values": _texts(clause.get("values") or [], "condition/clauses")}


def _holds(condition: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    wanted = condition["stixObjectType"]
    if wanted and str(wanted).lower() != given.get("type"):
        return False
    told = [
        _OPERATORS[each["operator"]](given.get(_FIELDS.get(each["field"].lower(), each["field"])), each["values"])
        for each in condition["clauses"]
    ]
    return all(told) if condition["conditionConnective"] == "and" else any(told) or not told


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _folded(value: Any) -> str:
    return str(value).lower() if isinstance(value, str | int | float) else ""


def _any(test: Callable[[str, str], bool]) -> Callable[[Any, list[str]], bool]:
    """Answer an operator that holds when a test of the value and one of those that are given does."""
    return lambda value, given: any(test(_folded(value), each.lower()) for each in given)


def _none(test: Callable[[str, str], bool]) -> Callable[[Any, list[str]], bool]:
    return lambda value, given: not any(test(_folded(value), each.lower()) for each in given)


def _contains_one(value: Any, given: list[str]) -> bool:
    return bool({_folded(each) for each in _listed(value)} & {each.lower() for each in given})


_OPERATORS: Mapping[str, Callable[[Any, list[str]], bool]] = MappingProxyType(
    {
        "Equals": _any(lambda value, other: value == other),
        "NotEquals": _none(lambda value, other: value == other),
        "StringContains": _any(lambda value, other: other in value),
        "StringNotContains": _none(lambda value, other: other in value),
        "StringStartsWith": _any(lambda value, other: value.startswith(other)),
        "StringNotStartsWith": _none(lambda value, other: value.startswith(other)),
        "StringEndsWith": _any(lambda value, other: value.endswith(other)),
        "StringNotEndsWith": _none(lambda value, other: value.endswith(other)),
        "StringIsEmpty": lambda value, _: value in (None, ""),
        "IsNull": lambda value, _: value is None,
        "IsTrue": lambda value, _: value is True,
        "IsFalse": lambda value, _: value is not True,
        "ArrayContains": _contains_one,
        "ArrayNotContains": lambda value, given: not _contains_one(value, given),
    }
)


def _is_enabled(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return bool(asked.get("includeDisabled")) or given.get("revoked") is not True


def _is_sure(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    if "minConfidence" not in asked and "maxConfidence" not in asked:
        return True
    confidence = given.get("confidence")
    return type(confidence) is int and asked.get("minConfidence", 0) <= confidence <= asked.get("maxConfidence", 100)


def _is_valid(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    ends = instants.sortable(str(given.get("valid_until") or "")) or "9999"
    earliest, latest = asked.get("minValidUntil"), asked.get("maxValidUntil")
    return (earliest is None or ends >= (instants.sortable(earliest) or "")) and (
        latest is None or ends <= (instants.sortable(latest) or "")
    )


def _is_among(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return "ids" not in asked or given.get("id") in asked["ids"]


def _says(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    said = [given.get("name"), given.get("description"), given.get("pattern"), *_listed(given.get("labels"))]
    text = "\n".join(str(each).lower() for each in said if each)
    return all(each.lower() in text for each in asked.get("keywords", ()))


def _threatens(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    types = {_folded(each) for each in _listed(given.get("indicator_types"))}
    return "threatTypes" not in asked or bool(types & {each.lower() for each in asked["threatTypes"]})


def _looks_for(asked: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    return "patternTypes" not in asked or stix.pattern_type(given) in {each.lower() for each in asked["patternTypes"]}


_TESTS = (_is_enabled, _is_sure, _is_valid, _is_among, _says, _threatens, _looks_for)
