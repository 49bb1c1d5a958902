import resource

import pytest

from contracts.sandbox import EndReason, ProcessLimits, ProcessUsage
from sandbox.errors import LimitTooHigh
from sandbox.processes import limits

DEFAULTS = ProcessLimits(wall_ms=1000, memory_mb=100)
CEILINGS = ProcessLimits(wall_ms=5000, memory_mb=200)


def usage(**values: float) -> ProcessUsage:
    zero = {"cpu_ms": 0, "memory_mb": 0, "memory_peak_mb": 0, "processes": 0, "output_bytes": 0}
    return ProcessUsage.model_validate(zero | values)


def test_what_is_asked_for_wins_over_the_default() -> None:
    asked = ProcessLimits(wall_ms=3000)
    assert limits.effective(asked, DEFAULTS, CEILINGS) == ProcessLimits(wall_ms=3000, memory_mb=100)


def test_a_default_is_never_above_the_ceiling() -> None:
    defaults = ProcessLimits(wall_ms=6000)
    assert limits.effective(ProcessLimits(), defaults, CEILINGS) == ProcessLimits(wall_ms=5000, memory_mb=200)


def test_more_than_the_ceiling_is_refused_by_name() -> None:
    with pytest.raises(LimitTooHigh, match=r"limits.memory_mb is 201, above the 200"):
        limits.effective(ProcessLimits(memory_mb=201), DEFAULTS, CEILINGS)


@pytest.mark.parametrize(
    ("used", "reason"),
    [
        ({"memory_mb": 100.1}, EndReason.MEMORY),
        ({"processes": 5}, EndReason.PROCESS_LIMIT),
        ({"cpu_ms": 1001}, EndReason.CPU_LIMIT),
        ({"memory_mb": 100, "processes": 4, "cpu_ms": 1000}, None),
        ({"memory_peak_mb": 1000}, None),
    ],
)
def test_only_what_is_above_a_limit_ends_a_process(used: dict[str, float], reason: EndReason | None) -> None:
    held = ProcessLimits(memory_mb=100, processes=4, cpu_ms=1000)
    assert limits.exceeded(held, usage(**used)) is reason


def test_without_limits_nothing_is_too_much() -> None:
    assert limits.exceeded(ProcessLimits(), usage(memory_mb=1e9, cpu_ms=10**9, processes=10**6)) is None


def test_the_kernel_is_told_looser_limits_than_those_that_are_sampled() -> None:
    held = ProcessLimits(memory_mb=100, cpu_ms=2500, processes=10, open_files=64, file_mb=3)
    assert limits.resource_limits(held, tasks_of_user=7) == {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_FSIZE": 3 * 1024 * 1024,
        "RLIMIT_DATA": (200 + 1024) * 1024 * 1024,
        "RLIMIT_CPU": 7,
        "RLIMIT_NPROC": 87,
    }


def test_a_limit_that_may_be_raised_later_has_its_hard_limit_at_the_ceiling() -> None:
    held = ProcessLimits(memory_mb=100, open_files=64)
    ceilings = ProcessLimits(memory_mb=1000, open_files=128)
    found = limits.kernel_limits(held, ceilings, tasks_of_user=0)
    assert found["RLIMIT_DATA"] == (1224 * 1024 * 1024, 3024 * 1024 * 1024)
    assert found["RLIMIT_NOFILE"] == (64, 64)
    assert limits.kernel_limits(held, ProcessLimits(), 0)["RLIMIT_DATA"][1] == resource.RLIM_INFINITY


def test_only_what_the_kernel_can_raise_is_changed() -> None:
    held = ProcessLimits(memory_mb=100, open_files=64, file_mb=3)
    assert limits.changed_kernel_limits(held, tasks_of_user=0) == {"RLIMIT_DATA": 1224 * 1024 * 1024}


def test_what_eats_the_machine_gets_no_grace() -> None:
    assert {reason for reason in EndReason if limits.grace_ms(reason, 500)} == {
        EndReason.TIMED_OUT,
        EndReason.CANCELLED,
        EndReason.CPU_LIMIT,
    }
