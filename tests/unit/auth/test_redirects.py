"""Addresses that applications name: what they are taken for, and what of them gets into a page's policy."""

from __future__ import annotations

import pytest

from sallyport.auth import redirects


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://app.contoso.com/back", "https://app.contoso.com"),
        ("https://App.Contoso.com:8443/back?x=1;y", "https://app.contoso.com:8443"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:5000/back", "http://[::1]:5000"),
        ("https://app.contoso.com;sandbox/back", ""),
        ("https://app.contoso.com,sandbox/back", ""),
        ("https://app.contoso.com:443;sandbox/back", ""),
        ("https://app.contoso.com:/back", ""),
        ("https://app.contoso.com:99999/back", ""),
        ("https://ada@app.contoso.com/back", ""),
        ("https://@app.contoso.com/back", ""),
        ("http://[::1]evil.example/back", ""),
        ("http://evil.example[::1]/back", ""),
        ("http://[fe80::1%25x]/back", ""),
        ("https://app.contoso.com/#back", ""),
        ("https://app.contoso.com/a b", ""),
        ("https://app.contoso.com/\u4e2d", ""),
        ("https://app.contoso.com/\r\nx", ""),
        (f"https://app.contoso.com/{'a' * 2048}", ""),
        ("javascript:alert(1)", ""),
        ("//app.contoso.com/back", ""),
        ("", ""),
    ],
)
def test_only_an_address_that_is_plainly_one_has_an_origin(address: str, expected: str) -> None:
    assert redirects.origin(address) == expected


@pytest.mark.parametrize(
    ("address", "registered", "expected"),
    [
        ("http://localhost:5000/back", "http://localhost/back", True),
        ("http://127.0.0.1:5000/", "http://127.0.0.1", True),
        ("http://[::1]:5000/back?x=1", "http://[::1]/back?x=1", True),
        ("http://localhost:5000/other", "http://localhost/back", False),
        ("http://localhost:5000/back?x=2", "http://localhost/back?x=1", False),
        ("http://127.0.0.1:5000/back", "http://localhost/back", False),
        ("http://localhost:5000;script-src/back", "http://localhost/back", False),
        ("http://localhost:5000/back#x", "http://localhost/back", False),
        ("http://localhost:x@localhost/back", "http://localhost/back", False),
        ("https://localhost:5000/back", "https://localhost/back", False),
        ("https://app.contoso.com:8443/back", "https://app.contoso.com/back", False),
        ("https://app.contoso.com/back", "https://app.contoso.com/back", True),
    ],
)
def test_only_the_port_of_a_program_on_the_same_machine_does_not_count(
    address: str, registered: str, expected: bool
) -> None:
    assert redirects.fits(address, [registered]) is expected
