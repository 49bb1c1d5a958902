"""What workers decide, claim and ask."""

from collections.abc import Iterator
from math import sqrt

from tests.integration.figures.entries import NOTHING, Entry, Expected, Figure, Metric, Window, entries, quantile, total
from tests.integration.figures.entries import share as share_of
from tests.integration.figures.resources import Z
from tests.integration.figures.tasks import ATTEMPTS, COMPLETED, ended_attempts
from tests.integration.figures.world import SYSTEM, Attempt, Json, Scope, World, ms_of


def with_decision(*ends: str) -> Metric:
    """Attempts with a decision of a type, at their end."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt, at in ended_attempts(world, *ends):
            types = frozenset(("decision", one["body"]["decision_type"]) for one in attempt.of("decision"))
            yield Entry(at, types, 1)

    return metric


WITH, WITH_COMPLETED = with_decision(), with_decision("completed")


def others(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """How many attempts without such a decision completed."""
    ended = len(entries(world, ATTEMPTS, SYSTEM, window)) - len(entries(world, WITH, scope, window))
    done = len(entries(world, COMPLETED, SYSTEM, window)) - len(entries(world, WITH_COMPLETED, scope, window))
    return Expected(100 * done / ended, ended) if ended else NOTHING


def decisions(world: World) -> Iterator[Entry]:
    """Decisions when they were made."""
    for one in world.events:
        if one["kind"] == "decision":
            yield Entry(one["ms"], frozenset([("decision", one["body"]["decision_type"])]), 1)


def alternatives(world: World) -> Iterator[Entry]:
    """Options that they rejected."""
    for one in world.events:
        if one["kind"] == "decision":
            groups = frozenset([("decision", one["body"]["decision_type"])])
            yield Entry(one["ms"], groups, len(one["body"].get("alternatives", [])))


def confidence(world: World) -> Iterator[Entry]:
    """How sure they were."""
    for one in world.events:
        if one["kind"] == "decision" and one["body"].get("confidence_percent") is not None:
            groups = frozenset([("decision", one["body"]["decision_type"])])
            yield Entry(one["ms"], groups, one["body"]["confidence_percent"])


def _meant(text: str | None) -> str:
    return " ".join((text or "").split()).casefold().rstrip(".")


def reversals(world: World) -> Iterator[Entry]:
    """Decisions that take back an earlier one of their attempt and type."""
    for attempt in world.attempts:
        made = [one for one in attempt.of("decision") if attempt.about]
        for place, one in enumerate(made):
            earlier = [other["body"] for other in made[:place] if _same_type(other, one)]
            if _takes_back(one["body"], earlier):
                yield Entry(one["ms"], frozenset([("decision", one["body"]["decision_type"])]), 1)


def _same_type(one: Json, other: Json) -> bool:
    return one["body"]["decision_type"] == other["body"]["decision_type"]


def _takes_back(body: Json, earlier: list[Json]) -> bool:
    """It decides otherwise about what was decided, or chooses what was rejected when it was last considered."""
    chosen, subject = _meant(body["chosen_option"]), _meant(body.get("description"))
    before = [_meant(one["chosen_option"]) for one in earlier if subject and _meant(one.get("description")) == subject]
    if before and before[-1] != chosen:
        return True
    considered = [_meant(one["chosen_option"]) == chosen for one in earlier if _considers(one, chosen)]
    return bool(considered) and not considered[-1]


def _considers(body: Json, option: str) -> bool:
    return option in {_meant(text) for text in (body["chosen_option"], *body.get("alternatives", []))}


def _claims(world: World) -> Iterator[tuple[Attempt, int, bool]]:
    """Claims that could be checked, when they count, and whether they held."""
    for attempt, at in ended_attempts(world):
        outcome = attempt.outcome or {}
        verified = outcome.get("verified")
        if outcome.get("claimed") and (outcome.get("observed") or verified):
            failed = outcome["claimed"]["status"] == "completed" and verified and not verified["passed"]
            yield attempt, at, not outcome.get("discrepancies") and not failed


def claims(*held: bool) -> Metric:
    """Claims that were checked, and held or not."""

    def metric(world: World) -> Iterator[Entry]:
        return (Entry(at, attempt.groups, 1) for attempt, at, agreed in _claims(world) if agreed in held)

    return metric


def verified(*passed: bool) -> Metric:
    """Attempts that were verified, by whether that passed."""

    def metric(world: World) -> Iterator[Entry]:
        for attempt, at in ended_attempts(world):
            said = (attempt.outcome or {}).get("verified")
            if said and said["passed"] in passed:
                yield Entry(at, attempt.groups, 1)

    return metric


CHECKED, AGREED = claims(True, False), claims(True)


def trust(world: World, scope: Scope, window: Window, _evidence: str | None) -> Expected:
    """The lower end of Wilson's interval of claims that held."""
    n, agreed = (len(entries(world, metric, scope, window)) for metric in (CHECKED, AGREED))
    if not n:
        return NOTHING
    p = agreed / n
    low = (p + Z**2 / 2 / n - Z * sqrt(p * (1 - p) / n + Z**2 / 4 / n**2)) / (1 + Z**2 / n)
    return Expected(100 * low, n)


def questions(*states: str) -> Metric:
    """Questions when they were asked, or closed so."""

    def metric(world: World) -> Iterator[Entry]:
        for one in world.news:
            state = "asked" if one["kind"] == "question.asked" else one["data"].get("state")
            if one["kind"].startswith("question.") and state in states:
                yield Entry(one["ms"], _asker(one), 1)

    return metric


def answer_ms(world: World) -> Iterator[Entry]:
    """From asked to answered."""
    for one in world.news:
        if one["kind"] == "question.answered":
            yield Entry(one["ms"], _asker(one), max(one["ms"] - ms_of(one["data"]["asked_at"]), 0))


def _asker(one: Json) -> frozenset[Scope]:
    return frozenset([SYSTEM, ("worker", one["worker_id"]), ("question", one["data"]["question_type"])])


AUTO, BY_PERSON = questions("auto_answered"), questions("answered")
EXPIRED, WITHDRAWN = questions("expired"), questions("withdrawn")

FIGURES: dict[str, Figure] = {
    "decision_success_rate": share_of([WITH_COMPLETED], [WITH]),
    "others_success_rate": others,
    "trust_score": trust,
    "claims_agreed_rate": share_of([AGREED], [CHECKED]),
    "claims_checked": total(CHECKED),
    "claims_disagreed": total(claims(False)),
    "verification_pass_rate": share_of([verified(True)], [verified(True, False)]),
    "questions_asked": total(questions("asked")),
    "auto_answer_rate": share_of([AUTO], [AUTO, BY_PERSON]),
    "question_expiry_rate": share_of([EXPIRED], [AUTO, BY_PERSON, EXPIRED, WITHDRAWN]),
    "answer_time_p50": quantile(answer_ms, 0.5),
    "answer_time_p95": quantile(answer_ms, 0.95),
}
