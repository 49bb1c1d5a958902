"""Conditions on rows that are named by their keys, said so that the planner makes no plan of them.

It takes rows that wait, or that are live, for rare. So it would read all rows once and go through the rare ones for
each that is named, or do so with the partial index of these: while hundreds are named and live, that is quadratic.
"""


def unplanned(condition: str) -> str:
    """The same condition, of which the planner knows nothing: it supposes that a third of all rows meet it.

    Of two in one statement it would suppose a ninth, and take that for few: say both as one."""
    return f"({condition})::int > 0"


QUEUED = unplanned("status = 'queued'")
LIVE = unplanned("attempt.ended_at IS NULL")
"""To ask for an attempt's state would say the same."""
