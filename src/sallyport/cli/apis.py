"""The APIs that connectors answer for, as far as the settings around a command know."""

from __future__ import annotations

import os

from sallyport import settings


def known() -> frozenset[str]:
    """Answer the ids of the connectors that come along and of those in the folder of custom ones.

    Raises InvalidSetting and InvalidConnector.
    """
    # To import what calls connectors takes a while, which other commands are spared.
    from sallyport.connectors import catalog, custom

    return frozenset({*catalog.FOLDERS, *custom.folders(settings.load(os.environ).custom_connectors)})
