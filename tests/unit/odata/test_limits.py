from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

import effort
from odata_databases import Resources
from sallyport.odata import bind, lexer, parser
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.errors import InvalidQuery, TooManySteps
from sallyport.odata.matches import matches

_PIECES = [
    *[
        "severity",
        "title",
        "hostStates",
        "/any(",
        "h:",
        "h/fqdn",
        "(",
        ")",
        ",",
        "eq",
        "ne",
        "gt",
        "in",
        "has",
        "and",
        "or",
    ],
    *["not", "'high'", "'", '"', "5", "-1.5e3", "2022-01-01", "2022-13-01T00:00:00Z", "null", "true", "contains("],
    *["tolower(", "$count", "/", "/$count", "microsoft.graph.security.ipEvidence", "@odata.type", "$it", "substring("],
    *["all(", "x", "50ad7d3e-b889-434d-802d-13b87c68047b", "\xa0", "é", "0x1", "1e999", "99999999999999999999999"],
]


def _refusal(text: str) -> InvalidQuery | None:
    try:
        condition = bind.read_filter(text, ALERT)
    except InvalidQuery as error:
        return error
    assert matches(condition, {}, ALERT) in (True, False)
    return None


def _reads_or_refuses(text: str) -> None:
    error = _refusal(text)
    assert error is None or (1 <= error.column <= len(text) + 1 and "\n" in error.caret())


@settings(max_examples=300)
@given(st.lists(st.sampled_from(_PIECES), max_size=14), st.sampled_from(["", " "]))
def test_pieces_of_filters_in_any_order_are_read_or_refused(pieces: list[str], between: str) -> None:
    _reads_or_refuses(between.join(pieces))


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    _reads_or_refuses(text)


def test_a_filter_may_nest_only_so_deep() -> None:
    def nested(depth: int) -> str:
        return "(" * depth + "true" + ")" * depth

    assert matches(bind.read_filter(nested(parser.MAX_DEPTH), ALERT), {}, ALERT)
    for opening, closing in (("(", ")"), ("not (", ")"), ("tags/any(t: ", ")"), ("tolower(", ")")):
        with pytest.raises(InvalidQuery, match=r"nested deeper|more than 3 lambdas"):
            bind.read_filter(opening * 500 + "true" + closing * 500, ALERT)


def test_lambdas_may_nest_only_so_deep() -> None:
    with pytest.raises(InvalidQuery, match="more than 3 lambdas"):
        bind.read_filter("tags/any(t: " * 4 + "true" + ")" * 4, ALERT)
    condition = bind.read_filter(" and ".join(["tags/any(a: tags/any(b: tags/any(c: a eq c)))"] * 5), ALERT)
    assert matches(condition, {"tags": ["x"]}, ALERT)


@pytest.mark.parametrize(
    "text",
    [
        "hostStates/any(a: hostStates/any(b: hostStates/any(c: a/fqdn eq b/fqdn and b/fqdn eq concat(c/fqdn, 'x'))))",
        "hostStates/all(a: hostStates/any(b: b/fqdn eq a/fqdn and " + " and ".join(["a/fqdn ne 'x'"] * 300) + "))",
        "hostStates/all(a: hostStates/all(b: hostStates/any(c: c/isAzureAdJoined)))",
    ],
)
def test_a_question_that_lambdas_multiply_without_end_is_given_up(text: str) -> None:
    states = [{"fqdn": str(number), "isAzureAdJoined": number == 999} for number in range(1_000)]
    condition = bind.read_filter(text, ALERT)
    assert matches(condition, {"hostStates": states[:3]}, ALERT) in (True, False)
    with effort.at_most(5), pytest.raises(TooManySteps, match="steps over one resource"):
        matches(condition, {"hostStates": states}, ALERT)


def test_ordinary_lambdas_over_a_large_resource_are_answered() -> None:
    states = [{"fqdn": str(number), "netBiosName": str(number + 1)} for number in range(20_000)]
    condition = bind.read_filter("hostStates/any(h: tolower(h/fqdn) eq '19999' or h/netBiosName eq 'x')", ALERT)
    assert matches(condition, {"hostStates": states}, ALERT)
    pairs = bind.read_filter("hostStates/all(a: hostStates/any(b: a/fqdn eq b/fqdn))", ALERT)
    assert matches(pairs, {"hostStates": states[:300]}, ALERT)


def test_a_path_may_name_only_so_many_types() -> None:
    step = "/microsoft.graph.security.kubernetesClusterEvidence/cloudResource"
    with pytest.raises(InvalidQuery, match="more than 3 types"):
        bind.read_filter(f"evidence/any(e: e{step * 4}/verdict eq 'malicious')", ALERT_V2)


def test_a_long_filter_is_refused_unread() -> None:
    with pytest.raises(InvalidQuery, match=f"more than {lexer.MAX_CHARACTERS} characters"):
        bind.read_filter("title eq '" + "a" * lexer.MAX_CHARACTERS + "'", ALERT)


def test_a_filter_of_too_many_parts_is_refused() -> None:
    with pytest.raises(InvalidQuery, match=f"more than {parser.MAX_NODES} parts"):
        bind.read_filter("a in (" + ",".join(["1"] * parser.MAX_NODES) + ")", ALERT)
    with pytest.raises(InvalidQuery, match=f"more than {parser.MAX_CONDITIONS} conditions"):
        bind.read_filter(" or ".join(["a"] * (parser.MAX_CONDITIONS + 1)), ALERT)


@pytest.mark.parametrize("word", ["or", "and"])
def test_the_largest_filter_allowed_still_reaches_the_databases(database: Engine, word: str) -> None:
    resources = Resources(database, ALERT)
    resource = {"id": "1", "title": "7", "processes": [{"createdDateTime": "2022-01-01T00:00:00Z"}]}
    resources.fill([resource])
    chain = "tolower(" * 12 + "title" + ")" * 12
    deep = "processes/all(p: " * 3 + f"not ({chain} eq 'a')" + ")" * 3
    for piece in (
        "title eq '7'",
        "not (a ne 7)",
        "title gt category",
        "processes/any(p: p/createdDateTime gt 2022-01-01)",
        chain + " ne '7'",
    ):
        condition = bind.read_filter(_longest(f" {word} ", piece, deep), ALERT)
        assert resources.selected(condition) == ({"1"} if matches(condition, resource, ALERT) else set())


def _longest(word: str, piece: str, first: str = "true") -> str:
    """Join as many pieces as the limits allow."""
    pieces = min(parser.MAX_CONDITIONS - 1, (lexer.MAX_CHARACTERS - len(first)) // len(piece + word))
    while True:
        text = word.join([first, *[piece] * pieces])
        try:
            bind.read_filter(text, ALERT)
        except InvalidQuery:
            pieces -= 20
        else:
            return text


def test_the_largest_list_allowed_still_reaches_the_databases(database: Engine) -> None:
    resources = Resources(database, ALERT)
    resources.fill([{"id": "1", "title": "1899"}, {"id": "2", "title": "x"}])
    values = ",".join(f"'{number}'" for number in range(1900))
    assert resources.selected(bind.read_filter(f"title in ({values})", ALERT)) == {"1"}


def test_the_worst_filters_are_read_quickly() -> None:
    chain = "concat(" * 15 + "title" + ",'a')" * 15
    worst = [
        " or ".join(["hostStates/any(h: h/fqdn eq 'a')"] * 390),
        f"{chain} in (" + ",".join(["'b'"] * 1800) + ")",
        "a" * lexer.MAX_CHARACTERS,
        "'" * lexer.MAX_CHARACTERS,
        "1" * lexer.MAX_CHARACTERS,
        " " * lexer.MAX_CHARACTERS,
        "a/" * (lexer.MAX_CHARACTERS // 2),
        "-" * lexer.MAX_CHARACTERS,
        "not " * 4000 + "true",
    ]
    with effort.at_most(5):
        for text in worst:
            _reads_or_refuses(text)
