"""What is stored of codes and tokens that count once: their hash, never themselves."""

from __future__ import annotations

import hashlib


def hashed(text: str) -> str:
    """Answer what is stored of a code or a token, which are random and long: a plain hash keeps them."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
