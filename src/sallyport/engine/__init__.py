"""Durable runs: the history is the journal, a pure planner decides, and no action is known by name."""
