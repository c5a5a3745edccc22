"""The Graph surface: `/v1.0` and `/beta` of the security API, the trigger paths of its connector, and ingest."""
