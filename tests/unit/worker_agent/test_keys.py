"""Keys of the object store: one for each attempt and name."""

import pytest

from worker_agent.decisions.keys import object_key, safe_name
from worker_agent.domain import AttemptKey


def test_the_attempt_is_in_the_key_so_that_an_older_one_never_replaces_a_newer_ones() -> None:
    keys = {object_key(AttemptKey("task-1", number), "report.html") for number in (1, 2)}
    assert keys == {"task-1/1/report.html", "task-1/2/report.html"}


@pytest.mark.parametrize("name", ["../../task-2/1/x", "/etc/passwd", "a b", "..", "ä", "x" * 200, ".hidden"])
def test_a_name_that_is_not_plain_stays_in_its_attempt(name: str) -> None:
    made = safe_name(name)
    assert "/" not in made
    assert made not in ("", ".", "..")
    assert len(made) < 120


def test_two_names_never_become_one() -> None:
    names = ["a/b", "a-b", "a b", "a:b", "x" * 150, "x" * 151, "..", ".", "-"]
    assert len({safe_name(name) for name in names}) == len(names)
