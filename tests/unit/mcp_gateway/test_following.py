from mcp_gateway.decisions.following import Followed, entry_line, has_ended, task_line
from tests.support.views import completed_task, entry, queued_task, running_task


def test_a_task_that_has_not_changed_makes_no_step() -> None:
    seen, first = Followed().sees_task(running_task())
    again, second = seen.sees_task(running_task())
    assert first is not None
    assert second is None
    assert again == seen


def test_progress_grows_with_every_step() -> None:
    seen, steps = Followed(), []
    for task in (queued_task(), running_task(), running_task(progress=None), completed_task()):
        seen, step = seen.sees_task(task)
        steps.append(step)
        seen, step = seen.sees_entry(entry("stream", "thinking…", "thinking"))
        steps.append(step)
    grown = [step.progress for step in steps if step]
    assert grown == sorted(set(grown))
    assert len(grown) == 8


def test_steps_say_what_happens_in_one_line() -> None:
    assert task_line(queued_task()) == "queued · 0% · no worker has a free slot"
    assert task_line(running_task()) == "executing · 65% · implementation · Implementing token rotation"
    assert entry_line(entry("stream", "two\n lines", "output")) == "[output] two lines"
    assert entry_line(entry("milestone", "done")) == "[milestone] done"


def test_only_a_final_state_ends_it() -> None:
    assert has_ended(completed_task())
    assert not has_ended(running_task())
