"""Reports on single tasks: their documents are credited as the roll-ups are, and compared with tasks of their class."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from analytics_query.decisions.folding.groups import class_of
from analytics_query.decisions.folding.lifecycle import execution_ms
from analytics_query.decisions.folding.progress import phases
from analytics_query.decisions.folding.registry import CREDITS, TASK_CREDITS
from analytics_query.decisions.folding.resources import leak_of
from analytics_query.decisions.ledger import Ledger
from analytics_query.decisions.reports import quality, resources, tasks
from analytics_query.decisions.reports.comparisons import MINIMUM
from analytics_query.decisions.reports.definitions import Definition, Named, Two, figures_of, is_wanted, rounded
from analytics_query.decisions.reports.evident import spread_of
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.reckoned import Reckoned
from analytics_query.decisions.reports.summary import summary_of
from analytics_query.decisions.reports.trust import DEFINITIONS as TRUST
from analytics_query.decisions.reports.trust import disagreement
from analytics_query.decisions.reports.words import counted, duration, entity_name
from analytics_query.decisions.statistics.proportions import Share, wilson
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.domain.documents import AttemptDocument, AttemptKey, TaskDocument
from analytics_query.domain.rollups import Figures, total
from analytics_query.domain.spreads import Spread
from analytics_query.domain.vocabulary import SYSTEM, Dimension, joined
from contracts.analytics import Figure, Finding, Row, Section
from contracts.base import Level
from contracts.decided import TaskAbout

TIME, PHASES = ("execution_time",), ("phases", "execution_time")
RUN = Named("attempt_execution_time", "ms", "running (else assigned) → end", TIME, "lower")
AGAINST_CLASS = Named(
    "class_percentile",
    "percent",
    "100 × share of completed attempts of the same repository and class, in this time and its history, that took no "
    "longer",
    TIME,
    "lower",
    minimum=MINIMUM,
)
PHASE = Named(
    "attempt_phase_time",
    "ms",
    "sum of the times from each report of the phase to the next report",
    PHASES,
    "lower",
    source="progress",
)
PHASE_USUAL = Named(
    "phase_usual",
    "ms",
    "median of `phase_ms` of the same repository and class, in this time and its history",
    PHASES,
    minimum=1,
    source="progress",
)
NAMED = (RUN, AGAINST_CLASS, PHASE, PHASE_USUAL)
SLOW = 95.0
LEAK_SLOPE = "leak_slope_p50"

Attempts = Mapping[AttemptKey, AttemptDocument]
Tasks = Mapping[str, TaskDocument | None]
SHOWN: tuple[Definition, ...] = tuple(
    one
    for one in (*tasks.DEFINITIONS, *resources.DEFINITIONS, *quality.DEFINITIONS, *quality.NEWEST, *TRUST)
    if not one.name.endswith(("_mean", "_p95", "_p99", "_max", "_newest"))
)
"""Of a single task all quantiles are the same."""
OF_ATTEMPT = tuple(one for one in SHOWN if one not in (*tasks.DEFINITIONS, *TRUST))


def figures_of_attempt(key: AttemptKey, document: AttemptDocument) -> Figures:
    """What an attempt counts for in the roll-ups of its worker."""
    ledger = Ledger()
    for credit in CREDITS:
        credit(key, document, ledger)
    return ledger.total(Dimension.worker, key.worker_id)


def figures_of_task(task_id: str, document: TaskDocument | None, attempts: Attempts) -> Figures:
    """What a task and its attempts count for, together."""
    ledger = Ledger()
    if document is not None:
        for credit in TASK_CREDITS:
            credit(document, ledger)
    own = ledger.total(Dimension.system, SYSTEM)
    return total([own, *(figures_of_attempt(key, one) for key, one in attempts.items() if key.task_id == task_id)])


def classes_of(known: Tasks, attempts: Attempts) -> list[str]:
    """The classes of the tasks, as roll-ups name them."""
    return list(
        dict.fromkeys(joined(*class_of(about)) for task_id in known if (about := about_of(task_id, known, attempts)))
    )


def about_of(task_id: str, known: Tasks, attempts: Attempts) -> TaskAbout | None:
    """What a task is about."""
    document = known.get(task_id)
    if document is not None and document.about is not None:
        return document.about
    return next(
        (one.lifecycle.about for key, one in attempts.items() if key.task_id == task_id and one.lifecycle.about), None
    )


def tasks_report(
    known: Tasks, attempts: Attempts, reading: Reading, wanted: Collection[str]
) -> tuple[list[Section], list[str]]:
    """The sections of a report on tasks, and its summary."""
    sections: list[Section] = []
    opening: list[str] = []
    for task_id in known:
        mine = {key: one for key, one in attempts.items() if key.task_id == task_id}
        if known[task_id] is None and not mine:
            opening.append(f"Nothing is known of {task_id}.")
            continue
        sections += _sections(task_id, known, mine, reading, wanted)
        opening.append(_opening(task_id, known[task_id], mine, reading.now))
    return sections, summary_of(sections, opening)


def task_two(task_id: str, document: TaskDocument | None, attempts: Attempts) -> Two:
    """The figures of a task; there is no time before."""
    return Two(figures_of_task(task_id, document, attempts), Figures(), 0.0, 0.0)


def _sections(task_id: str, known: Tasks, mine: Attempts, reading: Reading, wanted: Collection[str]) -> list[Section]:
    two = task_two(task_id, known[task_id], mine)
    about = about_of(task_id, known, mine)
    usual = _usual(reading, about)
    figures = [one for one in figures_of(SHOWN, two, wanted) if one.samples]
    rows = [_attempt_row(key, one, usual, wanted) for key, one in mine.items()]
    findings = [finding for key, one in mine.items() for finding in _findings(key, one, usual)]
    sections = [
        Section(
            name="task",
            title=f"Task {task_id}",
            figures=figures,
            rows=rows,
            findings=findings,
            notes=_notes(about, usual),
        )
    ]
    if is_wanted(PHASES, wanted):
        rows = [row for key, one in mine.items() for row in _phase_rows(key, one, reading)]
        sections += [Section(name="phases", title=f"Phases of {task_id}", rows=rows)] if rows else []
    return sections


def _usual(reading: Reading, about: TaskAbout | None) -> Ranked:
    if about is None:
        return Ranked.of(Spread())
    entity = joined(*class_of(about))
    both = total([reading.at(span, Dimension.task_class, entity) for span in (Span.now, Span.history)])
    return Ranked.of(spread_of(both, "completed_ms")[0])


def _attempt_row(key: AttemptKey, document: AttemptDocument, usual: Ranked, wanted: Collection[str]) -> Row:
    two = Two(figures_of_attempt(key, document), Figures(), 0.0, 0.0)
    figures: list[Figure] = [*_run_figures(document, usual)] if is_wanted(TIME, wanted) else []
    figures += [_with_slope(one, document) for one in figures_of(OF_ATTEMPT, two, wanted) if one.samples]
    return Row(entity_type="attempt", entity_id=f"{key.task_id}/{key.attempt} {key.worker_id}", figures=figures)


def _with_slope(figure: Figure, document: AttemptDocument) -> Figure:
    """The figure; how fast memory grew in one attempt has the interval of its own regression."""
    slope = leak_of(document.resources) if figure.name == LEAK_SLOPE else None
    if slope is None:
        return figure
    return figure.model_copy(update={"low": rounded(slope.low), "high": rounded(slope.high)})


def _run_figures(document: AttemptDocument, usual: Ranked) -> list[Figure]:
    lasted = execution_ms(document.lifecycle)
    if lasted is None:
        return []
    run = RUN.figure(lasted, 1, baseline=usual.median, note=document.lifecycle.end)
    if usual.count < MINIMUM:
        return [run]
    share = Share(usual.share_up_to(lasted), usual.count)
    reckoned = Reckoned(100 * share.hits / share.of, share.of, wilson(share).scaled(100))
    return [run, AGAINST_CLASS.figure(None, reckoned=reckoned)]


def _phase_rows(key: AttemptKey, document: AttemptDocument, reading: Reading) -> list[Row]:
    about = document.lifecycle.about
    rows: list[Row] = []
    for phase, (_, lasted) in phases(document.progress, document.lifecycle.ended_at).items():
        entity = joined(*class_of(about), phase) if about else ""
        both = total([reading.at(span, Dimension.phase, entity) for span in (Span.now, Span.history)])
        usual = Ranked.of(spread_of(both, "phase_ms")[0])
        figures = [PHASE.figure(lasted, 1, baseline=usual.median), PHASE_USUAL.figure(usual.median, usual.count)]
        name = f"{key.task_id}/{key.attempt} {phase}"
        rows.append(Row(entity_type="phase", entity_id=name[:200], figures=[one for one in figures if one.samples]))
    return rows


def phase_entities(known: Tasks, attempts: Attempts) -> list[str]:
    """The phases of the attempts, as roll-ups name them."""
    return list(
        dict.fromkeys(
            joined(*class_of(one.lifecycle.about), phase)
            for one in attempts.values()
            if one.lifecycle.about is not None
            for phase in phases(one.progress, one.lifecycle.ended_at)
        )
    )


def _findings(key: AttemptKey, document: AttemptDocument, usual: Ranked) -> list[Finding]:
    found: list[Finding] = []
    outcome: dict[str, Any] = document.verdict or {}
    sentences = [str(one) for one in outcome.get("discrepancies") or ()]
    if sentences:
        found.append(disagreement(f"Attempt {key.attempt} of {key.task_id} by {key.worker_id}", key.task_id, sentences))
    lasted = execution_ms(document.lifecycle)
    if lasted is not None and usual.count >= MINIMUM:
        share = 100 * usual.share_up_to(lasted) / usual.count
        median = usual.median
        if share >= SLOW and median is not None:
            text = (
                f"Attempt {key.attempt} of {key.task_id} took {duration(lasted)}: longer than {share:.0f} % of the "
                f"{counted(usual.count, 'completed attempt')} of its class (median {duration(median)})."
            )
            found.append(
                Finding(
                    kind="bottleneck",
                    text=text,
                    entity_type="task",
                    entity_id=key.task_id,
                    metric=AGAINST_CLASS.name,
                    effect=round(share, 2),
                    effect_measure="percentile",
                    samples=usual.count,
                )
            )
    reason = outcome.get("reason")
    if reason and document.lifecycle.end not in {None, "completed"}:
        text = f"Attempt {key.attempt} of {key.task_id} ended {document.lifecycle.end}: {reason}"
        found.append(
            Finding(kind="failure", severity=Level.high, text=text[:2_000], entity_type="task", entity_id=key.task_id)
        )
    return found


def _opening(task_id: str, document: TaskDocument | None, mine: Attempts, now: datetime) -> str:
    finished = document.finished if document else None
    tries = counted(len(mine), "attempt")
    if document is None or document.created_at is None:
        state = f"{finished.end if finished else 'not ended'} after {tries}"
        return f"{task_id}: {state}."
    if finished is None:
        age = (now - document.created_at).total_seconds() * 1000
        return f"{task_id} has not ended after {tries}; it was created {duration(max(0.0, age))} ago."
    took = (finished.at - document.created_at).total_seconds() * 1000
    return f"{task_id} {finished.end.replace('_', ' ')} {duration(max(0.0, took))} after it was created, after {tries}."


def _notes(about: TaskAbout | None, usual: Ranked) -> list[str]:
    if about is None:
        return ["What the task is about is not known: it is compared with no others."]
    name = entity_name(joined(*class_of(about)))
    if usual.count < MINIMUM:
        return [f"Fewer than {MINIMUM} completed attempts of {name} to compare with."]
    return [f"Compared with {counted(usual.count, 'completed attempt')} of {name}."]


def summed(known: Tasks, attempts: Attempts, names: Sequence[str]) -> Figures:
    """The figures of several tasks together."""
    return total(figures_of_task(name, known.get(name), attempts) for name in names)
