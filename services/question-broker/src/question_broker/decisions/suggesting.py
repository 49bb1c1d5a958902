"""Answers to earlier questions, as suggestions for one that is open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz, utils

from contracts.questions import Suggestion

LEAST_SIMILAR = 55.0
MOST = 3
COMPARED = 2_000
"""Characters of a question that are compared."""
TOLD = 500


@dataclass(frozen=True, slots=True)
class Earlier:
    """A question that a person has answered."""

    question_id: str
    question: str
    answer: str
    answered_by: str | None


def suggestions(question: str, earlier: Sequence[Earlier]) -> list[Suggestion]:
    """The answers to the questions most like this one, best first; equal answers are one, and counted.

    `earlier` is in order, the newest first: of equally similar ones the newest is shown.
    """
    asked = _prepared(question)
    alike = [(_similarity(asked, one.question), one) for one in earlier]
    best: dict[str, tuple[float, Earlier]] = {}
    times: dict[str, int] = {}
    for similarity, one in alike:
        if similarity < LEAST_SIMILAR:
            continue
        key = " ".join(one.answer.casefold().split())
        times[key] = times.get(key, 0) + 1
        if key not in best or similarity > best[key][0]:
            best[key] = similarity, one
    ranked = sorted(best, key=lambda key: (-best[key][0], -times[key]))
    return [_suggestion(*best[key], times[key]) for key in ranked[:MOST]]


def by_question(
    questions: Iterable[tuple[str, str]], earlier: Iterable[tuple[str, Earlier]]
) -> dict[str, list[Suggestion]]:
    """`suggestions` for several (id, question); `earlier` says to which of them each is a candidate."""
    candidates: dict[str, list[Earlier]] = {}
    for question_id, one in earlier:
        candidates.setdefault(question_id, []).append(one)
    return {
        question_id: suggestions(question, candidates[question_id])
        for question_id, question in questions
        if question_id in candidates
    }


def _similarity(asked: str, question: str) -> float:
    """0 to 100: half for the words that both share, half for how much of each is shared."""
    other = _prepared(question)
    return (fuzz.token_set_ratio(asked, other) + fuzz.token_sort_ratio(asked, other)) / 2


def _prepared(text: str) -> str:
    return utils.default_process(text[:COMPARED])


def _suggestion(similarity: float, one: Earlier, times: int) -> Suggestion:
    return Suggestion(
        answer=one.answer,
        question_id=one.question_id,
        question=one.question[:TOLD],
        similarity_percent=round(similarity, 1),
        answered_by=one.answered_by,
        times=times,
    )
