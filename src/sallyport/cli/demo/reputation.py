"""A reputation service for the demonstration: it stands in for the one on the internet that the examples name."""

from __future__ import annotations

import zlib

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

#: The address that the examples ask by default.
ORIGIN = "https://reputation.example.com"
_CATEGORIES = ("c2", "botnet", "scanner", "phishing", "spam")


async def _reputation(request: Request) -> Response:
    """Answer a score from 0 to 100 that depends on nothing but the address."""
    drawn = zlib.crc32(request.path_params["address"].encode())
    score = drawn % 101
    categories = [_CATEGORIES[drawn % len(_CATEGORIES)]] if score >= 50 else []
    return JSONResponse({"score": score, "categories": categories})


def app() -> Starlette:
    """Answer the service."""
    return Starlette(routes=[Route("/ip/{address}", _reputation)])
