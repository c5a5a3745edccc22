from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.security import stix, stix_pattern
from workplace import CASES

TABLE = json.loads((CASES / "stix" / "patterns.json").read_bytes())


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["pattern"])
def test_a_pattern_means_its_alternatives_or_nothing(case: dict[str, Any]) -> None:
    assert stix_pattern.read(case["pattern"]) == case["meant"]


@given(st.text(alphabet="[]()'\\=,. abANDORIipv4-addr:value", max_size=80))
def test_whatever_is_no_pattern_is_nothing_and_never_an_error(text: str) -> None:
    found = stix_pattern.read(text)

    assert found is None or found


@given(st.text(max_size=30))
def test_a_value_comes_back_as_it_was_written(text: str) -> None:
    written = text.replace("\\", "\\\\").replace("'", "\\'")

    assert stix_pattern.read(f"[domain-name:value = '{written}']") == [{"domainName": text}]


@pytest.mark.parametrize(
    "pattern",
    [
        "[" + "(" * 100_000 + "a:b = 'c'" + ")" * 100_000 + "]",
        "(" * 1_000 + "[a:b = 'c']" + ")" * 1_000,
        " OR ".join([f"[domain-name:value = 'x{n}']" for n in range(101)]),
        "[" + " AND ".join(["(file:name = 'a' OR file:size = 1)"] * 50) + "]",
        "[domain-name:value IN (" + ",".join(f"'{n}'" for n in range(101)) + ")]",
        "a1" * 32_768,
    ],
    ids=["deep", "deep observations", "many", "product", "list", "neither word nor number"],
)
def test_a_pattern_that_asks_for_too_much_is_nothing(pattern: str) -> None:
    assert stix_pattern.read(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "kind"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", "ipv4-addr"),
        ("([ ( file:hashes.MD5 = 'x' ) ])", "file"),
        ("", None),
        # Whoever looks at each of these brackets again behind each of them is at it for hours.
        ("[" * 1_000_000, None),
    ],
    ids=["plain", "in parentheses", "nothing", "hostile"],
)
def test_what_a_pattern_looks_for_first_is_found_or_not(pattern: str, kind: str | None) -> None:
    assert stix.pattern_type({"pattern": pattern}) == kind
