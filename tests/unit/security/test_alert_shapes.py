"""The mapping between the two shapes of an alert, over generated alerts: nothing is lost in either direction."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.fields import Structure
from sallyport.security import alert_shapes, sources
from sallyport.security.alert_shapes import PRIVATE, changed, commented, legacy_of, merged, v2_of, without_private

_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"),
    min_size=1,
    max_size=12,
)
_MOMENTS = st.sampled_from(["2026-01-02T03:04:05Z", "2026-03-04T05:06:07.1234567Z"])


def _member(structure: Structure, name: str) -> st.SearchStrategy[str]:
    field = structure.field(name)
    assert field is not None
    assert field.enum is not None
    return st.sampled_from(list(field.enum.members))


_EVIDENCE = st.one_of(
    st.fixed_dictionaries(
        {"@odata.type": st.just("#microsoft.graph.security.deviceEvidence"), "deviceDnsName": _TEXT},
        optional={"lastIpAddress": _TEXT, "rbacGroupId": st.integers(0, 9), "tags": st.lists(_TEXT)},
    ),
    st.fixed_dictionaries(
        {
            "@odata.type": st.just("#microsoft.graph.security.fileEvidence"),
            "fileDetails": st.fixed_dictionaries({"fileName": _TEXT}, optional={"sha1": _TEXT, "sha256": _TEXT}),
        }
    ),
    st.fixed_dictionaries({"@odata.type": st.just("#microsoft.graph.security.urlEvidence"), "url": _TEXT}),
    st.fixed_dictionaries({"@odata.type": st.just("#microsoft.graph.security.aiAgentEvidence"), "agentId": _TEXT}),
)
_COMMENT = st.fixed_dictionaries({"comment": _TEXT, "createdByDisplayName": _TEXT, "createdDateTime": _MOMENTS})

V2_ALERTS = st.fixed_dictionaries(
    {
        "id": _TEXT,
        "title": _TEXT,
        "createdDateTime": _MOMENTS,
        "lastUpdateDateTime": _MOMENTS,
        "status": st.sampled_from(["unknown", "new", "inProgress", "resolved"]),
        "serviceSource": _member(ALERT_V2, "serviceSource"),
        "severity": st.sampled_from(["unknown", "informational", "low", "medium", "high"]),
        "evidence": st.lists(_EVIDENCE, max_size=4),
    },
    optional={
        "classification": st.sampled_from(list(sources.FEEDBACK_OF)),
        "determination": _member(ALERT_V2, "determination"),
        "comments": st.lists(_COMMENT, min_size=1, max_size=3),
        "incidentId": _TEXT,
        "alertWebUrl": _TEXT,
        "incidentWebUrl": _TEXT,
        "recommendedActions": _TEXT,
        "systemTags": st.lists(_TEXT, min_size=1),
        "mitreTechniques": st.lists(_TEXT, min_size=1),
        "providerAlertId": _TEXT,
        "productName": _TEXT,
        "actorDisplayName": _TEXT,
        "assignedTo": _TEXT,
        "firstActivityDateTime": _MOMENTS,
        "additionalData": st.dictionaries(_TEXT, _TEXT, min_size=1, max_size=2),
    },
)

_HASH = st.fixed_dictionaries({"hashType": st.sampled_from(["sha1", "sha256"]), "hashValue": _TEXT})
LEGACY_ALERTS = st.fixed_dictionaries(
    {
        "id": _TEXT,
        "title": _TEXT,
        "createdDateTime": _MOMENTS,
        "status": st.sampled_from(list(sources.STATUS_TO_V2)),
        "severity": st.sampled_from(["unknown", "informational", "low", "medium", "high"]),
        "vendorInformation": st.fixed_dictionaries(
            {"provider": st.sampled_from([*sources.PRODUCTS, *sources.SYNONYMS, "Falcon"]), "vendor": _TEXT}
        ),
    },
    optional={
        "feedback": st.sampled_from(list(sources.CLASSIFICATION_OF)),
        "comments": st.lists(_TEXT, min_size=1),
        "tags": st.lists(_TEXT, min_size=1),
        "recommendedActions": st.lists(_TEXT, min_size=1),
        "incidentIds": st.lists(_TEXT, min_size=1),
        "userStates": st.lists(st.fixed_dictionaries({"userPrincipalName": _TEXT}), min_size=1),
        "hostStates": st.lists(st.fixed_dictionaries({"fqdn": _TEXT, "os": _TEXT}), min_size=1),
        "fileStates": st.lists(st.fixed_dictionaries({"name": _TEXT, "fileHash": _HASH}), min_size=1),
        "networkConnections": st.lists(
            st.fixed_dictionaries({"destinationAddress": _TEXT, "destinationUrl": _TEXT}), min_size=1
        ),
        "vulnerabilityStates": st.lists(st.fixed_dictionaries({"cve": _TEXT}), min_size=1),
        "ownProperty": _TEXT,
    },
)


@given(V2_ALERTS)
def test_an_alert_of_alerts_v2_comes_back_as_it_was_brought(alert: dict[str, Any]) -> None:
    assert v2_of(legacy_of(alert)) == alert


@given(LEGACY_ALERTS)
def test_a_legacy_alert_is_kept_whole_beside_what_is_derived_from_it(alert: dict[str, Any]) -> None:
    before = {**alert}
    shape = v2_of(alert)
    assert alert == before
    assert PRIVATE not in shape
    # What both shapes know says the same in both.
    back = legacy_of(shape)
    for name in ("id", "title", "severity", "createdDateTime", "hostStates", "userStates", "comments"):
        assert back.get(name) == alert.get(name), name
    assert back["status"] == {"dismissed": "resolved"}.get(alert["status"], alert["status"])
    for name in ("recommendedActions", "incidentIds"):
        assert (back.get(name) or [None])[:1] == (alert.get(name) or [None])[:1], name


@given(LEGACY_ALERTS)
def test_every_property_derived_is_one_of_the_schema(alert: dict[str, Any]) -> None:
    for name in v2_of(alert):
        assert ALERT_V2.field(name) is not None, name
    for evidence in v2_of(alert)["evidence"]:
        derived = ALERT_V2.field("evidence")
        assert derived is not None
        assert derived.structure is not None
        kind = derived.structure.of_value(evidence)
        assert kind is not derived.structure
        assert all(kind.field(name) is not None for name in evidence if not name.startswith("@"))


@pytest.mark.parametrize(
    ("status", "feedback", "expected"),
    [
        ("dismissed", None, ("resolved", "falsePositive")),
        ("dismissed", "truePositive", ("resolved", "truePositive")),
        ("resolved", "benignPositive", ("resolved", "informationalExpectedActivity")),
        ("newAlert", None, ("new", None)),
        ("unknown", "unknown", ("unknown", "unknown")),
    ],
)
def test_statuses_and_feedback_follow_the_table(status: str, feedback: str | None, expected: tuple[str, str]) -> None:
    shape = v2_of({"status": status, "feedback": feedback})
    assert (shape["status"], shape.get("classification")) == expected


def test_a_file_with_several_hashes_becomes_a_state_for_each_the_strongest_first() -> None:
    details = {"fileName": "a.exe", "md5": "m", "sha1": "1", "sha256": "2"}
    evidence = [{"@odata.type": "#microsoft.graph.security.fileEvidence", "fileDetails": details}]
    states = legacy_of({"title": "x", "evidence": evidence})["fileStates"]
    assert [(each["name"], each["fileHash"]["hashType"]) for each in states] == [
        ("a.exe", "sha256"),
        ("a.exe", "sha1"),
        ("a.exe", "md5"),
    ]


def test_a_comment_of_a_legacy_change_says_who_made_it_and_when() -> None:
    history = [{"comments": ["seen"], "user": "ada@contoso.com", "updatedDateTime": "2026-01-02T03:04:05Z"}]
    (comment,) = v2_of({"comments": ["seen"], "historyStates": history})["comments"]
    assert comment == {
        "comment": "seen",
        "createdByDisplayName": "ada@contoso.com",
        "createdDateTime": "2026-01-02T03:04:05Z",
    }


def test_a_change_in_the_newer_shape_leaves_a_dismissed_alert_dismissed() -> None:
    now = "2026-01-02T03:04:05Z"
    assert changed({"status": "dismissed"}, {"status": "resolved"}, now) == {}
    assert changed({"status": "dismissed"}, {"status": "new"}, now)["status"] == "newAlert"


def test_analysts_words_stay_when_an_alert_is_brought_again() -> None:
    brought = legacy_of({"title": "x", "serviceSource": "microsoftSentinel", "evidence": [], "mitreTechniques": ["T1"]})
    told = {**brought, **commented(brought, ["mine"], "ada", "2026-01-02T03:04:05Z")}
    again = merged(
        told, legacy_of({"title": "x", "serviceSource": "microsoftSentinel", "evidence": [], "category": "c"})
    )
    assert again is not None
    assert [each["comment"] for each in again["comments"]] == ["mine"]
    assert again["mitreTechniques"] == ["T1"]


def test_legacy_states_that_are_brought_anew_replace_the_evidence() -> None:
    evidence = [{"@odata.type": "#microsoft.graph.security.deviceEvidence", "deviceDnsName": "old"}]
    stored = legacy_of({"title": "x", "evidence": evidence})
    given = {"title": "x", "hostStates": [{"fqdn": "new"}]}
    private = merged(stored, given)
    after = v2_of({**without_private(stored), **given, PRIVATE: private})
    assert [each["deviceDnsName"] for each in after["evidence"]] == ["new"]


def test_what_only_the_newer_shape_knows_is_in_no_legacy_answer() -> None:
    kept = legacy_of({"title": "x", "evidence": [], "mitreTechniques": ["T1"]})
    assert PRIVATE in kept
    assert PRIVATE not in alert_shapes.without_private(kept)
