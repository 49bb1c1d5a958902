"""What becomes of a request for collaboration: by its helper's responses, and by the end of the linked task."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from contracts.decided import DecidedEvent, DecidedKind
from contracts.events import CollaborationResponseEvent
from contracts.questions import CollaborationStatus, QuestionKind, QuestionState, RespondToCollaboration
from question_broker.domain import Link, Question

ENDINGS = {
    DecidedKind.task_completed: "has completed without a response",
    DecidedKind.task_failed: "failed",
    DecidedKind.task_cancelled: "was cancelled",
    DecidedKind.task_timed_out: "timed out",
}


class Standing(StrEnum):
    """What a response is worth."""

    current = "current"
    """It comes from the attempt that works on the request."""
    early = "early"
    """The news of the attempt that it comes from is still on its way."""
    late = "late"
    """The request is closed."""
    stale = "stale"
    """It comes from an attempt that lost the linked task."""
    foreign = "foreign"
    """There is no such request, or it is none of this worker's concern."""


def standing_of(event: CollaborationResponseEvent, question: Question | None) -> Standing:
    """Judge a response by the request that it names (None: there is none)."""
    if question is None or question.kind is not QuestionKind.collaboration_request or event.task_id is None:
        return Standing.foreign
    if question.linked_task_id not in {None, event.task_id} or event.worker_id == question.worker_id:
        return Standing.foreign
    if question.state is not QuestionState.open:
        return Standing.late
    known, attempt = question.helper_attempt or 0, event.attempt or 0
    if attempt == known and event.worker_id == question.helper_worker:
        return Standing.current
    if attempt > known:
        return Standing.early
    return Standing.stale if attempt < known else Standing.foreign


def respond(question: Question, said: RespondToCollaboration, now: datetime) -> Question:
    """The request after a response of its helper: closed, unless it only says that work has begun."""
    if said.status is CollaborationStatus.accepted:
        return question
    by = question.helper_worker or "system"
    if said.status is CollaborationStatus.declined:
        return question.helped(f"declined: {said.response or 'no reason given'}", tuple(said.findings), by, now)
    return question.helped(said.response or "completed", tuple(said.findings), by, now)


def links_of(news: Iterable[DecidedEvent]) -> list[Link]:
    """The newest attempt at each request for collaboration of which the news speaks."""
    newest: dict[str, Link] = {}
    for event in news:
        if event.question_id and event.task_id and event.kind in {DecidedKind.task_queued, DecidedKind.task_assigned}:
            link = Link(event.question_id, event.task_id, event.attempt or 0, event.worker_id)
            known = newest.setdefault(link.question_id, link)
            newest[link.question_id] = max(known, link, key=lambda one: one.attempt)
    return [newest[question_id] for question_id in sorted(newest)]


def ends_of(news: Iterable[DecidedEvent]) -> dict[str, DecidedEvent]:
    """By request: the news that the task made for it has ended, or was not made."""
    final = {*ENDINGS, DecidedKind.task_refused}
    return {event.question_id: event for event in news if event.question_id and event.kind in final}


def closed_by_end(question: Question, event: DecidedEvent, now: datetime) -> Question:
    """The request whose linked task has ended and that is still open: its own account, or why there is none."""
    by = question.helper_worker or "system"
    overview, reason = event.data.get("overview"), event.data.get("reason")
    if event.kind is DecidedKind.task_completed and overview:
        return question.helped(str(overview), (), by, now)
    if event.kind is DecidedKind.task_refused:
        return question.helped(f"nobody was asked: {reason}", (), "system", now)
    ended = f"the helper's task {event.task_id} {ENDINGS[event.kind]}"
    return question.helped(f"{ended}: {reason}" if reason else ended, (), by, now)
