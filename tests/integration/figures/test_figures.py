"""Every figure of every report is what its definition in `docs/analytics.md` makes of the raw events.

A fleet's five days are told to the real service on real servers. Everything that its reports then say of two of these
days is computed a second time, by nothing but the document, numpy and plain Python.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.integration.figures import asking, catalogue, fleet, resources, words
from tests.integration.figures.asking import Answers, Told
from tests.integration.figures.entries import EXACT, Expected, Metric, entries
from tests.integration.figures.world import SYSTEM, World, ms_of
from tests.support.stack import TestNats, TestPostgres, TestRedis, run

DEFINED = catalogue.defined()
KEPT = 1e-6
"""Sums are kept in millionths."""


@pytest.fixture(scope="module")
def answers(postgres: TestPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """One service for all tests of this file: the history is told to it, and everything is asked once."""
    folder = tmp_path_factory.mktemp("figures")
    nats, redis, database = TestNats(folder / "nats"), TestRedis(folder / "redis"), postgres.create()
    nats.start()
    redis.start()
    yield run(asking.answers(nats, database.env("analytics") | nats.env() | redis.env()))
    redis.stop()
    nats.stop()
    postgres.drop(database)


@pytest.fixture(scope="module")
def told(answers: Answers) -> Mapping[str, Sequence[Told]]:
    """By figure, what all reports say of it."""
    found: defaultdict[str, list[Told]] = defaultdict(list)
    for one in answers.figures():
        found[one.figure["name"]].append(one)
    return found


def test_every_figure_of_the_document_is_computed_here_and_no_other() -> None:
    assert set(catalogue.FIGURES) == set(DEFINED)
    assert len(DEFINED) > 150


def test_reports_tell_no_figure_that_the_document_does_not_define(told: Mapping[str, Sequence[Told]]) -> None:
    assert set(told) == set(DEFINED)


def test_nothing_is_computed_here_by_the_code_that_is_checked() -> None:
    room = Path(__file__).parent
    imports = {
        path.name: re.findall(r"^(?:from|import) (analytics_query[\w.]*)", path.read_text(), re.MULTILINE)
        for path in room.glob("*.py")
    }
    used = {name: sorted(modules) for name, modules in imports.items() if modules}
    assert used == {"asking.py": ["analytics_query", "analytics_query.domain.consumers", "analytics_query.settings"]}


@pytest.mark.parametrize("name", DEFINED)
def test_a_figure_is_what_its_definition_makes_of_the_raw_events(
    name: str, answers: Answers, told: Mapping[str, Sequence[Told]]
) -> None:
    wrong = [line for one in told[name] for line in _differences(answers.world, one)]
    assert not wrong, "\n".join(wrong[:20])
    assert any(one.figure.get("value") for one in told[name] if not one.is_point)


def test_how_fast_memory_grew_in_an_attempt_is_told_with_the_interval_of_its_slope(
    answers: Answers, told: Mapping[str, Sequence[Told]]
) -> None:
    of_attempts = [one for one in told["leak_slope_p50"] if one.scope[0] == "attempt"]
    assert of_attempts
    for one in of_attempts:
        [attempt] = [attempt for attempt in answers.world.attempts if one.scope in attempt.groups]
        slope = resources.leak_of(attempt)
        assert slope is not None
        assert (one.figure["low"], one.figure["high"]) == pytest.approx((slope.low, slope.high), rel=EXACT)


def _differences(world: World, one: Told) -> Iterator[str]:
    name, said = one.figure["name"], one.figure
    compute, definition = catalogue.FIGURES[name], DEFINED[name]
    is_best = definition.evidence.startswith("best of")
    expected = compute(world, one.scope, one.window, said.get("evidence") if is_best and one.is_point else None)
    where = f"{one.report}: {name} of {one.scope[0]} {one.scope[1]}"
    enough = (expected.samples or 0) >= definition.minimum or one.is_point
    if not _agrees(said.get("value"), expected if enough else Expected(None)):
        yield f"{where} is told as {said.get('value')}, and is {expected}"
    if expected.samples is not None and said.get("samples", 0) != expected.samples:
        yield f"{where} rests on {said.get('samples', 0)} samples, and has {expected.samples}"
    if said.get("value") is not None and said.get("evidence") != definition.level(expected.evidence):
        yield f"{where} is told as {said.get('evidence')}, and is {expected.evidence}"
    if said["unit"] != definition.unit:
        yield f"{where} is told in {said['unit']}, and is in {definition.unit}"
    if said.get("baseline") is not None and not one.is_task:
        earlier = compute(world, one.scope, asking.before(), expected.evidence)
        if not _agrees(said["baseline"], earlier):
            yield f"{where} is told to have been {said['baseline']}, and was {earlier}"


def _agrees(said: float | None, expected: Expected) -> bool:
    if said is None or expected.value is None:
        return not said and not expected.value
    if expected.least is not None and expected.most is not None:
        slack = EXACT * max(abs(expected.most), 1)
        return expected.least - slack <= said <= expected.most + slack
    return abs(said - expected.value) <= max(expected.accuracy * abs(expected.value), KEPT)


def test_decisions_are_counted_by_type(answers: Answers) -> None:
    for pattern in answers.reports["decisions"]["patterns"]:
        scope = "decision", pattern["decision_type"]
        count = _sum(answers, words.decisions, scope)
        assert pattern["count"] == count
        assert pattern["attempts"] == _sum(answers, words.WITH, scope)
        assert pattern["completed"] == _sum(answers, words.WITH_COMPLETED, scope)
        assert pattern["alternatives_mean"] == pytest.approx(
            _sum(answers, words.alternatives, scope) / count, abs=0.006
        )
        sure = [one.value for one in entries(answers.world, words.confidence, scope, asking.window())]
        assert pattern["confidence_mean"] == pytest.approx(np.mean(sure), abs=0.06)
        assert pattern["reversals"] == _sum(answers, words.reversals, scope)
    assert sum(pattern["reversals"] for pattern in answers.reports["decisions"]["patterns"]) > 1


def test_errors_are_counted_by_severity_type_and_group(answers: Answers) -> None:
    report = answers.reports["errors"]
    severities = ("critical", "error", "warning", "info")
    assert report["by_severity"] == {name: _sum(answers, fleet.errors_of(name), SYSTEM) for name in severities}
    since, until = asking.window()
    seen = [one for one in answers.world.events if one["kind"] == "error"]
    now = [one for one in seen if since <= one["ms"] < until]
    assert report["total"] == len(now)
    kinds = {one["body"]["error_type"] for one in now}
    assert report["by_type"] == {kind: sum(one["body"]["error_type"] == kind for one in now) for kind in kinds}
    # Here the errors of a type differ in nothing but numbers and names: they are one group.
    assert {group["error_type"]: group["count"] for group in report["groups"]} == report["by_type"]
    for group in report["groups"]:
        ours = [one for one in seen if one["body"]["error_type"] == group["error_type"]]
        assert group["tasks_affected"] == len({one["task_id"] for one in ours})
        assert group["workers_affected"] == len({one["worker_id"] for one in ours})
        times = [one["ms"] for one in ours]
        assert (ms_of(group["first_seen"]), ms_of(group["last_seen"])) == (min(times), max(times))


def _sum(answers: Answers, metric: Metric, scope: tuple[str, str]) -> int:
    return round(sum(one.value for one in entries(answers.world, metric, scope, asking.window())))
