"""What the figures of attempts and tasks count for."""

from datetime import datetime

from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.vocabulary import SYSTEM, Dimension, Entity, clipped, joined
from contracts.decided import TaskAbout

NO_REPOSITORY = "-"
NO_CLASS = "default"


def entities_of(key: AttemptKey, document: AttemptDocument) -> list[Entity]:
    """What an attempt's figures count for; nothing before its assignment is known."""
    about = document.lifecycle.about
    if about is None:
        return []
    observed = document.verdict.get("observed") if document.verdict else None
    agent, model = (observed.get("agent"), observed.get("model")) if observed else (None, None)
    return [*_everybody(key.worker_id), *_performers(agent or about.agent, model), *entities_about(about)]


def entities_of_task(document: TaskDocument) -> list[Entity]:
    """What a task's figures count for: its worker, agent and model are those of its last attempt."""
    about = document.about or TaskAbout()
    performer = document.performers.get(performer_name(document.attempt, document.worker_id or ""))
    agent, model = (performer.agent, performer.model) if performer else (None, None)
    return [*_everybody(document.worker_id), *_performers(agent or about.agent, model), *entities_about(about)]


def entities_about(about: TaskAbout) -> list[Entity]:
    """Repository and class of a task."""
    repository, task_class = class_of(about)
    return [(Dimension.repository, repository), (Dimension.task_class, joined(repository, task_class))]


def class_of(about: TaskAbout) -> tuple[str, str]:
    """Repository and class of a task: it is compared with others of both."""
    return clipped(about.repository or NO_REPOSITORY), about.task_class or about.agent or NO_CLASS


def standing(key: AttemptKey, document: AttemptDocument) -> tuple[datetime, str] | None:
    """When, and under which name, an attempt enters its newest values; None: it has none that count."""
    assigned_at = document.lifecycle.assigned_at
    return None if assigned_at is None else (assigned_at, f"{key.task_id}/{key.attempt}")


def performer_name(attempt: int, worker_id: str) -> str:
    """The name of who worked at an attempt, in a task's document."""
    return f"{attempt}/{worker_id}"


def _everybody(worker_id: str | None) -> list[Entity]:
    system = [(Dimension.system, SYSTEM)]
    return [*system, (Dimension.worker, worker_id)] if worker_id else system


def _performers(agent: str | None, model: str | None) -> list[Entity]:
    named = ((Dimension.agent, agent), (Dimension.model, model))
    return [(dimension, name) for dimension, name in named if name]
