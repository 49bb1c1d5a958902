"""Whether the work on a text grows with its length and no faster."""

from collections.abc import Callable
from time import process_time

LONGER = 8
TRIES = 20


def grows_with_its_length(work: Callable[[str], object], unit: str, short: int, least_s: float) -> bool:
    """Whether eight times the text takes far less than sixty-four times the work, as a square would.

    Whatever else a machine does makes a measurement longer, never shorter. So the shortest counts, and one that says
    too much is made again. Below `least_s` nothing is told apart.
    """
    few = min(_seconds(work, unit * (short // len(unit))) for _ in range(3))
    most = max(few, least_s) * 3 * LONGER
    text = unit * (LONGER * short // len(unit))
    return any(_seconds(work, text) < most for _ in range(TRIES))


def _seconds(work: Callable[[str], object], text: str) -> float:
    began = process_time()
    work(text)
    return process_time() - began
