"""Which method and path of threat intelligence in STIX is which operation: the upload of Sentinel, and TAXII.

The rule: as in the table of the Graph surface, every line says who may call; what differs is the shape of errors.
"""

from __future__ import annotations

from sallyport.graph import stix_upload, taxii
from sallyport.graph.endpoint import Endpoint
from sallyport.graph.error_shapes import OLD_UPLOAD, TAXII_ROOT, UPLOAD_ROOT

READ = ("ThreatIndicators.Read.All", "ThreatIndicators.ReadWrite.OwnedBy")
WRITE = ("ThreatIndicators.ReadWrite.OwnedBy",)

_API = f"/{TAXII_ROOT}/api"
_COLLECTION = f"{_API}/collections/{{collection}}"

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        "POST", f"/{UPLOAD_ROOT}/{{workspace}}/threat-intelligence-stix-objects:upload", stix_upload.upload, WRITE
    ),
    Endpoint("POST", f"/{{workspace}}/{OLD_UPLOAD}", stix_upload.upload_indicators, WRITE),
    Endpoint("GET", f"/{TAXII_ROOT}", taxii.discovery, READ),
    Endpoint("GET", _API, taxii.api_root, READ),
    Endpoint("GET", f"{_API}/status/{{status}}", taxii.status, READ),
    Endpoint("GET", f"{_API}/collections", taxii.collections, READ),
    Endpoint("GET", _COLLECTION, taxii.collection, READ),
    Endpoint("GET", f"{_COLLECTION}/manifest", taxii.manifest, READ),
    Endpoint("GET", f"{_COLLECTION}/objects", taxii.objects, READ),
    Endpoint("POST", f"{_COLLECTION}/objects", taxii.add, WRITE),
    Endpoint("GET", f"{_COLLECTION}/objects/{{object}}", taxii.get, READ),
    Endpoint("GET", f"{_COLLECTION}/objects/{{object}}/versions", taxii.versions, READ),
)
#: What these paths look like, in lower case, `*` for anything.
PATTERNS = (f"/{UPLOAD_ROOT}/*", f"/{TAXII_ROOT}/*", f"/*/{OLD_UPLOAD}")


def takes(path: str) -> bool:
    """Answer whether a path is one of threat intelligence in STIX, known or not."""
    segments = [each for each in path.lower().split("/") if each]
    return bool(segments) and (segments[0] in (UPLOAD_ROOT, TAXII_ROOT) or segments[-1] == OLD_UPLOAD)
