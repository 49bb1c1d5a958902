"""Many comparisons at once: how to keep the false ones among the findings few."""

from collections.abc import Sequence


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the given order (Benjamini and Hochberg, JRSS B 57, 1995).

    If all with an adjusted value up to 0.05 are told, at most 5 % of what is told is expected to be chance.
    """
    many = len(p_values)
    adjusted = [1.0] * many
    smallest = 1.0
    for rank, place in sorted(enumerate(sorted(range(many), key=p_values.__getitem__), start=1), reverse=True):
        smallest = min(smallest, p_values[place] * many / rank)
        adjusted[place] = smallest
    return adjusted
