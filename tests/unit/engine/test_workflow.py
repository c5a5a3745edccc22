"""What a stored `$connections` becomes, whatever it holds."""

from __future__ import annotations

from typing import Any

import pytest

from sallyport.engine import workflow


@pytest.mark.parametrize(
    ("entry", "api"),
    [
        ({"id": "/x/managedApis/shared_Office365"}, "office365"),
        ({"api": {"id": "/x/managedApis/smtp"}}, "smtp"),
        ({"api": "smtp"}, "key"),
        ({"api": None, "connectionProperties": [1]}, "key"),
        ({}, "key"),
    ],
)
def test_an_entry_of_any_shape_can_be_read(entry: dict[str, Any], api: str) -> None:
    found = workflow.connections_of({"key": entry, "not an object": 1})
    assert [(each.key, each.api, each.properties) for each in found.values()] == [("key", api, {})]
