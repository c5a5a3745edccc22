"""Workflow functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#workflow-functions.

What they answer comes from the scope, which also refuses what is not allowed where the expression stands.
"""

from __future__ import annotations

from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json


@function("parameters", pure=False, reference="parameter", parameters="the name of a parameter")
def parameters(scope: Scope, name: Json) -> Json:
    """Answer the value of a workflow parameter."""
    return scope.parameter(arguments.text("parameters", name))


@function("variables", pure=False, reference="variable", parameters="the name of a variable")
def variables(scope: Scope, name: Json) -> Json:
    """Answer the current value of a variable."""
    return scope.variable(arguments.text("variables", name))


@function("actions", pure=False, reference="action", parameters="the name of an action")
def actions(scope: Scope, name: Json) -> Json:
    """Answer the action object of an action."""
    return scope.action(arguments.text("actions", name))


@function("outputs", "actionOutputs", pure=False, reference="action", parameters="the name of an action")
def outputs(scope: Scope, name: Json) -> Json:
    """Answer the outputs of an action; those of a skipped one are null."""
    return scope.action_outputs(arguments.text("outputs", name))


@function("body", "actionBody", pure=False, reference="action", parameters="the name of an action")
def body(scope: Scope, name: Json) -> Json:
    """Answer the body among the outputs of an action."""
    return scope.action_body(arguments.text("body", name))


@function("action", pure=False, reference="action")
def action(scope: Scope) -> Json:
    """Answer the action object of the action that is being evaluated."""
    return scope.current_action()


@function("trigger", "triggers", pure=False, reference="trigger")
def trigger(scope: Scope) -> Json:
    """Answer the trigger object."""
    return scope.trigger()


@function("triggerOutputs", pure=False, reference="trigger")
def trigger_outputs(scope: Scope) -> Json:
    """Answer the outputs of the trigger."""
    return scope.trigger_outputs()


@function("triggerBody", pure=False, reference="trigger")
def trigger_body(scope: Scope) -> Json:
    """Answer the body among the outputs of the trigger."""
    return scope.trigger_body()


@function("item", pure=False, reference="item")
def item(scope: Scope) -> Json:
    """Answer the current item of the innermost loop or data operation."""
    return scope.item()


@function("items", pure=False, reference="items", parameters="the name of a loop")
def items(scope: Scope, loop_name: Json) -> Json:
    """Answer the current item of the named loop."""
    return scope.items(arguments.text("items", loop_name))


@function("iterationIndexes", pure=False, reference="iterationIndexes", parameters="the name of an Until loop")
def iteration_indexes(scope: Scope, loop_name: Json) -> int:
    """Answer the iteration of the named Until loop, counted from 0."""
    return scope.iteration_index(arguments.text("iterationIndexes", loop_name))


@function("result", pure=False, reference="result", parameters="the name of a scope")
def result(scope: Scope, scope_name: Json) -> list[Json]:
    """Answer the action objects of the first-level actions of a scope."""
    return scope.result(arguments.text("result", scope_name))


@function("workflow", pure=False, reference="workflow")
def workflow(scope: Scope) -> Json:
    """Answer the workflow object."""
    return scope.workflow()


@function("listCallbackUrl", pure=False, reference="listCallbackUrl")
def list_callback_url(scope: Scope) -> str:
    """Answer the callback address of the trigger or action that is being evaluated."""
    return scope.callback_url()


@function("appsetting", "appsettings", pure=False, reference="appsetting", parameters="the name of an app setting")
def appsetting(scope: Scope, name: Json) -> str:
    """Answer an application setting."""
    return scope.app_setting(arguments.text("appsetting", name))
