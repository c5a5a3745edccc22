"""The first line of a request, with what clients leave raw in its query encoded: blanks, and letters beyond ASCII.

The rule: only the query is mended, never the path: no decision about who may do what depends on a query.
Deviation: HTTP would have such a request refused; scripts send filters as people write them.
"""

from __future__ import annotations

import re

_RAW = re.compile(rb"[ \x80-\xff]")
#: How a request begins, as far as that can be seen yet.
_BEGUN = re.compile(rb"[A-Z]{1,20}(?: |\Z)")


class RequestLine:
    """What has arrived of a connection's next request, held back until its first line is whole."""

    def __init__(self) -> None:
        self._held = bytearray()

    def taken(self, data: bytes) -> bytes:
        """Answer what can be read on: everything so far once the first line is whole, nothing before."""
        if not self._held:
            if b"\n" in data or _BEGUN.match(data) is None:
                return encoded(data)
            self._held += data
            return b""
        self._held += data
        if b"\n" not in data:
            return b""
        whole = bytes(self._held)
        self._held.clear()
        return encoded(whole)


def encoded(data: bytes) -> bytes:
    """Answer the beginning of a request, with what stands raw in the query of its first line encoded."""
    end = data.find(b"\n")
    question, version = data.find(b"?", 0, max(end, 0)), data.rfind(b" HTTP/1.", 0, max(end, 0))
    if not 0 <= question < version or _RAW.search(data, question, version) is None:
        return data
    query = _RAW.sub(lambda raw: b"%%%02X" % raw[0][0], data[question:version])
    return data[:question] + query + data[version:]
