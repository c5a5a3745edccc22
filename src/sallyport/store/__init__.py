"""The only place with SQL: a module for each aggregate, functions taking a connection, the record beside its SQL."""
