"""Progress and plans of an attempt: checked against what was said before, then recorded, then kept."""

from contracts.events.planning import Plan, PlanStepUpdate
from contracts.events.recovery import Completion
from contracts.events.reporting import Progress
from worker_agent.decisions.plans import check_completion, with_plan, with_step
from worker_agent.decisions.progress import check_progress
from worker_agent.handlers.attempt import Attempt
from worker_agent.handlers.reports import Recorded


async def report_progress(attempt: Attempt, body: Progress) -> Recorded:
    """Say where the work stands. Raises ProgressBackwards."""
    attempt.reporter.check(body)
    check_progress(body, attempt.percent)
    done = await attempt.reporter.report("progress", body)
    attempt.progressed(body)
    return done


async def report_plan(attempt: Attempt, body: Plan) -> Recorded:
    """Say how the work will be done. Raises PlanUnusable."""
    attempt.reporter.check(body)
    with_plan(attempt.record.plans, body)
    done = await attempt.reporter.report("plan", body)
    await attempt.update(plans=with_plan(attempt.record.plans, body))
    return done


async def update_plan_step(attempt: Attempt, body: PlanStepUpdate) -> Recorded:
    """Say where a step stands. Raises StepUnknown."""
    attempt.reporter.check(body)
    with_step(attempt.record.plans, body)
    done = await attempt.reporter.report("plan_step", body)
    await attempt.update(plans=with_step(attempt.record.plans, body))
    return done


async def report_completion(attempt: Attempt, body: Completion) -> Recorded:
    """Say that the work is finished. Raises PlanOpen."""
    attempt.reporter.check(body)
    check_completion(attempt.record.plans, body)
    done = await attempt.reporter.report("completion", body)
    await attempt.claim(body)
    return done
