"""What the surfaces share: bodies, middleware, limits, the egress guard. Imports none of the surfaces."""
