"""What the surfaces share: the guarded way out, request limits, request ids and health."""
