"""Matching: whatever the queue and the fleet, no slot is given twice and no demand is broken."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.base import Level
from contracts.workers import WorkerStatus
from orchestrator.decisions.demands import demand_key
from orchestrator.decisions.matching import Pairing, can_take, fits, line_sizes, match, merit, most_live
from orchestrator.decisions.ranking import rank_at
from orchestrator.domain import Demand, Experience, Queued, Worker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANY = Demand()
HELP = Demand(but_not="asker")
TAGS = st.frozensets(st.sampled_from(["gpu", "linux", "big"]), max_size=2)
DEMANDS = st.builds(
    Demand,
    worker_id=st.one_of(st.none(), st.sampled_from(["w0", "w1", "w9"])),
    tags=TAGS,
    capabilities=st.frozensets(st.just("agent:a")),
    but_not=st.sampled_from([None, "w2", "w8"]),
)
EXPERIENCE = st.dictionaries(
    st.sampled_from(["k0", "k1"]),
    st.builds(Experience, st.integers(0, 9), st.integers(0, 9), st.floats(0, 1e6)),
)


@st.composite
def fleets(draw: st.DrawFn) -> list[Worker]:
    return [
        worker(
            f"w{number}",
            status=draw(st.sampled_from(WorkerStatus)),
            tags=draw(TAGS),
            capabilities=draw(st.frozensets(st.just("agent:a"))),
            slots_total=draw(st.integers(0, 3)),
            experience=draw(EXPERIENCE),
        )
        for number in range(draw(st.integers(0, 4)))
    ]


@st.composite
def queues(draw: st.DrawFn) -> tuple[list[Queued], dict[str, Demand]]:
    demands = draw(st.lists(DEMANDS, max_size=6))
    queue = [
        task(f"t{number}", demand, seconds=draw(st.integers(0, 5)), avoid_worker=draw(st.sampled_from([None, "w0"])))
        for number, demand in enumerate(demands)
    ]
    return queue, {demand_key(demand): demand for demand in demands}


def worker(worker_id: str = "w", **more: object) -> Worker:
    plain = {
        "status": WorkerStatus.online,
        "tags": frozenset[str](),
        "capabilities": frozenset[str](),
        "slots_total": 1,
        "experience": {},
    }
    return Worker(worker_id, **(plain | more))  # type: ignore[arg-type]


def task(task_id: str, demand: Demand = ANY, *, seconds: float = 0, work: str = "k0", **more: object) -> Queued:
    at = NOW + timedelta(seconds=seconds)
    return Queued(task_id, 0, demand_key(demand), work, at, **more)  # type: ignore[arg-type]


def chosen(tasks: list[Queued], workers: list[Worker], used: dict[str, int] | None = None) -> list[tuple[str, str]]:
    pairings: list[Pairing] = match(tasks, {demand_key(one): one for one in (ANY, HELP)}, workers, used or {})
    return [(pairing.task.task_id, pairing.worker_id) for pairing in pairings]


@given(queues(), fleets(), st.dictionaries(st.sampled_from(["w0", "w1"]), st.integers(0, 4)))
def test_every_pairing_is_allowed_and_no_slot_is_given_twice(
    queue: tuple[list[Queued], dict[str, Demand]], workers: list[Worker], used: dict[str, int]
) -> None:
    tasks, demands = queue
    by_id = {one.worker_id: one for one in workers}
    taken = dict(used)
    pairings = match(tasks, demands, workers, used)
    assert len({pairing.task.task_id for pairing in pairings}) == len(pairings)
    for pairing in pairings:
        holder = by_id[pairing.worker_id]
        assert can_take(demands[pairing.task.demand_key], holder, taken.get(holder.worker_id, 0))
        taken[holder.worker_id] = taken.get(holder.worker_id, 0) + 1


@given(queues(), fleets())
def test_no_task_is_left_while_a_slot_that_fits_is_free(
    queue: tuple[list[Queued], dict[str, Demand]], workers: list[Worker]
) -> None:
    tasks, demands = queue
    pairings = match(tasks, demands, workers, {})
    taken = {one.worker_id: sum(p.worker_id == one.worker_id for p in pairings) for one in workers}
    paired = {pairing.task.task_id for pairing in pairings}
    for left in tasks:
        if left.task_id not in paired:
            demand = demands[left.demand_key]
            assert not any(can_take(demand, one, taken[one.worker_id]) for one in workers)


@given(queues(), fleets(), st.integers(1, 3))
def test_line_sizes_are_what_could_be_placed_if_the_line_were_alone(
    queue: tuple[list[Queued], dict[str, Demand]], workers: list[Worker], most: int
) -> None:
    _, demands = queue
    sizes = line_sizes(demands, workers, {}, most)
    for key, demand in demands.items():
        able = [one for one in workers if one.status is WorkerStatus.online and fits(demand, one)]
        assert sizes.get(key, 0) == min(most, sum(most_live(one, is_help=demand.is_help) for one in able))


def test_tasks_are_placed_in_the_order_of_their_rank() -> None:
    tasks = [task("late", seconds=2), task("early", seconds=1), task("latest", seconds=3)]
    assert chosen(tasks, [worker(slots_total=2)]) == [("early", "w"), ("late", "w")]


@given(queues(), fleets(), st.dictionaries(st.sampled_from(["w0", "w1", "w2"]), st.integers(0, 4)))
def test_only_help_goes_above_the_slots_and_by_one_at_most(
    queue: tuple[list[Queued], dict[str, Demand]], workers: list[Worker], used: dict[str, int]
) -> None:
    tasks, demands = queue
    slots, taken = {one.worker_id: one.slots_total for one in workers}, dict(used)
    for pairing in match(tasks, demands, workers, used):
        live = taken[pairing.worker_id] = taken.get(pairing.worker_id, 0) + 1
        is_help = demands[pairing.task.demand_key].but_not is not None
        assert live <= slots[pairing.worker_id] + (1 if is_help else 0)
        assert slots[pairing.worker_id] > 0


def test_help_goes_above_full_slots_once_and_nothing_else_does() -> None:
    full = [worker(slots_total=2)]
    tasks = [task("own"), task("help", HELP, seconds=1), task("more-help", HELP, seconds=2)]
    assert chosen(tasks, full, {"w": 2}) == [("help", "w")]
    assert chosen(tasks, full, {"w": 3}) == []
    assert line_sizes({"own": ANY, "help": HELP}, full, {"w": 2}, 9) == {"help": 1}
    assert line_sizes({"own": ANY, "help": HELP}, full, {"w": 3}, 9) == {}


@pytest.mark.parametrize("status", [one for one in WorkerStatus if one is not WorkerStatus.online])
def test_a_worker_that_takes_no_work_takes_no_help_either(status: WorkerStatus) -> None:
    away = [worker(status=status)]
    assert chosen([task("help", HELP)], away) == []
    assert line_sizes({"help": HELP}, away, {}, 9) == {}


def test_help_goes_above_the_slots_of_no_expert_while_another_has_a_slot_free() -> None:
    expert = worker("expert", experience={"k0": Experience(99, 0, 1.0)})
    nearly_full = worker("free", slots_total=100, experience={"k0": Experience(0, 9, 1e6)})
    tasks = [task("help", HELP, has_repository=True)]
    assert chosen(tasks, [expert, nearly_full], {"expert": 1, "free": 99}) == [("help", "free")]
    assert chosen(tasks, [expert, nearly_full], {"expert": 1, "free": 100}) == [("help", "expert")]


def test_load_is_spread() -> None:
    tasks = [task(f"t{number}", seconds=number) for number in range(4)]
    pairings = chosen(tasks, [worker("a", slots_total=2), worker("b", slots_total=4)])
    assert sorted(worker_id for _, worker_id in pairings) == ["a", "b", "b", "b"] or sorted(
        worker_id for _, worker_id in pairings
    ) == ["a", "a", "b", "b"]


def test_the_worker_that_succeeds_is_preferred_to_the_one_that_fails() -> None:
    good, bad = Experience(9, 0, 1_000.0), Experience(1, 9, 1_000.0)
    workers = [worker("bad", experience={"k0": bad}), worker("good", experience={"k0": good}), worker("new")]
    assert chosen([task("t")], workers) == [("t", "good")]


def test_the_faster_worker_is_preferred() -> None:
    fast, slow = Experience(5, 0, 1_000.0), Experience(5, 0, 9_000.0)
    workers = [worker("slow", experience={"k0": slow}), worker("fast", experience={"k0": fast})]
    assert chosen([task("t")], workers) == [("t", "fast")]


def test_a_warm_workspace_is_preferred_only_where_there_is_a_repository() -> None:
    once = Experience(0, 1, 0.0)
    assert merit(once, 0, has_repository=True) > merit(once, 0, has_repository=False)
    assert merit(Experience(), 0, has_repository=True) == merit(Experience(), 0, has_repository=False)


def test_a_worker_on_which_it_went_wrong_is_avoided_unless_it_is_the_only_one() -> None:
    expert = worker("expert", experience={"k0": Experience(9, 0, 1.0)})
    assert chosen([task("t", avoid_worker="expert")], [expert, worker("other")]) == [("t", "other")]
    assert chosen([task("t", avoid_worker="expert")], [expert]) == [("t", "expert")]


def test_the_avoided_worker_stays_available_to_others() -> None:
    workers = [worker("a"), worker("b")]
    pairings = chosen([task("t1", avoid_worker="a"), task("t2", seconds=1)], workers)
    assert pairings == [("t1", "b"), ("t2", "a")]


def test_a_full_round_looks_at_each_worker_of_a_large_fleet_a_few_times_and_not_for_every_task() -> None:
    workers = [worker(f"w{n}", slots_total=3, experience={f"k{n % 50}": Experience(3, 1, 50.0)}) for n in range(1_000)]
    tasks = [task(f"t{n}", seconds=n, work=f"k{n % 100}") for n in range(500)]
    # To look at each worker for each task would be half a million.
    assert calls_in(lambda: chosen(tasks, workers)) < 50 * (len(workers) + len(tasks))
    assert len(chosen(tasks, workers)) == 500


def calls_in(work: Callable[[], object]) -> int:
    """How many functions are called: what it costs, on any machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def test_a_task_that_waits_long_enough_overtakes_every_priority() -> None:
    old = rank_at(Level.low, NOW - timedelta(hours=2))
    assert old < rank_at(Level.critical, NOW)
    assert (
        rank_at(Level.critical, NOW) < rank_at(Level.high, NOW) < rank_at(Level.medium, NOW) < rank_at(Level.low, NOW)
    )
