"""The APIs that connectors answer for, as far as the settings around a command know."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from sallyport import settings

if TYPE_CHECKING:
    from sallyport.connectors.catalog import Connector


def known() -> frozenset[str]:
    """Answer the ids of the connectors that come along and of those in the folder of custom ones.

    Raises InvalidSetting and InvalidConnector.
    """
    # To import what calls connectors takes a while, which other commands are spared.
    from sallyport.connectors import catalog, custom

    return frozenset({*catalog.FOLDERS, *custom.folders(settings.load(os.environ).custom_connectors)})


def described() -> Mapping[str, Connector]:
    """Answer the same connectors by their ids, as far as they can be read.

    Raises InvalidSetting and InvalidConnector.
    """
    from sallyport.connectors import custom

    return {**_built_in(), **custom.described(settings.load(os.environ).custom_connectors)}


@cache
def _built_in() -> Mapping[str, Connector]:
    from sallyport.connectors import catalog

    return catalog.built_in()
