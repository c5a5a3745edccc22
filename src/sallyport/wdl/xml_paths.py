"""XML documents as trees, and XPath 1.0 over them, by libxml2.

No DTD, no entity, no network, no document of unusual depth; and a path is refused before it runs when it would visit
too many nodes.

Deviation: an XPath with several wide axes (`//a[following::b]`), with one that may find a node twice (`//a/..`), or
that compares two sets of nodes (`//a = //b`), is refused over a document of many thousand nodes, and so is every one
over thousands of comments in a row.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from lxml import etree

from sallyport.wdl import values, xpath_compared, xpath_cost
from sallyport.wdl.budget import Meter
from sallyport.wdl.errors import BudgetExceeded
from sallyport.wdl.values import Json
from sallyport.wdl.xml_json import XmlError, charge

CONTENT_TYPE = "application/xml;charset=utf-8"
#: How many nodes a path may visit, roughly: about a second of work.
MAX_VISITS = 20_000_000
#: What a namespace node costs, in visits: each is made anew for every element.
NAMESPACE_VISITS = 200
#: How many comparisons of two nodes cost as much as a visit.
COMPARISONS = 45
#: So few children are not looked at one by one, to know their names.
_FEW = 100
#: What stands between two tags of elements, piece by piece; a document that was parsed has no other `<` than these.
_PIECE = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<", re.DOTALL)


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


def _node(node: Any, meter: Meter) -> Json:
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):
        # A namespace node: its prefix and its name.
        return str(node[1])
    parent = node.getparent()
    # Each namespace that the elements around declare is looked for among all others before it is written.
    meter.look(len(parent.nsmap) ** 2 // 10 if parent is not None else 0)
    content = etree.tostring(node, encoding="utf-8", with_tail=False)
    meter.memory(len(content) * 2)
    return values.envelope(content, CONTENT_TYPE)


def _refuse_endless(path: str, text: str, root: etree._Element) -> None:
    wide = xpath_cost.wide_axes(path)
    # A long text costs as much as nodes: a predicate may look through it again and again.
    nodes = text.count("<") + text.count("=") + len(text) // 64
    visits = _rows(text) * nodes ** max(wide.nested - 1, 0)
    visits += xpath_cost.merges(path) * (text.count("<") - text.count("</")) ** 2 // COMPARISONS
    visits += _pairs(path, text, root) // COMPARISONS
    if wide.nested + wide.repeated > 1:
        # A second `//` in a row visits a node again only for each of its ancestors; libxml2 then looks for duplicates.
        visits += nodes ** max(wide.nested, 1) * min(nodes, _depth(root) ** 2) ** wide.repeated
    if "namespace" in path and "::" in path:
        visits = max(visits, nodes) * text.count("xmlns") * NAMESPACE_VISITS
    if visits > MAX_VISITS:
        raise BudgetExceeded(f"The XPath would visit too many nodes of a document with about {nodes} of them.")


def _pairs(path: str, text: str, root: etree._Element) -> int:
    """Answer how many pairs of nodes the comparisons of a path may look at."""
    found = xpath_compared.compared(path)
    texts = any(name in path for name in ("text", "node", "comment", "processing-instruction"))
    # Every tag has a text before it at the most.
    nodes = text.count("<") - (0 if texts else text.count("</")) + (text.count("=") if "@" in path else 0)
    if "attribute" in path:
        nodes += text.count("=")
    if (len(found.near) + found.far) * nodes**2 // COMPARISONS <= MAX_VISITS:
        return 0
    beside = sum(_pairs_beside(element, found.near) for element in root.iter(etree.Element)) if found.near else 0
    return found.far * nodes**2 + beside


def _pairs_beside(element: etree._Element, names: tuple[tuple[str, str], ...]) -> int:
    """Answer how many pairs of what an element has directly in it are compared at the most."""
    most = 2 * len(element) + 1
    if most < _FEW:
        return most**2 * len(names)
    there = Counter(etree.QName(child).localname for child in element.iterchildren(etree.Element))
    return sum(
        there.get(left, 0 if left != "*" else most) * there.get(right, 0 if right != "*" else most)
        for left, right in names
    )


def _rows(text: str) -> int:
    """Answer what it takes to put nodes in order: of those that are no elements each looks for the element before."""
    if text.count("<!") + text.count("<?") < 1_000:
        return 0
    steps = row = 0
    for piece in _PIECE.finditer(text):
        row = row + 1 if len(piece[0]) > 1 else 0
        steps += 2 * row
    return steps


def _depth(root: etree._Element) -> int:
    deepest = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        deepest = max(deepest, depth)
    return deepest
