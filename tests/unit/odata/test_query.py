from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

import effort
from odata_entities import ENTITIES
from sallyport.odata import query
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.errors import InvalidQuery
from sallyport.odata.fields import Structure
from sallyport.odata.matches import matches
from sallyport.odata.projection import project
from workplace import CASES

FILTER = "severity eq 'high' and createdDateTime ge 2026-11-01T00:00:00Z and hostStates/any(h: h/fqdn eq 'a')"
SELECTED = {"severity": "high", "createdDateTime": "2026-11-05T00:00:00Z", "hostStates": [{"fqdn": "a"}]}
FILTERS = json.loads((Path(CASES) / "odata" / "filters.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "raw",
    [
        f"$filter={quote(FILTER, safe='')}",
        f"%24filter={quote_plus(FILTER)}",
        f"$filter={FILTER}",
        f"filter={FILTER.replace(' ', '+')}&foo=bar",
        f"?$FILTER=%20{quote(FILTER)}%20",
        f"$filter={FILTER.replace(' and ', '+and%20').replace('/', '%2F')}&$top=5",
    ],
)
def test_a_filter_arrives_however_it_is_encoded(raw: str) -> None:
    found = query.parse_query(raw, ALERT).filter
    assert matches(found, SELECTED, ALERT)
    assert not matches(found, {**SELECTED, "severity": "low"}, ALERT)


def test_an_offset_survives_a_plus_sign_that_was_not_encoded() -> None:
    found = query.parse_query("$filter=createdDateTime ge 2026-11-01T02:00:00+02:00", ALERT).filter
    assert matches(found, {"createdDateTime": "2026-11-01T00:00:00Z"}, ALERT)
    assert not matches(found, {"createdDateTime": "2026-10-31T23:59:59.9999999Z"}, ALERT)


@pytest.mark.parametrize("raw", ["", "$filter=", "$filter=%20", "filter=+"])
def test_an_empty_filter_is_none(raw: str) -> None:
    assert query.parse_query(raw, ALERT).filter is None


def test_all_options_are_read() -> None:
    found = query.parse_query(
        "$orderBy=CreatedDateTime desc,vendorInformation/provider&$TOP=5&skip=500&$count=True"
        "&$select=ID, title,vendorinformation/Vendor&$search=&api=1",
        ALERT,
    )
    assert [str(term) for term in found.orderby] == ["createdDateTime desc", "vendorInformation/provider asc"]
    assert (found.top, found.skip, found.count) == (5, 500, True)
    assert found.select == (("id",), ("title",), ("vendorInformation", "vendor"))


def test_what_is_not_given_has_a_default() -> None:
    found = query.parse_query("", ALERT, default_top=100, default_orderby="createdDateTime desc")
    assert (found.top, found.skip, found.skiptoken, found.count, found.select, found.expand) == (
        100,
        0,
        None,
        False,
        None,
        (),
    )
    assert [str(term) for term in found.orderby] == ["createdDateTime desc"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("$top=1001", "$top must be at most 1000"),
        ("$top=" + "9" * 5000, "$top must be at most 1000"),
        ("$skip=501", "$skip must be at most 500"),
        ("$top=-1", "$top must be a whole number"),
        ("$top=²", "$top must be a whole number"),
        ("$skip=a", "$skip must be a whole number"),
        ("$count=maybe", "$count must be true or false"),
        ("$filter=true&filter=true", "$filter is given more than once"),
        ("$search=evil", "$search is not supported"),
        ("search=evil", "$search is not supported"),
        ("$apply=x", "'$apply' is not supported"),
        ("$orderby=hostStates", "a collection has no order"),
        ("$orderby=vendorInformation", "an object has no order"),
        ("$orderby=title sideways", "is not a property, followed by asc, desc or nothing"),
        ("$orderby=hostStates/fqdn", "a collection has no property 'fqdn'"),
        ("$orderby=" + ",".join(["title"] * 9), "more than 8 properties"),
        ("$select=title,,id", "'' is not a property"),
        ("$select=title desc", "belongs in $orderby"),
        ("$expand=alerts", "'alerts' cannot be expanded, only nothing"),
        ("&".join(["a=b"] * 300), "more than 200 options"),
    ],
)
def test_an_option_that_cannot_be_honoured_is_refused_with_its_reason(raw: str, reason: str) -> None:
    with pytest.raises(InvalidQuery, match=r"Invalid \w+ clause") as caught:
        query.parse_query(raw, ALERT)
    assert reason in caught.value.message


def test_a_skiptoken_makes_skip_irrelevant() -> None:
    assert query.parse_query("$skip=5&$skiptoken=abc", ALERT).skip == 0


def test_an_expansion_of_many_blanks_is_refused_at_once() -> None:
    with effort.at_most(5):
        for _ in range(10):
            with pytest.raises(InvalidQuery, match="is not what can be expanded"):
                query.parse_query([("$expand", f"alerts{' ' * 16_000}!")], INCIDENT)


def test_only_navigation_can_be_expanded() -> None:
    assert [each.name for each in query.parse_query("$expand=Alerts", INCIDENT).expand] == ["alerts"]
    assert [each.name for each in query.parse_query("$expand=*", INCIDENT).expand] == ["alerts"]
    assert query.parse_query("$expand=", INCIDENT).expand == ()


def test_an_expansion_has_options_of_its_own() -> None:
    text = (
        "$expand= alerts ( $SELECT=id,Title ; filter=title eq 'a;b(c,''d' and (severity eq \"high\");"
        "$orderby=createdDateTime desc;$top=2;$skip=1;$count=true; ) "
    )
    inside = query.parse_query(text, INCIDENT).expanded("alerts")
    assert inside is not None
    assert (inside.top, inside.skip, inside.count, inside.select) == (2, 1, True, (("id",), ("title",)))
    assert [str(term) for term in inside.orderby] == ["createdDateTime desc"]
    assert matches(inside.filter, {"title": "a;b(c,'d", "severity": "high"}, ALERT_V2)
    assert not matches(inside.filter, {"title": "a", "severity": "high"}, ALERT_V2)
    assert query.parse_query("", INCIDENT).expanded("alerts") is None


@pytest.mark.parametrize(
    ("text", "reason", "fault"),
    [
        ("alerts($top=1001)", "in $top of alerts: $top must be at most 1000", "1001"),
        ("alerts($filter=id eq 1 and neq 2)", "in $filter of alerts:", "2)"),
        ("alerts($count=true;$filter= titel eq 'a')", "'titel' is not a property of alert", "titel"),
        ("alerts($select=id,titel)", "'titel' is not a property of alert", "titel"),
        ("alerts($expand=incident)", "'incident' cannot be expanded, only nothing", "incident"),
        ("alerts($levels=2)", "'$levels' cannot be inside", "2"),
        ("alerts($skiptoken=x)", "'$skiptoken' cannot be inside", "x"),
        ("alerts($top=1;$top=2)", "$top is given more than once", "2"),
        ("alerts($top)", "'$top' is not an option with its value", "$top"),
        ("alerts($filter=title eq 'a)", "this string is not closed", "'a)"),
        ("alerts($filter=(title eq 'a')", "this parenthesis is not closed", "($filter"),
        ("alerts)", "this parenthesis was not opened", ")"),
        ("alerts($top=1)alerts($top=2)", "this parenthesis was not opened", ")alerts"),
        ("alerts/$ref", "only whole resources are expanded", "alerts"),
        ("alerts/$count", "only whole resources are expanded", "alerts"),
        ("alerts,alerts", "'alerts' is expanded more than once", "alerts"),
        ("alerts,*", "'alerts' is expanded more than once", "*"),
        ("alerts,", "'' is not what can be expanded", ""),
        ("alerts,owners", "'owners' cannot be expanded, only alerts", "owners"),
        ("alerts" + " " * 17_000, "more than 16384 characters", ""),
    ],
)
def test_an_expansion_that_cannot_be_honoured_is_refused_with_its_place(text: str, reason: str, fault: str) -> None:
    with pytest.raises(InvalidQuery, match="Invalid expand clause") as caught:
        query.parse_query([("$expand", text)], INCIDENT)
    assert reason in caught.value.message
    assert text[caught.value.column - 1 :].startswith(fault)


def test_the_next_page_repeats_all_options_and_replaces_skip() -> None:
    first = query.parse_query("filter=severity eq 'high'&$top=5&$skip=10&custom=1", ALERT)
    again = query.parse_query(first.next_query("token+/="), ALERT)
    assert again.skiptoken == "token+/="
    assert dict(again.given) == {
        "$filter": "severity eq 'high'",
        "$top": "5",
        "custom": "1",
        "$skiptoken": "token+/=",
    }


@pytest.mark.parametrize("case", FILTERS, ids=lambda case: str(case["name"]))
def test_every_filter_survives_the_next_page(case: dict[str, str]) -> None:
    text = case["filter"]
    first = query.parse_query([("$filter", text)], ENTITIES[case["entity"]])
    assert dict(query.parse_query(first.next_query("t"), ENTITIES[case["entity"]]).given)["$filter"] == text


def test_a_projection_keeps_what_was_selected_and_annotations() -> None:
    resource = {
        "@odata.type": "#x",
        "id": "1",
        "title": "t",
        "vendorInformation": {"provider": "p", "vendor": "v"},
        "tags": [],
        "custom": 1,
    }
    chosen = query.parse_query("$select=TITLE,vendorInformation/provider,custom,closedDateTime", ALERT).select
    assert project(resource, chosen) == {
        "@odata.type": "#x",
        "title": "t",
        "vendorInformation": {"provider": "p"},
        "custom": 1,
    }
    assert project(resource, None) == resource
    expanded = {"id": "1", "title": "t", "alerts@odata.nextLink": "l", "alerts": [], "others": []}
    assert project(expanded, (("id",),), ("alerts",)) == {"id": "1", "alerts@odata.nextLink": "l", "alerts": []}
    assert query.parse_query("$select=*,title", ALERT).select is None


def test_a_whole_object_beats_a_part_of_it() -> None:
    chosen = query.parse_query("$select=vendorInformation/provider,vendorInformation", ALERT).select
    assert project({"vendorInformation": {"provider": "p", "vendor": "v"}}, chosen) == {
        "vendorInformation": {"provider": "p", "vendor": "v"}
    }


@given(st.text(max_size=60))
def test_any_query_string_is_read_or_refused(raw: str) -> None:
    for text in (raw, f"$filter={raw}", f"$orderby={raw}&$select={raw}", f"$skiptoken={raw}&$top={raw}&$expand={raw}"):
        error = _refusal(text)
        assert error is None or error.caret().count("\n") == 1


@given(st.text(alphabet="alerts$top=1;,()'\" *", max_size=40))
def test_any_expansion_is_read_or_refused(text: str) -> None:
    error = _refusal([("$expand", text)], INCIDENT)
    assert error is None or 1 <= error.column <= len(text) + 1


def _refusal(raw: str | list[tuple[str, str]], entity: Structure = ALERT) -> InvalidQuery | None:
    try:
        query.parse_query(raw, entity)
    except InvalidQuery as error:
        return error
    return None
