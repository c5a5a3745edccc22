from __future__ import annotations

import re

import pytest

from sallyport.auth import roles
from sallyport.auth.permissions import PERMISSIONS
from sallyport.auth.roles import ROLES, UnknownRole
from workplace import ROOT


def allowed(scopes: str, *names: str) -> set[str]:
    return set(roles.effective(scopes.split(), roles.ids(names)))


def test_a_role_allows_only_permissions_that_exist() -> None:
    assert frozenset().union(*(role.allows for role in ROLES.values())) == set(PERMISSIONS)


def test_every_role_has_an_id_of_its_own() -> None:
    assert len({role.id for role in ROLES.values()}) == len(ROLES)


def test_the_guide_shows_every_role_with_what_it_allows() -> None:
    guide = (ROOT / "docs" / "howto" / "identity.md").read_text("utf-8")
    section = guide.partition("## Roles")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "| `" in line]
    shown = {name: (summary, frozenset(re.findall(r"`([^`]+)`", allowed))) for name, summary, allowed in rows}
    assert shown == {name: (role.summary, role.allows) for name, role in ROLES.items()}


@pytest.mark.parametrize(
    ("scopes", "role", "expected"),
    [
        ("SecurityEvents.ReadWrite.All", "Security Reader", {"SecurityEvents.Read.All"}),
        (
            "SecurityEvents.ReadWrite.All",
            "Security Operator",
            {"SecurityEvents.Read.All", "SecurityEvents.ReadWrite.All"},
        ),
        ("SecurityEvents.Read.All", "Global Administrator", {"SecurityEvents.Read.All"}),
        ("ThreatIndicators.ReadWrite.OwnedBy", "Security Operator", set()),
        (
            "ThreatIndicators.ReadWrite.OwnedBy",
            "Security Administrator",
            {"ThreatIndicators.ReadWrite.OwnedBy"},
        ),
        ("SecurityEvents.ReadWrite.All", "Logic App Contributor", set()),
        ("user_impersonation", "Logic App Contributor", {"LogicApps.Read.All", "LogicApps.ReadWrite.All"}),
        ("user_impersonation", "Security Reader", {"LogicApps.Read.All"}),
        ("openid profile User.Read", "Global Administrator", set()),
    ],
)
def test_a_delegated_token_allows_what_its_scopes_and_the_roles_allow(
    scopes: str, role: str, expected: set[str]
) -> None:
    assert allowed(scopes, role) == expected


def test_a_user_without_roles_may_do_nothing_whatever_the_application_was_granted() -> None:
    assert allowed(" ".join(PERMISSIONS)) == set()


def test_roles_add_up_and_an_unknown_id_adds_nothing() -> None:
    wids = [*roles.ids(["Security Reader", "Logic App Contributor"]), "ffffffff-0000-0000-0000-000000000000"]
    assert roles.effective(["LogicApps.ReadWrite.All", "SecurityEvents.Read.All"], wids) == {
        "LogicApps.Read.All",
        "LogicApps.ReadWrite.All",
        "SecurityEvents.Read.All",
    }


def test_roles_are_named_in_any_case_and_an_unknown_one_is_refused_with_the_list() -> None:
    assert roles.named(["security  reader", "Security Reader"]) == ("Security Reader",)
    with pytest.raises(UnknownRole, match="There are: Security Reader"):
        roles.named(["Owner"])
