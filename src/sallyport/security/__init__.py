"""What alerts and indicators mean: the two shapes of an alert, what one can observe in it, and what an indicator looks for.

Pure: no I/O, no await, no clock. The rule: an alert is kept once, in the legacy shape; everything else is derived from it.
"""
