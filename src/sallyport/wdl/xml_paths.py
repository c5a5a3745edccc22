"""XML documents as trees, and XPath 1.0 over them, by libxml2.

No DTD, no entity, no network, no document of unusual depth; and a path is refused before it runs when it would visit
too many nodes.

Deviation: an XPath with several wide axes (`//a[following::b]`) is refused over a document of many thousand nodes.
"""

from __future__ import annotations

from lxml import etree

from sallyport.wdl import values, xpath_cost
from sallyport.wdl.budget import Meter
from sallyport.wdl.errors import BudgetExceeded
from sallyport.wdl.values import Json
from sallyport.wdl.xml_json import XmlError, charge

CONTENT_TYPE = "application/xml;charset=utf-8"
#: How many nodes a path may visit, roughly: about a second of work.
MAX_VISITS = 20_000_000


def parse(text: str, meter: Meter) -> etree._Element:
    """Parse a document and answer its root element; raises XmlError."""
    charge(text, meter)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        strip_cdata=False,
    )
    try:
        root = etree.fromstring(values.utf8(text.removeprefix("\ufeff")), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlError(str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlError("a document type declaration (DTD) is not allowed")
    return root


def find(text: str, path: str, meter: Meter) -> Json:
    """Evaluate an XPath: a node set is an array, everything else a float, a string or a boolean; raises XmlError."""
    root = parse(text, meter)
    _refuse_endless(path, text, root)
    # concat() may write the document once for each of its parameters.
    meter.memory(len(text) * path.count(","))
    # The document itself is no node that lxml answers; its root element is what one means.
    path = "/*" if path.strip() == "/" else path
    try:
        found = etree.XPath(path, regexp=False, smart_strings=False)(root.getroottree())
    except (etree.XPathError, ValueError) as error:
        raise XmlError(f"the XPath is not valid: {error}") from error
    if not isinstance(found, list):
        return found if isinstance(found, bool | float) else str(found)
    meter.items(len(found))
    return [_node(node, meter) for node in found]


def _node(node: object, meter: Meter) -> Json:
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):
        # A namespace node: its prefix and its name.
        return str(node[1])
    content = etree.tostring(node, encoding="utf-8", with_tail=False)  # type: ignore[call-overload]
    meter.memory(len(content) * 2)
    return values.envelope(content, CONTENT_TYPE)


def _refuse_endless(path: str, text: str, root: etree._Element) -> None:
    wide = xpath_cost.wide_axes(path)
    if wide.nested + wide.repeated < 2:
        return
    # A long text costs as much as nodes: a predicate may look through it again and again.
    nodes = text.count("<") + text.count("=") + len(text) // 64
    # A second `//` in a row visits a node again only for each of its ancestors; libxml2 then looks for duplicates.
    visits = nodes ** max(wide.nested, 1) * min(nodes, _depth(root) ** 2) ** wide.repeated
    if visits > MAX_VISITS:
        raise BudgetExceeded(f"The XPath would visit too many nodes of a document with about {nodes} of them.")


def _depth(root: etree._Element) -> int:
    deepest = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest
