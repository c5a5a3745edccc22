"""msgraph-beta-sdk from PyPI, unmodified, over https with azure-identity: indicators and the bulk actions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph_beta.generated.models.alert import Alert
from msgraph_beta.generated.models.alert_status import AlertStatus
from msgraph_beta.generated.models.o_data_errors.o_data_error import ODataError
from msgraph_beta.generated.models.security_vendor_information import SecurityVendorInformation
from msgraph_beta.generated.models.ti_action import TiAction
from msgraph_beta.generated.models.ti_indicator import TiIndicator
from msgraph_beta.generated.models.tlp_level import TlpLevel
from msgraph_beta.generated.security.alerts.update_alerts.update_alerts_post_request_body import (
    UpdateAlertsPostRequestBody,
)
from msgraph_beta.generated.security.ti_indicators.delete_ti_indicators import (
    delete_ti_indicators_post_request_body as delete_body,
)
from msgraph_beta.generated.security.ti_indicators.delete_ti_indicators_by_external_id import (
    delete_ti_indicators_by_external_id_post_request_body as delete_by_external_id_body,
)
from msgraph_beta.generated.security.ti_indicators.submit_ti_indicators import (
    submit_ti_indicators_post_request_body as submit_body,
)
from msgraph_beta.generated.security.ti_indicators.ti_indicators_request_builder import TiIndicatorsRequestBuilder
from msgraph_beta.generated.security.ti_indicators.update_ti_indicators import (
    update_ti_indicators_post_request_body as update_body,
)

from acceptance import sdk
from acceptance.sdk import Sdk


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    """A server, and an application."""
    with sdk.running(tmp_path_factory.mktemp("beta")) as started:
        yield started


@pytest.fixture
async def graph(app: Sdk) -> AsyncIterator[Any]:
    """A client of that application."""
    async with app.beta() as client:
        yield client


def indicator(number: int, **more: Any) -> TiIndicator:
    given = {
        "action": TiAction.Alert,
        "description": f"Indicator {number}",
        "expiration_date_time": datetime(2036, 1, 2, 3, 4, 5, tzinfo=UTC),
        "external_id": f"feed-{number}",
        "network_i_pv4": f"203.0.113.{number}",
        "target_product": "Azure Sentinel",
        "threat_type": "WatchList",
        "tlp_level": TlpLevel.Green,
    }
    return TiIndicator(**{**given, **more})


async def submitted(graph: Any, *numbers: int) -> list[Any]:
    body = submit_body.SubmitTiIndicatorsPostRequestBody(value=[indicator(number) for number in numbers])
    return list((await graph.security.ti_indicators.submit_ti_indicators.post(body)).value)


async def found(graph: Any, clause: str) -> list[Any]:
    parameters = TiIndicatorsRequestBuilder.TiIndicatorsRequestBuilderGetQueryParameters(filter=clause)
    page = await graph.security.ti_indicators.get(
        request_configuration=RequestConfiguration(query_parameters=parameters)
    )
    return list(page.value)


async def test_an_indicator_lives_from_its_creation_to_its_end(graph: Any) -> None:
    made = await graph.security.ti_indicators.post(indicator(1, passive_only=True, kill_chain=["Delivery"]))
    one = graph.security.ti_indicators.by_ti_indicator_id(made.id)
    read = await one.get()
    assert (read.external_id, read.network_i_pv4, read.threat_type) == ("feed-1", "203.0.113.1", "WatchList")
    assert (read.action, read.tlp_level, read.passive_only) == (TiAction.Alert, TlpLevel.Green, True)
    assert (read.kill_chain, read.severity, read.is_active) == (["Delivery"], 3, True)
    assert read.expiration_date_time == datetime(2036, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert read.azure_tenant_id
    assert await one.patch(TiIndicator(severity=5, tags=["mine"])) is None
    changed = await one.get()
    assert (changed.severity, changed.tags, changed.description) == (5, ["mine"], "Indicator 1")
    assert await one.delete() is None
    with pytest.raises(ODataError) as gone:
        await one.get()
    assert (gone.value.response_status_code, gone.value.error.code) == (404, "ResourceNotFound")


async def test_submitted_indicators_come_back_typed_and_are_found(graph: Any) -> None:
    made = await submitted(graph, 10, 11)
    assert [each.external_id for each in made] == ["feed-10", "feed-11"]
    assert all(isinstance(each, TiIndicator) and each.id for each in made)
    assert [each.id for each in await found(graph, "externalId eq 'feed-10'")] == [made[0].id]
    assert [each.id for each in await found(graph, "networkIPv4 eq '203.0.113.11'")] == [made[1].id]
    # The same once more is an update, under the same id.
    assert [each.id for each in await submitted(graph, 10, 11)] == [each.id for each in made]


async def test_indicators_are_updated_together(graph: Any) -> None:
    made = await submitted(graph, 20, 21)
    changes = [TiIndicator(id=each.id, confidence=77) for each in made]
    body = update_body.UpdateTiIndicatorsPostRequestBody(value=changes)
    answered = await graph.security.ti_indicators.update_ti_indicators.post(body)
    assert [(each.id, each.confidence) for each in answered.value] == [(each.id, 77) for each in made]


async def test_indicators_are_deleted_together_by_id_and_by_the_feeder_s_own_key(app: Sdk, graph: Any) -> None:
    made = await submitted(graph, 30, 31, 32)
    by_id = delete_body.DeleteTiIndicatorsPostRequestBody(value=[made[0].id, "no-such-id"])
    answered = await graph.security.ti_indicators.delete_ti_indicators.post(by_id)
    assert app.last[-1][1].status_code == 206
    assert [each.code for each in answered.value] == [0, 404]
    assert [each.subcode for each in answered.value] == [0, 0]
    by_key = delete_by_external_id_body.DeleteTiIndicatorsByExternalIdPostRequestBody(value=["feed-31", "feed-32"])
    answered = await graph.security.ti_indicators.delete_ti_indicators_by_external_id.post(by_key)
    assert [each.code for each in answered.value] == [0, 0]
    assert app.last[-1][1].status_code == 200
    assert await found(graph, "externalId in ('feed-30', 'feed-31', 'feed-32')") == []


async def test_a_failed_indicator_fails_alone(app: Sdk, graph: Any) -> None:
    body = submit_body.SubmitTiIndicatorsPostRequestBody(value=[indicator(40), indicator(41, target_product="")])
    answered = await graph.security.ti_indicators.submit_ti_indicators.post(body)
    assert app.last[-1][1].status_code == 206
    good, bad = answered.value
    assert good.id
    assert "Error" not in good.additional_data
    assert bad.additional_data["Error"]


async def test_more_than_a_hundred_indicators_are_refused_and_none_is_stored(graph: Any) -> None:
    many = [indicator(number % 250, external_id=f"many-{number}") for number in range(101)]
    with pytest.raises(ODataError) as refused:
        await graph.security.ti_indicators.submit_ti_indicators.post(
            submit_body.SubmitTiIndicatorsPostRequestBody(value=many)
        )
    assert (refused.value.response_status_code, refused.value.error.code) == (400, "BadRequest")
    assert await found(graph, "startswith(externalId, 'many-')") == []


async def test_an_application_sees_its_own_indicators_only(app: Sdk, graph: Any) -> None:
    (made,) = await submitted(graph, 50)
    other = sdk.registered(app.server, "Other feeder")
    async with other.beta() as stranger:
        with pytest.raises(ODataError) as refused:
            await stranger.security.ti_indicators.by_ti_indicator_id(made.id).get()
    assert refused.value.response_status_code == 404


async def test_alerts_are_updated_together(app: Sdk, graph: Any) -> None:
    vendor = SecurityVendorInformation(provider="ASC", vendor="Microsoft")
    with app.http() as http:
        sent = [
            {"id": each, "title": each, "vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}
            for each in ("bulk-1", "bulk-2")
        ]
        assert http.post("/ingest/alerts", json=sent).is_success
    changes = [
        Alert(id=each, status=AlertStatus.Resolved, comments=["bulk"], vendor_information=vendor)
        for each in ("bulk-1", "bulk-2")
    ]
    answered = await graph.security.alerts.update_alerts.post(UpdateAlertsPostRequestBody(value=changes))
    assert [(each.id, each.status) for each in answered.value] == [
        ("bulk-1", AlertStatus.Resolved),
        ("bulk-2", AlertStatus.Resolved),
    ]
    assert (await graph.security.alerts.by_alert_id("bulk-2").get()).comments == ["bulk"]
