"""A hostile document, value, path or format costs little and is refused with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import effort
from sallyport.wdl import values, xpath_compared, xpath_cost
from sallyport.wdl.errors import BudgetExceeded, EvaluationError
from sallyport.wdl.functions import collection, date_time, json, number_format, xml
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json
from sallyport.wdl.xpath_compared import Compared
from sallyport.wdl.xpath_cost import Wide

LAUGHS = "".join(f'<!ENTITY {chr(98 + level)} "{f"&{chr(97 + level)};" * 10}">' for level in range(9))
DOCUMENTS = {
    "a billion laughs": f'<!DOCTYPE l [<!ENTITY a "ha">{LAUGHS}]><l>&j;</l>',
    "a file": '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
    "an address": '<!DOCTYPE l SYSTEM "http://127.0.0.1:9/x.dtd"><l/>',
    "a parameter entity": '<!DOCTYPE l [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x"> %x;]><l/>',
    "attributes by default": '<!DOCTYPE l [<!ATTLIST l a CDATA "b">]><l/>',
    "depth": "<a>" * 100_000 + "</a>" * 100_000,
    "a tag without end": "<" + "a" * 1_000_000,
    "an undefined entity": "<l>&nope;</l>",
}


def quickly(call: Callable[[], object], error: type[Exception] = EvaluationError) -> str:
    """Demand a refusal that costs little; answer its message."""
    with effort.at_most(2), pytest.raises(error) as failure:
        call()
    message = str(failure.value)
    assert len(message) < 700
    return message


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_hostile_document_is_refused(document: str) -> None:
    envelope = values.envelope(document.encode(), "application/xml")
    for call in (
        lambda: xml.xml(Scope(), document),
        lambda: json.json_(Scope(), envelope),
        lambda: xml.xpath(Scope(), envelope, "/*"),
    ):
        assert "root:" not in quickly(call)


def test_a_document_that_would_fill_the_memory_is_refused_before_it_is_parsed() -> None:
    document = "<r>" + "<a/>" * 3_000_000 + "</r>"
    quickly(lambda: xml.xml(Scope(), document), BudgetExceeded)


def test_an_object_of_any_depth_is_refused_as_xml() -> None:
    value: Json = None
    for _ in range(10_000):
        value = {"a": value}
    quickly(lambda: xml.xml(Scope(), value), BudgetExceeded)


@pytest.mark.parametrize(
    "path",
    [
        "count(//*[//*])",
        "count(//a[following::b])",
        "//a/following-sibling::a/following-sibling::a",
        "//a[contains(string(/), 'x')]",
        "/r/a[count(/r/a[count(/r/a) > 1]) > 1]",
        "(//a)[//b]",
        "//a[../b]",
        "//*" * 500,
    ],
)
def test_a_path_that_visits_a_large_document_over_and_over_is_refused(path: str) -> None:
    envelope = xml.xml(Scope(), "<r>" + "<a><b>1</b></a>" * 10_000 + "</r>")
    quickly(lambda: xml.xpath(Scope(), envelope, path), BudgetExceeded)


@pytest.mark.parametrize("path", ["//b/..", "/r/a//b", "//b/ancestor-or-self::*", "//a | //b", "count(//b/parent::a)"])
def test_a_path_that_may_find_nodes_twice_is_refused_over_a_large_document(path: str) -> None:
    envelope = xml.xml(Scope(), "<r>" + "<a><b>1</b></a>" * 60_000 + "</r>")
    quickly(lambda: xml.xpath(Scope(), envelope, path), BudgetExceeded)


@pytest.mark.parametrize(
    "path", ["//a = //b", "/r/a >= /r/b", "not(//a != //a)", "/r[a = b]", "//a/text() = //b/text()", "//a/@x < //b/@y"]
)
def test_a_path_that_compares_every_node_with_every_other_is_refused_over_a_large_document(path: str) -> None:
    envelope = xml.xml(Scope(), "<r>" + '<a x="1">1</a><b y="1">2</b>' * 60_000 + "</r>")
    quickly(lambda: xml.xpath(Scope(), envelope, path), BudgetExceeded)


@pytest.mark.parametrize("piece", ["x<!-- <b/> -->", "x<?y z?>", "x<![CDATA[<b/>]]>"])
def test_a_document_with_very_many_nodes_between_two_elements_is_refused(piece: str) -> None:
    envelope = xml.xml(Scope(), f"<r>{piece * 50_000}</r>")
    quickly(lambda: xml.xpath(Scope(), envelope, "//text()"), BudgetExceeded)


@pytest.mark.parametrize("path", ["//a", "//a/namespace::*", "//a[count(namespace::*) > 5]"])
def test_a_document_with_very_many_namespaces_is_refused(path: str) -> None:
    names = " ".join(f'xmlns:p{number}="u"' for number in range(3_000))
    envelope = xml.xml(Scope(), f"<r {names}>{'<a/>' * 3_000}</r>")
    quickly(lambda: xml.xpath(Scope(), envelope, path), BudgetExceeded)


def test_very_many_namespaces_cost_little_on_the_way_to_json_and_back() -> None:
    names: dict[str, Json] = {f"@xmlns:p{number}": "u" for number in range(30_000)}
    document: Json = {"r": {**names, "a": [{"@xmlns:q": "v", "p0:b": "1"}] * 30_000}}
    with effort.at_most(5):
        envelope = xml.xml(Scope(), document)
        assert json.json_(Scope(), envelope) == document


@pytest.mark.parametrize("path", ["(" * 4_000 + "1" + ")" * 4_000, "a[" * 2_000 + "1" + "]" * 2_000])
def test_a_path_of_great_depth_is_refused(path: str) -> None:
    envelope = xml.xml(Scope(), "<r/>")
    quickly(lambda: xml.xpath(Scope(), envelope, path))


def test_concat_in_a_path_cannot_multiply_a_document() -> None:
    envelope = xml.xml(Scope(), f"<r>{'x' * 1_000_000}</r>")
    path = f"concat({','.join(['string(/)'] * 700)})"
    quickly(lambda: xml.xpath(Scope(), envelope, path), BudgetExceeded)


@pytest.mark.parametrize(
    ("path", "wide"),
    [
        ("/a/b", Wide(0, 0)),
        ("//a", Wide(1, 0)),
        ("//a//b", Wide(1, 1)),
        ("//a | //b", Wide(1, 0)),
        ("count(//a) + count(//b)", Wide(1, 0)),
        ("//*[local-name()='x']/*[local-name()='//']", Wide(1, 0)),
        ("//*[//*[//*]]", Wide(3, 0)),
        ("//a/following-sibling::b", Wide(2, 0)),
        ("(//a)[//b]", Wide(2, 0)),
    ],
)
def test_the_cost_of_a_path_counts_what_multiplies(path: str, wide: Wide) -> None:
    assert xpath_cost.wide_axes(path) == wide


@pytest.mark.parametrize(
    ("path", "merges"),
    [
        ("//a/b[../c]/@d", 0),
        (".//a", 0),
        ("//a[. = '|']", 0),
        ("//a//b", 1),
        ("/r/a//b", 1),
        ("//a/.//b", 1),
        ("//a/../b", 1),
        ("//a | //b | //c", 2),
        ("count(//a/descendant::b)", 1),
    ],
)
def test_the_cost_of_a_path_counts_where_nodes_may_meet(path: str, merges: int) -> None:
    assert xpath_cost.merges(path) == merges


@pytest.mark.parametrize(
    ("path", "near", "far"),
    [
        ("//a[. = 'x' and @id != 'b = c']", (), 0),
        ("*[local-name() = 'a']/b[position() < last() - 1]", (), 0),
        ("count(//a) > 3.14 or //a = -1", (), 0),
        ("//a[b + 1 = c or b * 2 = c or b div 2 = c]", (), 0),
        ("//a[@id = b or b = .]", (), 0),
        ("string(//a) = //b", (), 0),
        ("//a[b = c]", (("b", "c"),), 0),
        ("//a[./b/@id = c/@id and d <= e]", (("b", "c"), ("d", "e")), 0),
        ("//a[or = and]", (("or", "and"),), 0),
        ("//a[text() = x:b]", (("*", "b"),), 0),
        ("//a[b.c = x:d.div and e·f<g.and]", (("b.c", "d.div"), ("e·f", "g.and")), 0),
        ("//a = //b", (), 1),
        ("not(//a>=//b)", (), 1),
        ("(//a) = (//b)", (), 1),
        ("//a | b = c", (), 1),
        ("//a[b/* = c][child::d = e]", (), 2),
        ("//@a = //@b", (), 1),
    ],
)
def test_the_cost_of_a_path_counts_the_comparisons_of_sets(
    path: str, near: tuple[tuple[str, str], ...], far: int
) -> None:
    assert xpath_compared.compared(path) == Compared(near, far)


def test_nodes_of_a_large_document_can_be_compared_with_those_beside_them() -> None:
    envelope = xml.xml(Scope(), "<r>" + "<a><b>1</b><c>1</c></a>" * 40_000 + "</r>")
    assert xml.xpath(Scope(), envelope, "count(//a[b = c])") == 40_000.0
    assert xml.xpath(Scope(), envelope, "//b = '2'") is False


def test_ordinary_paths_over_a_large_document_are_answered() -> None:
    envelope = xml.xml(Scope(), "<r>" + "<a><b>1</b></a>" * 10_000 + "</r>")
    assert xml.xpath(Scope(), envelope, "count(//a/b)") == 10_000.0
    assert xml.xpath(Scope(), envelope, "count(//a//b)") == 10_000.0
    assert xml.xpath(Scope(), envelope, "count(//a/b/.. | //b)") == 20_000.0
    assert xml.xpath(Scope(), envelope, "sum(/r/a[b='1']/b)") == 10_000.0


def test_numbers_that_were_chosen_to_have_one_hash_cost_little() -> None:
    chosen: list[Json] = [(2**61 - 1) * number for number in range(10**8, 10**8 + 20_000)]
    with effort.at_most(2):
        assert collection.union(Scope(), chosen, chosen) == chosen
        assert collection.intersection(Scope(), [chosen], [chosen]) == [chosen]


@pytest.mark.parametrize("pattern", ["F999999999", "C1000000", "D99999999", "0" * 1_000_000, "E2147483647"])
def test_a_number_format_without_bound_is_refused(pattern: str) -> None:
    quickly(lambda: number_format.format_number(1, pattern))


@pytest.mark.parametrize("pattern", ["y" * 100_000, "'" + "x" * 1_000_000 + "'", "f" * 100])
def test_a_date_format_without_bound_is_refused(pattern: str) -> None:
    quickly(lambda: date_time.format_date_time("2018-03-15", pattern))


@pytest.mark.parametrize("text", ["1" * 1_000_000, " " * 1_000_000, "1:" * 100_000, "a " * 100_000])
def test_a_long_text_is_no_timestamp(text: str) -> None:
    quickly(lambda: date_time.ticks(text))
    quickly(lambda: date_time.parse_date_time(text, "fr-FR", "d"))
    quickly(lambda: date_time.format_time_span(text))
