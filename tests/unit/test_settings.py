"""Where settings come from, which wins, and how a wrong one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from sallyport import settings
from sallyport.settings import InvalidSetting


def test_without_any_setting_the_server_is_private_and_embedded() -> None:
    found = settings.load({"HOME": "/home/ann"})
    assert (found.host, found.port, found.public_url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert found.data.name == "sallyport"
    assert found.database_url == f"sqlite:///{found.data}/sallyport.db"
    assert (found.smtp_host, found.graph_base_url, found.egress_allow, found.accept_bare_tokens) == (
        None,
        None,
        (),
        False,
    )


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sallyport.toml"
    file.write_text('host = "10.0.0.1"\nport = 1111\nlog_level = "debug"\n')
    found = settings.load(
        {"SALLYPORT_PORT": "2222", "SALLYPORT_HOST": "10.0.0.2"}, file, {"host": "10.0.0.3", "port": None}
    )
    assert (found.host, found.port, found.log_level) == ("10.0.0.3", 2222, "debug")


def test_a_table_of_the_file_is_the_first_word_of_its_settings(tmp_path: Path) -> None:
    file = tmp_path / "sallyport.toml"
    file.write_text(
        '[smtp]\nhost = "mail.example"\ntls = "implicit"\n[egress]\nallow = ["10.1.0.0/16", "*.lab.example"]\n'
        '[limits]\nactions = 1000\n[app_settings]\nKey = "v"\n'
    )
    found = settings.load({}, file)
    assert (found.smtp_host, found.smtp_tls, found.smtp_port) == ("mail.example", "implicit", 465)
    assert found.egress_allow == ("10.1.0.0/16", "*.lab.example")
    assert found.limits == {"actions": 1000}
    assert found.app_settings == {"Key": "v"}


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("PORT", "0", "port", 0),
        ("ACCEPT_BARE_TOKENS", "Yes", "accept_bare_tokens", True),
        ("ACCEPT_BARE_TOKENS", "0", "accept_bare_tokens", False),
        ("BODY_LIMIT_BYTES", "1_048_576", "body_limit_bytes", 1048576),
        (
            "EGRESS_ALLOW",
            "siem.lan:8443, 10.0.0.0/8,[::1]:8080",
            "egress_allow",
            ("siem.lan:8443", "10.0.0.0/8", "[::1]:8080"),
        ),
        ("TRUSTED_PROXIES", "10.0.0.5, fd00::/8", "trusted_proxies", ("10.0.0.5/32", "fd00::/8")),
        ("EGRESS_PRIVATE", "Deny", "egress_private", "deny"),
        ("PUBLIC_URL", "https://soar.example/", "public_url", "https://soar.example"),
        ("PUBLIC_URL", "http://[::1]:8080", "public_url", "http://[::1]:8080"),
        ("FROM_ADDRESS", '"SOC, night" <soc@soar.example>', "from_address", '"SOC, night" <soc@soar.example>'),
        ("GRAPH_BASE_URL", "https://graph.microsoft.com", "graph_base_url", "https://graph.microsoft.com"),
        ("DATABASE_URL", "postgresql+psycopg://u:p@db/x", "database_url", "postgresql+psycopg://u:p@db/x"),
        (
            "DATABASE_URL",
            "postgresql+psycopg:///x?host=/run/pg",
            "database_url",
            "postgresql+psycopg:///x?host=/run/pg",
        ),
        ("TENANT_ID", "1B4E28BA-2FA1-41D2-883F-0016D3CCA427", "tenant_id", "1b4e28ba-2fa1-41d2-883f-0016d3cca427"),
        ("DATA", "/srv/sallyport", "data", Path("/srv/sallyport")),
        ("LIMITS_ACTIONS", "600", "limits", {"actions": 600}),
        ("APP_SETTINGS_ApiKey", "k", "app_settings", {"ApiKey": "k"}),
        ("SMTP_HOST", "", "smtp_host", None),
    ],
)
def test_a_setting_is_read_from_its_variable(name: str, text: str, field: str, value: object) -> None:
    assert getattr(settings.load({f"SALLYPORT_{name}": text}), field) == value


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("PORT", "65536", "an integer from 0 to 65535"),
        ("PORT", "http", "integer"),
        ("SMTP_PORT", "0", "an integer from 1 to 65535"),
        ("SMTP_TLS", "ssl", "none, starttls, implicit"),
        ("LOG_FORMAT", "xml", "text, json"),
        ("PUBLIC_URL", "soar.example", "http:// or https://"),
        ("PUBLIC_URL", "https://", "http:// or https://"),
        ("PUBLIC_URL", "http://[::1", "http:// or https://"),
        ("PUBLIC_URL", "https://soar.example/base", "scheme, host and port alone"),
        ("PUBLIC_URL", "https://soar.example/?x", "scheme, host and port alone"),
        ("PUBLIC_URL", "https://soar.example#", "scheme, host and port alone"),
        ("PUBLIC_URL", "https://a:b@soar.example", "scheme, host and port alone"),
        ("PUBLIC_URL", "https://soar.example:99999", "scheme, host and port alone"),
        ("FROM_ADDRESS", "playbooks", "one mail address"),
        ("FROM_ADDRESS", "a@soar.example, b@soar.example", "one mail address"),
        ("FROM_ADDRESS", "SOC <soc>", "one mail address"),
        ("DATABASE_URL", "mysql://db/x", "sqlite://"),
        ("DATABASE_URL", "sqlite://", "sqlite:///FILE"),
        ("DATABASE_URL", "sqlite:///", "sqlite:///FILE"),
        ("DATABASE_URL", "sqlite:///:memory:", "sqlite:///FILE"),
        ("EGRESS_ALLOW", "http://10.0.0.1/", "host:port"),
        ("TRUSTED_PROXIES", "proxy.lan", "an address or a CIDR block"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "has host bits set"),
        ("TRUSTED_PROXIES", "*", "an address or a CIDR block"),
        ("TENANT_ID", "contoso", "GUID"),
        ("HISTORY_RETENTION_DAYS", "0", "from 1"),
        ("ACCEPT_BARE_TOKENS", "maybe", "true or false"),
        ("LIMITS_ACTIONS", "0", "at least 1"),
    ],
)
def test_a_wrong_value_names_its_variable_and_what_is_allowed(name: str, text: str, says: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        settings.load({f"SALLYPORT_{name}": text})
    assert str(caught.value).startswith("SALLYPORT_" + name.split("_ACTIONS", maxsplit=1)[0])
    assert says in str(caught.value)


def test_a_variable_that_only_looks_like_a_setting_is_named_with_what_may_be_meant() -> None:
    environ = {
        "SALLYPORT_EGRESS_PRIVAT": "deny",
        "SALLYPORT_8080_TCP_PROTO": "tcp",
        "SALLYPORT_PORT": "1",
        "SALLYPORT_URL": "http://x",
        "SALLYPORT_LIMITS_ACTIONS": "1",
        "SALLYPORT_APP_SETTINGS_Anything": "1",
        "HOME": "/root",
    }
    assert settings.ignored(environ) == {
        "SALLYPORT_8080_TCP_PROTO": "",
        "SALLYPORT_EGRESS_PRIVAT": "SALLYPORT_EGRESS_PRIVATE",
    }


def test_a_setting_that_does_not_exist_is_refused_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sallyport.toml"
    file.write_text('[smtp]\nhots = "x"\n')
    with pytest.raises(InvalidSetting, match=r"smtp_hots in .*no such setting.*smtp_host"):
        settings.load({}, file)


@pytest.mark.parametrize("text", ["port = ", None])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "sallyport.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidSetting, match=r"sallyport\.toml: the file cannot be read"):
        settings.load({}, file)


def test_secrets_are_neither_shown_nor_repeated() -> None:
    secrets = {
        "SALLYPORT_SMTP_PASSWORD": "hush-1",
        "SALLYPORT_DATABASE_URL": "postgresql://u:hush-2@db/x",
        "SALLYPORT_APP_SETTINGS_KEY": "hush-3",
    }
    assert "hush" not in repr(settings.load(secrets))
    with pytest.raises(InvalidSetting) as caught:
        settings.load({"SALLYPORT_DATABASE_URL": "mysql://u:hush-4@db/x"})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:81"), ("::", "http://[::1]:81"), ("fd00::1", "https://[fd00::1]:8443")],
)
def test_links_name_an_address_that_can_be_called(host: str, url: str) -> None:
    assert settings.load({}, given={"host": host, "port": 81}).public_url == url
