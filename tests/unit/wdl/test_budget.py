"""Expressions that would build too much are refused, quickly, and before they build it."""

from __future__ import annotations

import tracemalloc

import pytest

import effort
from sallyport.wdl import values
from sallyport.wdl.budget import Budget, Meter
from sallyport.wdl.condition import compile_condition
from sallyport.wdl.errors import BudgetExceeded, EvaluationError, ExpressionSyntaxError
from sallyport.wdl.scope import ContextScope
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json

#: Room for honest work, far below what the bombs below would take.
SMALL = Budget(string_characters=1_000_000, total_bytes=20_000_000)
MEGABYTE = 1_048_576


def doubled(function: str, times: int) -> str:
    """Write an expression that replaces each character of a string by ten, several times over."""
    text = "'aaaaaaaaaa'"
    for _ in range(times):
        text = f"{function}({text},'a','aaaaaaaaaa')"
    return f"@{text}"


def nested(depth: int, inner: str = "1") -> Json:
    """Build an array in an array, as deep as asked."""
    value: Json = inner
    for _ in range(depth):
        value = [value]
    return value


def scope(context: dict[str, Json] | None = None, budget: Budget = SMALL) -> ContextScope:
    return ContextScope(context or {}, meter=Meter(budget))


def many(call: str) -> str:
    """Write an expression that keeps what many equal calls answer."""
    return f"@createArray({','.join([call] * 100)})"


BOMBS: dict[str, Json] = {
    "replace": doubled("replace", 9),
    "concat of a long variable": f"@concat({','.join(['variables(' + chr(39) + 's' + chr(39) + ')'] * 20)})",
    "interpolation of a long variable": "@{variables('s')}" * 20,
    "join with a long separator": "@join(range(0,100000),variables('s'))",
    "nested joins of ranges": "@join(createArray(" + ",".join(["join(range(0,100000),'--------')"] * 40) + "),'')",
    "concat of ranges": "@concat(" + ",".join(["range(0,100000)"] * 60) + ")",
    "string of ranges": "@string(createArray(" + ",".join(["range(0,100000)"] * 60) + "))",
    "union of ranges": "@union(" + ",".join(f"range({n}00000,100000)" for n in range(1, 40)) + ")",
    "split of a long variable": "@split(variables('s'),'a')",
    "chunk of a long variable": "@chunk(variables('s'),1)",
    "base64 of base64": "@" + "base64(" * 90 + "variables('s')" + ")" * 90,
    "json of a long text": "@json(variables('brackets'))",
    "data URI of data URI": "@" + "dataUri(" * 90 + "variables('s')" + ")" * 90,
    "pieces of a long variable": many("substring(variables('s'),1)"),
    "slices of a long variable": many("slice(variables('s'),1)"),
    "fronts of a long variable": many("take(variables('s'),300000)"),
    "a long variable trimmed": many("trim(variables('s'))"),
    "a long variable in lower case": many("toLower(variables('s'))"),
    "a long variable in upper case": many("toUpper(variables('s'))"),
    "a long variable without its mark": many("trimByteOrderMark(variables('s'))"),
    "a long variable decoded": many("uriComponentToString(variables('s'))"),
    "a long variable as XML text": many("decodeXmlValue(variables('s'))"),
    "a long variable as XML name": many("decodeXmlName(variables('s'))"),
    "a long form": many("triggerFormDataValue('f')"),
    "a long part of a form": many("triggerMultipartBody(0)"),
    "a large object with itself": many("intersection(variables('object'),variables('object'))"),
    "many keys of an object": {f"key {number}": "@toUpper(variables('s'))" for number in range(120)},
    "binary of binary text": "@" + "string(createArray(binary(" * 30 + "variables('s')" + ")))" * 30,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_before_it_is_built(bomb: Json) -> None:
    variables: dict[str, Json] = {
        "s": "\ufeffA" + "a" * 400_000 + " ",
        "brackets": "[" + "[]," * 300_000 + "1]",
        "object": dict.fromkeys(map(str, range(20_000)), 1),
    }
    content = f"--b\r\nContent-Disposition: form-data; name=f\r\n\r\n{'a' * 400_000}\r\n--b--\r\n"
    body = values.envelope(content.encode(), "multipart/form-data; boundary=b")
    place = scope({"variables": variables, "trigger": {"outputs": {"body": body}}})
    tracemalloc.start()
    try:
        with effort.at_most(20), pytest.raises(BudgetExceeded) as failure:
            compile_template(bomb).evaluate(place)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert failure.value.code == "ExpressionEvaluationFailed"
    assert peak < 60 * MEGABYTE


@pytest.mark.parametrize(
    "expression",
    [
        "@lastIndexOf(variables('s'), variables('needle'))",
        "@indexOf(variables('s'), variables('needle'))",
        "@nthIndexOf(variables('s'), variables('half'), 100000)",
        "@nthIndexOf(variables('s'), variables('half'), -100000)",
        "@replace(variables('s'), variables('needle'), '')",
        "@split(variables('s'), variables('needle'))",
        "@contains(variables('s'), variables('needle'))",
        "@intersection(range(0,100000), range(1,100000), range(2,100000))",
        "@sort(reverse(range(0,100000)))",
    ],
)
def test_a_search_that_could_take_quadratic_time_does_not(expression: str) -> None:
    needle = "b" + "a" * 300_000
    context: dict[str, Json] = {"s": "a" * 900_000, "needle": needle, "half": "a" * 1_000}
    with effort.at_most(5):
        compile_template(expression).evaluate(scope({"variables": context}, Budget()))


SLOW = {
    "a search in an array": "contains(variables('a'),'x')",
    "a deep comparison": "equals(variables('a'),variables('b'))",
    "a search for an array": "contains(createArray(variables('a')),variables('b'))",
    "the largest number": "max(variables('a'))",
    "the smallest number": "min(variables('a'))",
    "a join": "length(join(variables('a'),''))",
    "a text of an array": "length(string(variables('a')))",
    "an absent property": "variables('o')?['nope']",
    "a property in another case": "variables('o')?['KEY 1']",
    "equal entries": "intersection(variables('deep'),variables('deeper'))",
    "distinct items": "length(union(createArray(variables('a')),createArray(variables('b'))))",
    "references of XML": "length(decodeXmlValue(variables('xml')))",
    "escapes of a name": "length(decodeXmlName(variables('name')))",
    "a name of blanks": "length(encodeXmlName(variables('blanks')))",
    "common items": "length(intersection(createArray(variables('a')),createArray(variables('b'))))",
}
WALKED: dict[str, Json] = {
    "a": [1] * 50_000,
    "b": [1] * 50_000,
    "o": {f"key {number}": number for number in range(50_000)},
    "deep": {"a": [1] * 50_000},
    "deeper": {"a": [1] * 50_000},
    "xml": "&amp;" * 50_000,
    "name": "_x0041_" * 50_000,
    "blanks": " " * 50_000,
}


@pytest.mark.parametrize("call", SLOW.values(), ids=SLOW.keys())
def test_what_takes_time_but_no_memory_is_refused_as_well(call: str) -> None:
    place = scope({"variables": WALKED}, Budget(steps=1_000_000))
    compile_template(f"@{call}").evaluate(place)
    assert 50_000 <= place.meter.looked <= 200_100
    with pytest.raises(BudgetExceeded, match="more than 1000000 steps"):
        compile_template(many(call)).evaluate(place)


def test_the_parts_of_a_condition_share_one_budget() -> None:
    operands: list[Json] = [{"not": {"contains": ["@variables('a')", "x"]}}] * 120
    place = scope({"variables": WALKED}, Budget(steps=1_000_000))
    with pytest.raises(BudgetExceeded, match="steps"):
        compile_condition({"and": operands}).evaluate(place)
    parts: list[Json] = [{"contains": ["@createArray(contains(variables('a'),'x'))", False]}] * 120
    with pytest.raises(BudgetExceeded, match="steps"):
        compile_condition({"and": parts}).evaluate(place)


def test_each_evaluation_starts_with_all_its_steps() -> None:
    place = scope({"variables": WALKED}, Budget(steps=60_000))
    template = compile_template("@contains(variables('a'),'x')")
    assert [template.evaluate(place) for _ in range(3)] == [False] * 3


def test_honest_searches_are_within_the_budget() -> None:
    template = compile_template(many("contains(variables('a'),'x')"))
    assert template.evaluate(scope({"variables": WALKED}, Budget())) == [False] * 100


def test_the_contract_allows_strings_of_a_hundred_million_characters_and_no_more() -> None:
    meter = Meter()
    meter.text(104_857_600)
    with pytest.raises(BudgetExceeded, match="104857601 characters"):
        Meter().text(104_857_601)


def test_an_array_has_at_most_a_hundred_thousand_items() -> None:
    place = ContextScope({"variables": {"s": "," * 100_000}})
    with pytest.raises(BudgetExceeded, match="100001 items"):
        compile_template("@split(variables('s'),',')").evaluate(place)


def test_each_evaluation_starts_with_a_full_budget() -> None:
    place = scope({"variables": {"s": "a" * 900_000}})
    template = compile_template("@concat(variables('s'),'b')")
    assert all(len(str(template.evaluate(place))) == 900_001 for _ in range(100))


def test_what_is_too_large_to_fold_is_computed_when_it_is_wanted() -> None:
    template = compile_template("@range(0,100000)")
    assert not template.constant
    assert template.evaluate(scope()) == list(range(100_000))


@pytest.mark.parametrize("depth", [101, 1_000, 1_600, 100_000])
@pytest.mark.parametrize(
    ("before", "inner", "after"),
    [("not(", "true", ")"), ("json('{}')[", "0", "]"), ("if(true,", "1", ",2)"), ("", "json('{}')", "?.a")],
    ids=["calls", "keys", "lazy", "dereferences"],
)
def test_a_deep_expression_is_a_syntax_error(depth: int, before: str, inner: str, after: str) -> None:
    with pytest.raises(ExpressionSyntaxError, match=r"characters, the limit is 8192|levels deep"):
        compile_template(f"@{before * depth}{inner}{after * depth}")


def test_an_expression_at_the_limits_still_works() -> None:
    assert compile_template("@" + "not(" * 98 + "true" + ")" * 98).evaluate(scope()) is True
    padded = f"@concat('{'a' * 8_182}')"
    assert len(padded) == 8_192 + 1
    assert compile_template(padded).evaluate(scope()) == "a" * 8_182
    with pytest.raises(ExpressionSyntaxError, match="8193 characters"):
        compile_template(f"@concat('{'a' * 8_183}')")


def test_the_length_of_an_expression_is_not_the_length_of_the_text_around_it() -> None:
    text = "x" * 20_000 + "@{add(1,1)}" + "y" * 20_000
    assert compile_template(text).evaluate(scope()) == "x" * 20_000 + "2" + "y" * 20_000
    with pytest.raises(ExpressionSyntaxError, match="the limit is 8192"):
        compile_template("x@{concat('" + "a" * 9_000 + "')}")


def test_a_template_nested_a_hundred_thousand_deep_is_a_clear_error() -> None:
    with pytest.raises(ExpressionSyntaxError, match="nested more than 200 levels deep"):
        compile_template(nested(100_000))


@pytest.mark.parametrize(
    "expression",
    [
        "@{variables('deep')}",
        "@string(variables('deep'))",
        "@concat(variables('deep'))",
        "@equals(variables('deep'), variables('other'))",
        "@union(variables('deep'), variables('other'))",
        "@contains(variables('deep'), variables('other')[0])",
        "@json(variables('text'))",
        "@dataUri(variables('deep'))",
    ],
)
def test_a_value_nested_a_hundred_thousand_deep_is_a_clear_error(expression: str) -> None:
    context: dict[str, Json] = {
        "deep": nested(100_000),
        "other": nested(100_000),
        "text": "[" * 100_000 + "]" * 100_000,
    }
    with pytest.raises(BudgetExceeded, match="nested"):
        compile_template(expression).evaluate(scope({"variables": context}, Budget()))


@pytest.mark.parametrize(
    "expression",
    [
        "@json('{}')[variables('s')]",
        "@variables('s')[variables('s')]",
        "@variables(variables('s'))",
        "@parameters(variables('s'))",
        "@body(variables('s'))",
        "@guid(variables('s'))",
        "@addProperty(setProperty(json('{}'), variables('s'), 1), variables('s'), 2)",
    ],
)
def test_an_error_about_a_long_text_is_short(expression: str) -> None:
    with pytest.raises(EvaluationError) as failure:
        compile_template(expression).evaluate(scope({"variables": {"s": "a" * 400_000}}))
    assert len(failure.value.message) < 2_100
    assert failure.value.message.startswith("The ")
    assert failure.value.message.endswith(".")


def test_a_value_nested_too_deep_to_print_may_still_be_passed_on() -> None:
    deep = nested(100_000)
    assert compile_template("@variables('deep')").evaluate(scope({"variables": {"deep": deep}})) is deep


def test_many_small_folded_parts_do_not_swell_a_template() -> None:
    tracemalloc.start()
    try:
        compile_template("@{string(range(0,60))}" * 2_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * MEGABYTE
