"""The functions of ARM template expressions, one file per chapter of the reference.

The rule to know: what is not in `FUNCTIONS` does not exist, except `if` (in the evaluator) and the open family
`list...`.
"""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.arm.errors import UnknownFunctionError
from sallyport.arm.functions import collections, deployment, logic, numbers, strings
from sallyport.arm.functions.registry import Function, table

FUNCTIONS: Mapping[str, Function] = table(
    strings.base64,
    strings.base64_to_json,
    strings.base64_to_string,
    strings.data_uri,
    strings.data_uri_to_string,
    strings.ends_with,
    strings.format_text,
    strings.guid,
    strings.json,
    strings.pad_left,
    strings.replace,
    strings.split,
    strings.starts_with,
    strings.string,
    strings.substring,
    strings.to_lower,
    strings.to_upper,
    strings.trim,
    strings.unique_string,
    strings.uri,
    strings.uri_component,
    strings.uri_component_to_string,
    collections.array,
    collections.concat,
    collections.contains,
    collections.create_array,
    collections.create_object,
    collections.empty,
    collections.first,
    collections.flatten,
    collections.index_of,
    collections.intersection,
    collections.join,
    collections.last,
    collections.last_index_of,
    collections.length,
    collections.number_range,
    collections.object_items,
    collections.object_keys,
    collections.shallow_merge,
    collections.skip,
    collections.take,
    collections.try_get,
    collections.union,
    logic.all_of,
    logic.any_of,
    logic.coalesce,
    logic.equals,
    logic.false,
    logic.greater,
    logic.greater_or_equals,
    logic.less,
    logic.less_or_equals,
    logic.negation,
    logic.null,
    logic.to_bool,
    logic.true,
    numbers.add,
    numbers.copy_index,
    numbers.date_time_add,
    numbers.date_time_from_epoch,
    numbers.date_time_to_epoch,
    numbers.div,
    numbers.maximum,
    numbers.minimum,
    numbers.mod,
    numbers.mul,
    numbers.sub,
    numbers.to_float,
    numbers.to_int,
    numbers.utc_now,
    deployment.deployment,
    deployment.environment,
    deployment.extension_resource_id,
    deployment.management_group_resource_id,
    deployment.new_guid,
    deployment.parameters,
    deployment.pick_zones,
    deployment.providers,
    deployment.reference,
    deployment.resource_group,
    deployment.resource_id,
    deployment.subscription,
    deployment.subscription_resource_id,
    deployment.tenant,
    deployment.tenant_resource_id,
    deployment.variables,
)


def find(name: str) -> Function:
    """Answer a function by its name, in any letter case; raises UnknownFunctionError."""
    found = FUNCTIONS.get(name.casefold())
    if found is not None:
        return found
    if deployment.is_listing(name):
        return deployment.listing(name)
    raise UnknownFunctionError(name)
