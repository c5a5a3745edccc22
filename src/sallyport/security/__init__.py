"""What alerts and indicators mean: the two shapes of an alert, what can be observed in it, what an indicator looks for.

Pure: no I/O, no await, no clock. The rule: an alert is kept once, in the legacy shape; all else is derived from it.
"""
