"""The OData language of the Graph surface: read a query once, ask it of a resource in memory or of a table in SQL.

Pure: no I/O, no await, no clock. A filter is read against an entity's properties, so that everything behind the reader
deals with resolved, typed trees only.
"""
