"""A real Prometheus watches a running system: every panel and every rule has data, and nothing alarms."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.observability.catalogue import read
from deploy.observability.generated import CHART, METRICS
from tests.support.audit_projects import SMALL, write_project
from tests.support.mews import END_WITHIN_S, ROOT, START_WITHIN_S, Manager, System, manager, new_home, parsed
from tests.support.prometheus import NoPrometheus, Prometheus, program, promtool, running_prometheus
from tests.support.promql import metrics_in, panel_queries, rule_expressions
from tests.support.repositories import commit_all, new_repository
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

FAULTS = {
    "mews_bus_publish_failures_total": "a message that JetStream does not take",
    "mews_claims_disagreed_total": "an agent that claims what does not hold",
    "mews_dead_letters_total": "a message that nobody understands",
    "mews_loop_failures_total": "a loop that crashes",
    "mews_rate_limited_total": "a caller that asks too much",
    "mews_authentication_failures_total": "a caller with a wrong credential",
    "mews_reports_refused_total": "a report that comes too late",
    "mews_workspaces_removed_total": "a workspace that is old",
}
"""Series that come into being with the first fault, or much later: their panels are empty until then."""
ONLY_WITH_FAULTS = {
    "mews-task-flow: HTTP errors (1)": "an answer 5xx",
    "mews-slo: Failed (1)": "a call that fails through the platform's fault",
}
ID = re.compile(r"(?:task|q|attempt|run|evt|cmd)-[0-9a-f]{8}|[0-9a-f]{8}-[0-9a-f]{4}-7")
"""How ids of single things look; workers' names are their own pods'."""
RANGES = {"$__rate_interval": "1m", "$__range": "5m", "$namespace": ".*", "$worker": ".*"}
ENVIRONMENT = {"ANTHROPIC_API_KEY": "sk-any", "QUALITY_METRICS_MS": "1000", "METRICS_TICK_MS": "1000"}
# It says what the real program said in a recorded run, and so uses tokens and costs money.
CLAUDE = """#!/bin/sh
[ "$1" = --version ] && echo "2.0.0 (Claude Code)" && exit 0
exec cat "$(dirname "$0")/work.jsonl"
"""


@dataclass(frozen=True)
class Watched:
    """A running system, and the Prometheus that watches it."""

    system: System
    prometheus: Prometheus


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One of each, for all tests here; tasks have been done."""
    try:
        program("prometheus")
    except NoPrometheus as reason:
        pytest.skip(str(reason))
    folder = tmp_path_factory.mktemp("observability")
    # In the home, since that is what the sandbox lets programs read of /tmp.
    agents = _agents(folder / "mews" / "agents")
    with new_home(folder / "mews", ENVIRONMENT | {"AGENT_PATH": str(agents)}) as system:
        parsed(system.mews("up", "--detach", "--workers", "2", "--json", within=START_WITHIN_S))
        rules = ("--rules", str(CHART / "rules" / "*.yaml"))
        config = parsed(system.mews("prometheus-config", "--every", "1", *rules))
        with running_prometheus(folder, config) as prometheus:
            asyncio.run(_work(system, prometheus, folder))
            yield Watched(system, prometheus)


def _agents(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "claude").write_text(CLAUDE)
    (folder / "claude").chmod(0o755)
    shutil.copy(ROOT / "tests" / "transcripts" / "claude" / "work.jsonl", folder)
    return folder


async def _work(system: System, prometheus: Prometheus, folder: Path) -> None:
    """Tasks of each kind, some while Prometheus looks on, so that what they count is seen growing."""
    await eventually(lambda: prometheus.ready, START_WITHIN_S)
    project = write_project(folder / "shop", SMALL)
    repository = new_repository(folder / "repository")
    (repository / "README.md").write_text("Greetings\n")
    commit_all(repository, "Begin")
    place: dict[str, Any] = {"repository": str(repository)}
    async with manager(system) as boss:
        await _done(boss, place | {"agent": "claude", "verify": ["true"]})
        await _scraped(prometheus)
        await _done(boss, place | {"agent": "claude", "verify": ["false"]})
        await _done(boss, {"agent": "auditor", "repository": str(project)})
        await boss.call("list_tasks")
        await boss.call("performance_report")
        text, structure = await boss.ask("monitor_task", task_id="task-none")
        assert structure is None, text


async def _done(boss: Manager, requirements: dict[str, Any]) -> None:
    task_id = await boss.assign("Do the usual", requirements=requirements, max_attempts=1)
    ended = asyncio.ensure_future(boss.ended(task_id))
    while not ended.done():
        for question in (await boss.call("list_questions"))["questions"]:
            await boss.call("answer_worker_question", question_id=question["question_id"], answer="standard")
        await asyncio.wait([ended], timeout=0.5)
    assert ended.result()["state"] in {"completed", "failed"}


async def _scraped(prometheus: Prometheus) -> None:
    """Return when Prometheus has seen what was counted until now."""

    async def seen() -> bool:
        return bool(prometheus.query("mews_cost_usd_total > 0"))

    await eventually(seen, END_WITHIN_S)


def test_each_target_is_reached(watched: Watched) -> None:
    targets = watched.prometheus.ask("targets")["activeTargets"]
    assert {(target["labels"]["job"], target["health"]) for target in targets} == {
        (f"mews-{name}", "up")
        for name in ("orchestrator", "telemetry-ingest", "analytics-query", "question-broker", "mcp-gateway", "worker")
    }
    assert len(targets) == 7


async def test_each_panel_has_data_but_those_that_tell_of_faults(watched: Watched) -> None:
    def empty() -> dict[str, str]:
        return {one.place: one.expr for one in panel_queries() if not watched.prometheus.query(_filled(one.expr))}

    def explained(place: str, expr: str) -> bool:
        return place in ONLY_WITH_FAULTS or bool(metrics_in(expr).keys() & FAULTS.keys())

    def unexplained() -> dict[str, str]:
        return {place: expr for place, expr in empty().items() if not explained(place, expr)}

    try:
        await eventually(lambda: not unexplained(), END_WITHIN_S)
    except AssertionError:
        pytest.fail(f"without data: {unexplained()}")
    documented = read(METRICS.read_text())
    assert FAULTS.keys() <= documented.keys()


async def test_each_rule_is_evaluated_and_those_that_record_have_data(watched: Watched) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule for group in watched.prometheus.ask("rules")["groups"] for rule in group["rules"]]

    await eventually(lambda: all(rule["health"] == "ok" for rule in rules()), END_WITHIN_S)
    recorded = {rule["name"] for rule in rules() if rule["type"] == "recording"}
    await eventually(lambda: all(watched.prometheus.query(name) for name in recorded), END_WITHIN_S)
    assert {rule["name"] for rule in rules()} == {used.place for used in rule_expressions()}


def test_a_healthy_system_raises_no_alert(watched: Watched) -> None:
    firing = [one["labels"] for one in watched.prometheus.ask("alerts")["alerts"] if one["state"] == "firing"]
    assert firing == []


def test_what_the_services_show_is_what_the_page_says(watched: Watched) -> None:
    shown = watched.prometheus.ask("metadata")
    found = {name: entries[0]["type"] for name, entries in shown.items() if name.startswith("mews_")}
    assert found == {name: metric.type for name, metric in read(METRICS.read_text()).items()}


def test_no_label_names_a_single_task_question_or_event(watched: Watched) -> None:
    series = watched.prometheus.ask("series", **{"match[]": '{__name__=~"mews_.+"}'})
    assert [one for one in series if any(ID.search(value) for value in one.values())] == []
    assert [one for one in series if any(value in {"worker-1", "worker-2"} for value in one.values())] == []
    assert len(series) < 10_000


def test_prometheus_has_nothing_against_how_metrics_are_named(watched: Watched) -> None:
    for target in watched.prometheus.ask("targets")["activeTargets"]:
        text = httpx.get(target["scrapeUrl"], trust_env=False).text
        ours = "".join(line + "\n" for line in text.splitlines() if "mews_" in line)
        checked = promtool("check", "metrics", given=ours)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def _filled(expr: str) -> str:
    for variable, value in RANGES.items():
        expr = expr.replace(variable, value)
    return expr
