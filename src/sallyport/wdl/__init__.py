"""The workflow definition language: definitions, expressions, checks. Pure: no I/O, no clock but its scope's."""
