"""What may be said of figures with how much confidence: each measure with its source, computed from binned values."""

CONFIDENCE = 0.95
"""Of every interval."""
SIGNIFICANT = 0.05
"""A difference is told when its p-value, adjusted for the number of comparisons, is not above this."""
