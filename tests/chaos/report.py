"""What is told of a run: what was injected, what came of it, and what did not hold."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from tests.chaos.evidence import Evidence
from tests.chaos.invariants import INVARIANTS
from tests.chaos.plan import Injection, Plan
from tests.chaos.rounds import Outcome

SHOWN = 12


def as_json(outcome: Outcome) -> dict[str, Any]:
    """One round, for a file."""
    evidence, plan = outcome.evidence, outcome.plan
    return {
        "seed": plan.seed,
        "took_s": outcome.took_s,
        "calm_s": outcome.calm_s,
        "skew": plan.skew,
        "figures": figures(evidence),
        "injected": [asdict(one) for one in sorted(evidence.injected, key=lambda one: one.begun_at)],
        "stops": [asdict(one) for one in evidence.stops],
        "ends": [asdict(one) for one in evidence.ends],
        "invariants": list(INVARIANTS),
        "violations": [asdict(one) for one in outcome.violations],
    }


def figures(e: Evidence) -> dict[str, Any]:
    """How much there was."""
    did = Counter(line["did"] for run in e.runs for line in run.lines)
    mine = set(e.told.assigned.values())
    return {
        "tasks": len(e.told.assigned),
        "tasks_by_state": dict(Counter(task.status for task in e.tasks if task.task_id in mine)),
        "attempts": len(e.attempts),
        "attempts_by_state": dict(Counter(attempt.state for attempt in e.attempts)),
        "agents_run": len(e.runs),
        "reports_acknowledged": did["acked"],
        "reports_refused": did["refused"],
        "reports_unclear": did["unclear"],
        "turned_away": did["turned_away"],
        "events": len(e.logged),
        "stale_events": sum(event.stale for event in e.logged),
        "audit_entries": len(e.audit),
        "questions": len(e.questions),
        "questions_by_state": dict(Counter(question.state for question in e.questions)),
        "answers_acknowledged": sum(len(answers) for answers in e.told.answered.values()),
        "manager_retries": e.told.retries,
        "faults": dict(Counter(f"{one.fault}" for one in e.injected)),
        "old_things_forgotten": sum(not one.stays and not one.is_there for one in e.aged),
        "processes_ended": len(e.ends),
        "looks_at_readiness": len(e.looks),
        "looks_not_ready": sum(look.status not in (200, None) for look in e.looks),
    }


def as_text(outcome: Outcome) -> str:
    """One round, for a person."""
    said = figures(outcome.evidence)
    lines = [f"seed {outcome.plan.seed}: {outcome.took_s:.0f} s, calm after {outcome.calm_s:.0f} s"]
    lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in said.items()]
    broken = Counter(violation.invariant for violation in outcome.violations)
    if not broken:
        return "\n".join([*lines, f"  all {len(INVARIANTS)} invariants hold"])
    for name, times in broken.items():
        lines.append(f"  {name} does not hold, {times} times:")
        mine = [violation.what for violation in outcome.violations if violation.invariant == name]
        lines += [f"    {what}" for what in mine[:SHOWN]]
    return "\n".join(lines)


def schedule(plan: Plan) -> str:
    """A plan, for a person."""
    head = f"seed {plan.seed}: {plan.faults_s:.0f} s of faults"
    skewed = [f"  all the time   clock of {plan.skew[0]} off by {plan.skew[1]} s"] if plan.skew else []
    return "\n".join([head, *skewed, *(_row(one) for one in plan.injections)])


def _row(one: Injection) -> str:
    lasts = f", {one.lasts_s:.1f} s" if one.lasts_s else ""
    return f"  {one.at_s:7.2f} s  {one.fault:<10}  {one.victim}{lasts}"
