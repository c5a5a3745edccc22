"""The actions: one file for each type, its manifest beside it, and the table that the engine is given.

The rule: a type that is not in the table cannot be run; a definition that uses it can be deployed all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.actions import (
    api_connection,
    compose,
    condition,
    expression,
    foreach,
    http,
    join,
    manifest,
    parse_json,
    query,
    response,
    scope,
    select,
    send_to_batch,
    switch,
    table,
    terminate,
    until,
    variables,
    wait,
    webhook,
    workflow,
)
from sallyport.engine import action_type
from sallyport.engine.action_type import ActionType

#: Every action type that can be run, by its name.
ACTIONS: Mapping[str, ActionType] = manifest.described(
    action_type.table(
        # Data
        compose.compose,
        parse_json.parse_json,
        query.query,
        select.select,
        join.join,
        table.table,
        expression.expression,
        # Variables
        variables.initialize_variable,
        variables.set_variable,
        variables.increment_variable,
        variables.decrement_variable,
        variables.append_to_string_variable,
        variables.append_to_array_variable,
        # Control
        condition.condition,
        switch.switch,
        foreach.foreach,
        until.until,
        scope.scope,
        terminate.terminate,
        wait.wait,
        # The outside
        http.http,
        webhook.http_webhook,
        api_connection.api_connection,
        webhook.api_connection_webhook,
        response.response,
        workflow.workflow,
        send_to_batch.send_to_batch,
    )
)
