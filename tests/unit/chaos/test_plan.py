from itertools import pairwise

import pytest

from tests.chaos.errands import Behaviour, make_errands
from tests.chaos.plan import CI_MINUTES, CI_SEEDS, OUTAGE_S, SERVERS, SHORT, Fault, Injection, Plan, make_plan, victims

SEEDS = range(30)
LONG_MINUTES = 20


def whole_outages(plan: Plan) -> list[Injection]:
    return [one for one in plan.injections if one.fault is Fault.outage and one.lasts_s == OUTAGE_S]


@pytest.mark.parametrize("minutes", [3, LONG_MINUTES])
def test_a_seed_decides_everything(minutes: float) -> None:
    plans = {make_plan(seed, minutes, 8).injections for seed in SEEDS}
    assert len(plans) == len(SEEDS)
    assert make_plan(7, minutes, 8) == make_plan(7, minutes, 8)
    assert make_errands(7, 300, 100) == make_errands(7, 300, 100)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_lasts_comes_one_after_the_other_and_ends_in_time(seed: int) -> None:
    plan = make_plan(seed, 3, 8)
    lasting = [one for one in plan.injections if one.fault not in (Fault.kill, Fault.redis_lost)]
    assert all(later.at_s > earlier.at_s + earlier.lasts_s for earlier, later in pairwise(lasting))
    assert all(one.at_s + one.lasts_s <= plan.faults_s for one in lasting)
    assert all(one.victim in victims(one.fault, 8) for one in plan.injections)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_long_run_has_every_fault_and_each_server_is_away(seed: int) -> None:
    plan = make_plan(seed, LONG_MINUTES, 8)
    assert {one.fault for one in plan.injections} >= set(Fault) - {Fault.redis_lost}
    assert {one.victim for one in plan.injections if one.fault is Fault.outage} == {"nats", "postgres", "redis"}


def test_the_seeds_of_ci_take_each_server_away_for_its_whole_time_and_have_every_fault() -> None:
    plans = [make_plan(seed, CI_MINUTES, 8) for seed in CI_SEEDS]
    assert sorted(one.victim for plan in plans for one in whole_outages(plan)) == sorted(SERVERS)
    assert {one.fault for plan in plans for one in plan.injections} == set(Fault)
    for plan in plans:
        lost_s = min((one.at_s for one in plan.injections if one.fault is Fault.redis_lost), default=plan.faults_s)
        assert all(one.at_s + OUTAGE_S <= lost_s for one in whole_outages(plan))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_run_that_is_long_enough_has_one_whole_outage(seed: int) -> None:
    for minutes, many in ((1, 0), (2, 1), (CI_MINUTES, 1), (LONG_MINUTES, 1)):
        assert len(whole_outages(make_plan(seed, minutes, 8))) == many


def test_redis_is_lost_for_good_with_some_seeds_and_not_with_others() -> None:
    lost = [any(one.fault is Fault.redis_lost for one in make_plan(seed, 3, 8).injections) for seed in SEEDS]
    assert any(lost)
    assert not all(lost)


def test_only_the_faults_that_were_asked_for_are_planned() -> None:
    plan = make_plan(1, 3, 8, only=(Fault.freeze,))
    assert {one.fault for one in plan.injections} == {Fault.freeze}
    assert make_plan(1, 3, 8, only=()).injections == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_every_behaviour_is_among_the_errands(seed: int) -> None:
    errands = make_errands(seed, 100, 100)
    assert {errand.behaviour for errand in errands} == set(Behaviour)
    assert len({errand.key for errand in errands}) == len(errands)
    assert all(errand.at_s < 100 for errand in errands)


def test_a_short_run_knows_of_a_lost_worker_before_it_ends() -> None:
    assert SHORT.lease_ms / 1000 < SHORT.longest_s + SHORT.rest_s
