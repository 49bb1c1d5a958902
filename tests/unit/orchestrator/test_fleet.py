"""What is done next with instances of workers, and how many there should be: by example, and in a small world."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.workers import WorkerStatus
from orchestrator.decisions.fleet import (
    UNKNOWN,
    Bind,
    Drain,
    End,
    Finish,
    Retire,
    Scale,
    Standing,
    Step,
    place_of,
    steps_of_absence,
    steps_of_intentions,
    steps_of_size,
)
from orchestrator.decisions.scaling import History, Pressure, ScalePolicy, needed, pressure, remembered, target
from orchestrator.domain import Demand, FleetAction, FleetLook, Instance, Intention, Line, Worker
from orchestrator.settings import Settings
from tests.support.examples import NOW

LATER = NOW + timedelta(seconds=11)
POLICY = ScalePolicy(least=1, most=5, up_after_ms=5_000, down_after_ms=60_000)
IDLE = Standing(status=WorkerStatus.online, is_silent=False, unsent=0, quiet_s=0)
BUSY = IDLE._replace(live=1)
TOLD = IDLE._replace(status=WorkerStatus.draining)
DRAINED = IDLE._replace(is_draining=True)
SILENT = BUSY._replace(is_silent=True)
RESTART = Intention("w-1", FleetAction.restart, "one", NOW, "manager", until=NOW)
REMOVE = Intention("w-1", FleetAction.remove, "one", NOW, "orchestrator")
ONE = Instance("w-1", "one", is_ready=True)


def look(*instances: Instance, replicas: int = 2) -> FleetLook:
    return FleetLook(replicas, "v1", instances)


def next_of(intention: Intention, *instances: Instance, standing: Standing = IDLE, now: datetime = NOW) -> list[Step]:
    return steps_of_intentions(look(*instances), [intention], {"w-1": standing}, now, ends_agents=True)


@pytest.mark.parametrize(
    ("worker_id", "place"),
    [("w-0", 0), ("w-12", 12), ("w-01", None), ("w-", None), ("w", None), ("other-1", None), ("w-1-1", None)],
)
def test_the_place_of_a_worker_is_in_its_name(worker_id: str, place: int | None) -> None:
    assert place_of(worker_id, "w") == place


def test_an_instance_is_written_down_before_it_is_ended_and_another_one_is_never_ended_in_its_place() -> None:
    unbound = replace(RESTART, instance=None)
    assert next_of(unbound, ONE) == [Bind(unbound, ONE)]
    assert next_of(RESTART, ONE) == [End(RESTART, ONE)]
    assert next_of(RESTART, ONE._replace(is_ending=True)) == []
    assert next_of(RESTART) == []
    assert next_of(RESTART, ONE._replace(instance="two")) == [Finish(RESTART)]
    assert next_of(unbound) == [Finish(unbound)]


@pytest.mark.parametrize(
    ("standing", "until", "now", "ends"),
    [
        (BUSY, LATER, NOW, False),
        (BUSY, NOW, NOW, False),
        (BUSY._replace(is_draining=True), NOW, NOW, True),
        (BUSY, NOW, LATER, True),
        (BUSY._replace(is_draining=True), None, LATER, False),
        (DRAINED, None, NOW, True),
        (SILENT, None, LATER, False),
        (SILENT, LATER, NOW, False),
        (SILENT, NOW, LATER, True),
        (SILENT._replace(live=0), None, NOW, True),
    ],
)
def test_a_restart_waits_for_attempts_until_its_time_and_then_for_the_worker_to_hear_of_it(
    standing: Standing, until: datetime | None, now: datetime, ends: bool
) -> None:
    intention = replace(RESTART, until=until)
    assert next_of(intention, ONE, standing=standing, now=now) == ([End(intention, ONE)] if ends else [])


def test_where_agents_outlive_their_worker_nobody_waits() -> None:
    steps = steps_of_intentions(look(ONE), [RESTART], {"w-1": BUSY}, NOW, ends_agents=False)
    assert steps == [End(RESTART, ONE)]


@pytest.mark.parametrize(
    ("size", "intentions", "standing", "steps"),
    [
        (2, [], IDLE, []),
        (4, [], IDLE, [Scale(4, "v1", 2)]),
        (1, [], IDLE, [Drain("w-1", ONE)]),
        (1, [REMOVE], BUSY, [Drain("w-1", ONE)]),
        (1, [REMOVE], IDLE, [Drain("w-1", ONE)]),
        (1, [REMOVE], TOLD._replace(live=1), []),
        (1, [REMOVE], TOLD, [Scale(1, "v1", 2, gives_up=REMOVE)]),
        (1, [REMOVE], TOLD._replace(unsent=3), []),
        (1, [REMOVE], TOLD._replace(unsent=None), []),
        (1, [REMOVE], TOLD._replace(unsent=None, is_silent=True, quiet_s=60), []),
        (1, [REMOVE], TOLD._replace(unsent=3, is_silent=True, quiet_s=60), []),
        (1, [REMOVE], TOLD._replace(unsent=3, is_silent=True, quiet_s=3_600), [Scale(1, "v1", 2, gives_up=REMOVE)]),
        (1, [REMOVE], TOLD._replace(is_silent=True, quiet_s=60), [Scale(1, "v1", 2, gives_up=REMOVE)]),
        (1, [REMOVE], UNKNOWN, [Scale(1, "v1", 2, gives_up=REMOVE)]),
        (2, [REMOVE], IDLE, [Finish(REMOVE)]),
        (3, [REMOVE], IDLE, [Finish(REMOVE), Scale(3, "v1", 2)]),
        (1, [RESTART], IDLE, []),
    ],
)
def test_places_are_given_up_from_the_last_one_and_only_after_their_drain(
    size: int, intentions: list[Intention], standing: Standing, steps: list[Step]
) -> None:
    assert steps_of_size(look(ONE), size, intentions, {"w-1": standing}, "w") == steps


def test_a_place_behind_which_somebody_has_put_others_is_not_given_up() -> None:
    assert steps_of_size(look(ONE, replicas=4), 1, [REMOVE], {"w-1": IDLE}, "w") == [Finish(REMOVE)]


def test_a_worker_is_gone_for_good_only_if_there_is_neither_a_place_nor_an_instance_nor_a_sign_of_life() -> None:
    gone = Standing(live=1)
    standings = dict.fromkeys(("w-0", "w-1", "w-2", "stranger"), gone) | {"w-3": BUSY}
    assert steps_of_absence(look(ONE, replicas=1), standings, (), "w") == [Retire("w-2")]
    standings["w-2"] = Standing()
    assert steps_of_absence(look(replicas=1), standings, {"w-1", "w-2"}, "w") == [Retire("w-1")]


def test_where_the_size_never_changes_nobody_is_gone_for_good_and_no_place_is_given_up() -> None:
    fixed = look(ONE, replicas=1)._replace(version=None)
    assert steps_of_absence(fixed, {"w-9": Standing(live=1)}, (), "w") == []
    assert steps_of_size(fixed, 0, [], {}, "w") == []


def line(waiting: int = 1, age_s: float = 60, **demand: str) -> Line:
    return Line(Demand(**demand), waiting, NOW - timedelta(seconds=age_s), "task")


def a_worker(number: int, slots: int = 1) -> Worker:
    return Worker(f"w-{number}", WorkerStatus.online, frozenset({"fast"}), frozenset(), slots, {})


def test_only_what_the_fleet_could_take_calls_for_more_of_it() -> None:
    tagged = Line(Demand(tags=frozenset({"gpu"})), 9, NOW, "task")
    backoff = Line(Demand(), 9, None, None)
    fleet = [a_worker(0)]
    assert pressure([line(2), line(3, 120), tagged, backoff], fleet, NOW) == Pressure(5, 120_000)
    assert pressure([line(worker_id="other")], fleet, NOW) == Pressure()
    assert pressure([line(worker_id="other"), tagged], [], NOW).waiting == 9


@pytest.mark.parametrize(
    ("waiting", "live", "slots", "workers"),
    [(0, 0, 1, 1), (1, 2, 1, 3), (9, 0, 4, 3), (0, 3, 4, 1), (99, 0, 1, 5)],
)
def test_as_many_workers_are_needed_as_the_work_has_slots_within_the_bounds(
    waiting: int, live: int, slots: int, workers: int
) -> None:
    assert needed(waiting, live, slots, POLICY) == workers


def test_more_workers_come_once_work_has_waited_and_at_once_where_there_is_none() -> None:
    history = remembered(History(0), 4, 0, POLICY)
    young, old = Pressure(3, 4_999), Pressure(3, 5_000)
    assert target(1, 4, young, history, 0, POLICY) == 1
    assert target(1, 4, old, history, 0, POLICY) == 4
    assert target(0, 4, young, history, 0, replace(POLICY, least=0)) == 4


def test_fewer_workers_are_enough_only_after_a_quiet_time() -> None:
    history = History(0)
    for second, want in ((0, 4), (10, 2), (59, 1)):
        history = remembered(history, want, second, POLICY)
        assert target(4, want, Pressure(), history, second, POLICY) == 4
    history = remembered(history, 1, 61, POLICY)
    assert target(4, 1, Pressure(), history, 61, POLICY) == 2
    history = remembered(history, 1, 71, POLICY)
    assert target(2, 1, Pressure(), history, 71, POLICY) == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"fleet": "local", "fleet_socket": "s", "fleet_autoscale": True}, "FLEET_AUTOSCALE needs FLEET=kubernetes"),
        ({"fleet": "local"}, "FLEET_SOCKET is needed"),
        ({"fleet_min_workers": 3, "fleet_max_workers": 2}, "FLEET_MIN_WORKERS must not be above FLEET_MAX_WORKERS"),
    ],
)
def test_settings_of_a_fleet_that_cannot_be_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings.model_validate(settings)


@given(wants=st.lists(st.integers(1, 5), min_size=1, max_size=200), every_s=st.integers(1, 30))
def test_the_size_never_goes_below_what_was_needed_within_the_quiet_time(wants: list[int], every_s: int) -> None:
    history, active = History(0), 1
    for tick, want in enumerate(wants):
        now = float(tick * every_s)
        history = remembered(history, want, now, POLICY)
        before, active = active, target(active, want, Pressure(want, 10_000), history, now, POLICY)
        window = [w for at, w in enumerate(wants[: tick + 1]) if at * every_s >= now - 60]
        assert POLICY.least <= active <= POLICY.most
        assert active >= want
        assert active >= min(before, max(window))
        assert [one.replicas for one in history.kept] == sorted({one.replicas for one in history.kept}, reverse=True)
