"""What attempts came to, counted once each: time, tokens, cost, and whether what was claimed held."""

from collections import Counter
from collections.abc import Iterable

from contracts.events.recovery import Outcome, OutcomeStatus
from orchestrator.handlers.counting import ATTEMPT_SECONDS, COST, DISAGREED, OUTCOMES, TOKENS
from servicekit.metrics import Bounded

NONE = "none"
_SECONDS = {status: ATTEMPT_SECONDS.labels(status.value) for status in OutcomeStatus}
# Both come from workers, who may say anything.
_agents, _models = Bounded(), Bounded()


def count_outcomes(outcomes: Iterable[Outcome]) -> None:
    """Count attempts whose end was told; call it once their transaction is committed."""
    alike: Counter[tuple[str, str, str]] = Counter()
    for outcome in outcomes:
        seconds = (outcome.ended_at - outcome.started_at).total_seconds()
        _SECONDS[outcome.status].observe(max(0.0, seconds))
        agent = _agents.of(outcome.observed.agent if outcome.observed else NONE)
        alike[agent, _claimed(outcome), _verified(outcome)] += 1
        if outcome.discrepancies:
            DISAGREED.labels(agent).inc()
        _count_usage(outcome, agent)
    for labels, many in alike.items():
        OUTCOMES.labels(*labels).inc(many)


def _count_usage(outcome: Outcome, agent: str) -> None:
    seen = outcome.observed
    if seen is None or not (seen.tokens_input or seen.tokens_output or seen.cost_usd):
        return
    model = _models.of(seen.model or NONE)
    used = {"input": seen.tokens_input, "output": seen.tokens_output, "cached": seen.tokens_cached}
    for kind, tokens in used.items():
        TOKENS.labels(agent, model, kind).inc(tokens)
    COST.labels(agent, model).inc(seen.cost_usd)


def _claimed(outcome: Outcome) -> str:
    return outcome.claimed.status.value if outcome.claimed else NONE


def _verified(outcome: Outcome) -> str:
    if outcome.verified is None:
        return NONE
    return "passed" if outcome.verified.passed else "failed"
