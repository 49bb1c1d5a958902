"""The journal on a real disk."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.examples import NOW
from tests.unit.worker_agent.test_admission import known
from worker_agent.domain import AttemptKey, Phase, WorkerState
from worker_agent.store import FileJournal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[FileJournal]:
    made = FileJournal(tmp_path)
    yield made
    made.close()


async def test_an_attempt_comes_back_as_it_was_saved_last(journal: FileJournal, tmp_path: Path) -> None:
    await journal.save(known(1, Phase.accepted))
    changed = known(1, Phase.running)
    await journal.save(changed)
    await journal.save(known(2))
    again = FileJournal(tmp_path)
    assert await again.load() == [changed, known(2)]
    again.close()


async def test_only_this_user_can_read_it(journal: FileJournal, tmp_path: Path) -> None:
    await journal.save(known(1))
    (path,) = (tmp_path / "attempts").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_damaged_record_is_put_aside_and_the_others_are_read(journal: FileJournal, tmp_path: Path) -> None:
    await journal.save(known(1))
    (tmp_path / "attempts" / "task-9.1.json").write_text("{")
    assert await journal.load() == [known(1)]
    assert (tmp_path / "attempts" / "task-9.1.damaged").exists()


async def test_a_write_that_was_cut_off_leaves_the_old_record(journal: FileJournal, tmp_path: Path) -> None:
    await journal.save(known(1))
    (tmp_path / "attempts" / ".task-1.1.json.new").write_text('{"half"')
    assert await journal.load() == [known(1)]


async def test_a_removed_attempt_is_forgotten_with_all_its_files(journal: FileJournal, tmp_path: Path) -> None:
    await journal.save(known(1))
    journal.mark_output(AttemptKey("task-1", 1), 7)
    await journal.remove(AttemptKey("task-1", 1))
    assert list((tmp_path / "attempts").iterdir()) == []


def test_how_far_the_output_is_reported_comes_back(journal: FileJournal, tmp_path: Path) -> None:
    key = AttemptKey("task-1", 1)
    assert journal.output_mark(key) == 0
    journal.mark_output(key, 123_456_789_012)
    again = FileJournal(tmp_path)
    assert again.output_mark(key) == 123_456_789_012
    again.close()


def test_how_much_is_done_comes_back_beside_it(journal: FileJournal, tmp_path: Path) -> None:
    key = AttemptKey("task-1", 1)
    assert journal.progress_mark(key) == 0.0
    journal.mark_progress(key, 62.5)
    assert journal.output_mark(key) == 0
    journal.mark_output(key, 7)
    again = FileJournal(tmp_path)
    assert (again.progress_mark(key), again.output_mark(key)) == (62.5, 7)
    again.close()


async def test_the_state_of_the_worker_comes_back(journal: FileJournal, tmp_path: Path) -> None:
    assert journal.load_state() == WorkerState()
    state = WorkerState(paused=True, commands=["c1"], mcp_port=4321)
    await journal.save_state(state)
    assert journal.load_state() == state


def test_when_it_last_lived_comes_back(journal: FileJournal) -> None:
    assert journal.last_alive() is None
    journal.mark_alive(NOW)
    journal.mark_alive(NOW + timedelta(seconds=5))
    assert journal.last_alive() == NOW + timedelta(seconds=5)


def test_an_orderly_end_is_remembered_once(journal: FileJournal) -> None:
    assert not journal.stopped_in_order()
    journal.mark_stopped()
    assert journal.stopped_in_order()
    assert not journal.stopped_in_order()
