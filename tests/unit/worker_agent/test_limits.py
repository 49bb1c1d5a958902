"""A task's limits go before the worker's."""

from contracts.tasks import Limits
from worker_agent.decisions.limits import AttemptLimits, limits_of

OWN = AttemptLimits(run_ms=1_000, silence_ms=2_000, verify_ms=3_000, memory_mb=400)


def test_what_a_task_does_not_name_is_the_workers() -> None:
    assert limits_of(Limits(), OWN) == OWN


def test_what_a_task_names_holds() -> None:
    found = limits_of(Limits(run_ms=5, memory_mb=0.4, processes=3, output_mb=7, disk_mb=9), OWN)
    assert (found.run_ms, found.silence_ms) == (5, 2_000)
    process = found.for_process
    assert (process.wall_ms, process.memory_mb, process.processes) == (5, 1, 3)
    assert (process.output_mb, process.disk_mb) == (7, 9)
