from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.security import values
from sallyport.security.values import Kind

_TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="aA.:/@[]#?%80hxtpߧ。：１ ", max_size=30),
    st.ip_addresses().map(str),
    st.sampled_from(["http", "HTTPS", "hxxp", "ftp"]).flatmap(
        lambda scheme: st.text(alphabet="aB.:8042/?#@[]é", max_size=20).map(lambda rest: f"{scheme}://{rest}")
    ),
)


@pytest.mark.parametrize(
    ("kind", "text", "normal"),
    [
        (Kind.ADDRESS, " 192.0.2.1 ", "192.0.2.1"),
        (Kind.ADDRESS, "::FFFF:192.0.2.1", "192.0.2.1"),
        (Kind.ADDRESS, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        (Kind.ADDRESS, "[2001:db8::1]", "2001:db8::1"),
        (Kind.ADDRESS, "192.0.2.01", "192.0.2.01"),
        (Kind.ADDRESS, "Not an address", "not an address"),
        (Kind.NETWORK, "192.0.2.77/24", "192.0.2.0/24"),
        (Kind.NETWORK, "2001:DB8::1/32", "2001:db8::/32"),
        (Kind.DOMAIN, "Evil.Example.", "evil.example"),
        (Kind.DOMAIN, "evil[.]example", "evil.example"),
        (Kind.DOMAIN, "BÜCHER.example", "xn--bcher-kva.example"),
        (Kind.HOST, "PC1.contoso.com", "pc1.contoso.com"),
        (Kind.URL, "HTTP://Evil.example:80", "http://evil.example/"),
        (Kind.URL, "https://evil.example:443/A?b=C#d", "https://evil.example/a?b=c"),
        (Kind.URL, "http://evil.example:443/", "http://evil.example:443/"),
        (Kind.URL, "evil.example/path", "http://evil.example/path"),
        (Kind.URL, "hxxps://evil[.]example/x", "https://evil.example/x"),
        (Kind.URL, "http://user@bücher.example/x", "http://user@xn--bcher-kva.example/x"),
        (Kind.URL, "http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        (Kind.URL, "http://evil.example?q=1", "http://evil.example?q=1"),
        (Kind.HASH, "ABCDEF", "abcdef"),
        (Kind.EMAIL, "Mallory@Evil.Example", "mallory@evil.example"),
        (Kind.FILE_NAME, r"C:\Windows\Temp\EVIL.exe", "evil.exe"),
        (Kind.FILE_NAME, "/tmp/evil", "evil"),
        (Kind.FILE_NAME, "/tmp/", "/tmp/"),
    ],
)
def test_equal_things_are_written_in_one_way(kind: Kind, text: str, normal: str) -> None:
    assert values.normalised(kind, text) == normal


@given(st.sampled_from(Kind), _TEXTS)
def test_a_normal_form_is_its_own_normal_form(kind: Kind, text: str) -> None:
    normal = values.normalised(kind, text)

    assert values.normalised(kind, normal) == normal


@given(st.sampled_from(Kind), _TEXTS)
def test_a_text_its_lower_case_and_its_normal_form_have_one_key(kind: Kind, text: str) -> None:
    keys = {values.key(kind, each) for each in (text, text.lower(), values.normalised(kind, text))}

    assert len(keys) == 1
    assert 0 <= keys.pop() < 2**63


@given(st.sampled_from([kind for kind in Kind if kind is not Kind.NETWORK]), _TEXTS)
def test_whatever_is_mentioned_is_found_under_its_own_key(kind: Kind, text: str) -> None:
    assert values.key(kind, text) in values.keys(kind, text)
    assert values.implied(kind, text)[0] == (kind, values.normalised(kind, text))


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        (Kind.ADDRESS, "192.0.2.1", 3221225985),
        (Kind.ADDRESS, "2001:db8::1", 6779233247342210484),
        (Kind.DOMAIN, "evil.example", 5652791421139501982),
        (Kind.NETWORK, "192.0.2.0/24", 1205812068864),
    ],
)
def test_keys_are_the_same_for_ever(kind: Kind, text: str, key: int) -> None:
    assert values.key(kind, text) == key


def test_a_user_is_found_as_the_address_and_a_host_as_the_domain_that_it_looks_like() -> None:
    assert values.key(Kind.USER, "Mallory@Evil.example") == values.key(Kind.EMAIL, "mallory@evil.example")
    assert values.key(Kind.HOST, "PC1.evil.example") == values.key(Kind.DOMAIN, "pc1.evil.example.")
    assert values.key(Kind.HASH, "evil.example") != values.key(Kind.DOMAIN, "evil.example")


def test_a_domain_implies_its_parents_and_a_url_its_host() -> None:
    found = values.implied(Kind.URL, "http://a.b.evil.example/x")

    assert found == [
        (Kind.URL, "http://a.b.evil.example/x"),
        (Kind.DOMAIN, "a.b.evil.example"),
        (Kind.DOMAIN, "b.evil.example"),
        (Kind.DOMAIN, "evil.example"),
    ]
    assert values.implied(Kind.URL, "http://192.0.2.1:8080/x")[1:] == [
        (Kind.DOMAIN, "192.0.2.1"),
        (Kind.ADDRESS, "192.0.2.1"),
    ]


def test_only_the_eight_highest_parents_of_a_deep_domain_count() -> None:
    deep = ".".join([*"abcdefghijkl", "evil", "example"])

    found = values.parents(deep)

    assert found == [".".join([*"abcdefghijkl"[first:], "evil", "example"]) for first in range(5, 13)]


@pytest.mark.parametrize("kind", [Kind.DOMAIN, Kind.HOST, Kind.URL])
def test_brackets_without_end_are_looked_at_once(kind: Kind) -> None:
    hostile = "[" * 1_000_000
    assert values.normalised(kind, hostile).endswith(hostile)
    assert values.normalised(kind, "evil[[.]]example") == values.normalised(kind, "evil.example")


def test_a_domain_of_one_label_has_no_parents() -> None:
    assert values.parents("localhost") == []
    assert values.parents("evil.example") == []


@given(st.ip_addresses(), st.data())
def test_an_address_has_a_key_in_the_range_of_every_network_that_holds_it(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject
) -> None:
    block = ipaddress.ip_network((address, data.draw(st.integers(0, address.max_prefixlen))), strict=False)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return
    lowest, highest = values.key_range(block)

    assert any(lowest <= key <= highest for key in values.keys(Kind.ADDRESS, str(address)))


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 32))
def test_an_ipv4_address_outside_a_network_has_no_key_in_its_range(
    address: ipaddress.IPv4Address, other: ipaddress.IPv4Address, length: int
) -> None:
    block = ipaddress.IPv4Network((other, length), strict=False)
    lowest, highest = values.key_range(block)

    assert (lowest <= values.key(Kind.ADDRESS, str(address)) <= highest) == (address in block)


@given(st.ip_addresses(), st.data())
def test_an_address_names_the_network_of_each_length_in_which_it_lies(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, data: st.DataObject
) -> None:
    length = data.draw(st.integers(1, address.max_prefixlen))
    block = ipaddress.ip_network((address, length), strict=False)

    assert values.network_key(address.version, int(address), length) == values.key(Kind.NETWORK, str(block))
