"""`formatNumber`: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#formatNumber.

The formats are .NET's; what they may build is bounded by the format, so that no meter is needed.
"""

from __future__ import annotations

from sallyport.wdl import errors, values
from sallyport.wdl.dotnet import number_formats
from sallyport.wdl.dotnet.errors import DotnetError
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.values import Json


@function("formatNumber", parameters="a number, a format and optionally a locale")
def format_number(number: Json, format: Json, locale: Json = None) -> str:
    """Answer a number as text in a format and a locale."""
    if not values.is_number(number):
        raise arguments.unfit("formatNumber", "a number", number, 1)
    wanted = arguments.text("formatNumber", format, 2)
    culture = "en-US" if locale is None else arguments.text("formatNumber", locale, 3)
    try:
        return number_formats.format_number(number, wanted, culture)
    except DotnetError as error:
        raise errors.failed("formatNumber", error.message.removesuffix(".")) from None
