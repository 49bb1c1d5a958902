"""Quality: coverage, complexity, maintainability, security, tests, bugs and dependencies, and how they move."""

from collections.abc import Collection, Sequence

from analytics_query.decisions.reports.definitions import Definition, Named, Two, figures_of, is_wanted
from analytics_query.decisions.reports.evident import LEVELS, spread_of
from analytics_query.decisions.reports.ranking import BY_NAME, by_work, not_shown
from analytics_query.decisions.reports.reading import Reading, Span
from analytics_query.decisions.reports.recipes import Mean, Newest, Per, Portion, Quantile, Total
from analytics_query.decisions.reports.reckoned import Reckoned
from analytics_query.decisions.reports.words import amount, counted, entity_name, letter, listed, told
from analytics_query.decisions.statistics.intervals import Interval
from analytics_query.decisions.statistics.proportions import Share, wilson
from analytics_query.decisions.statistics.ranked import Ranked
from analytics_query.domain.rollups import Figures
from analytics_query.domain.vocabulary import SYSTEM, Dimension
from contracts.analytics import Figure, Finding, Row, Section
from contracts.base import Level

COVERAGE, COMPLEXITY, SECURITY, TESTS = ("coverage",), ("complexity",), ("security",), ("tests",)
BUGS, PARTS = ("bugs",), ("dependencies",)
SCAN, QUALITY, RUNS = "security_scan", "quality, analytics", "tests, outcome"

DEFINITIONS = (
    Definition(
        "line_coverage", "percent", Mean("line_coverage@"), COVERAGE, "higher", source="coverage, tests, outcome"
    ),
    Definition("branch_coverage", "percent", Mean("branch_coverage@"), COVERAGE, "higher", source="coverage, tests"),
    Definition(
        "line_coverage_change", "percentage_points", Mean("line_coverage_delta@"), COVERAGE, "higher", source="coverage"
    ),
    Definition("cyclomatic_complexity", "count", Mean("cyclomatic@"), COMPLEXITY, "lower", source=QUALITY),
    Definition(
        "max_cyclomatic_complexity_p95", "count", Quantile("max_cyclomatic@", 0.95), COMPLEXITY, "lower", source=QUALITY
    ),
    Definition("cognitive_complexity", "count", Mean("cognitive@"), COMPLEXITY, "lower", source=QUALITY),
    Definition(
        "maintainability_index", "score", Mean("maintainability@"), ("maintainability",), "higher", source=QUALITY
    ),
    Definition("duplication", "percent", Mean("duplication@"), ("maintainability",), "lower", source=QUALITY),
    Definition("quality_issues", "count", Total(("quality_issues@",)), ("maintainability",), "lower", source="quality"),
    Definition(
        "test_pass_rate",
        "percent",
        Portion(("tests_passed@",), ("tests_passed@", "tests_failed@")),
        TESTS,
        "higher",
        core=True,
        source=RUNS,
    ),
    Definition("tests_run", "count", Total(("tests_run@",)), TESTS, source=RUNS),
    Definition("tests_failed", "count", Total(("tests_failed@",), of="tests_run@"), TESTS, "lower", source=RUNS),
    Definition(
        "green_run_rate", "percent", Portion(("test_runs_green@",), ("test_runs@",)), TESTS, "higher", source=RUNS
    ),
    Definition("flaky_tests", "count", Total(("flaky_tests@",)), TESTS, "lower", source="tests"),
    Definition("bugs_found", "count", Total(("bugs_found@",)), BUGS, source="tests, security_scan, quality"),
    Definition("bugs_fixed", "count", Total(("bugs_fixed@",)), BUGS, "higher", source="milestone, code_change"),
    Definition(
        "bug_detection_rate",
        "per_100_attempts",
        Per(("bugs_found@",), "attempts_ended", 100),
        BUGS,
        source="tests, security_scan, quality",
    ),
    Definition(
        "bug_fix_rate",
        "percent",
        Portion(("bugs_fixed@",), ("bugs_found@",)),
        BUGS,
        "higher",
        source="as both",
        formula="100 × `bugs_fixed` ÷ `bugs_found`, at most 100",
    ),
    Definition("security_scans", "count", Total(("security_scans@",)), SECURITY, source=SCAN),
)
NEWEST = (
    Definition(
        "line_coverage_newest", "percent", Newest("line_coverage@"), COVERAGE, "higher", source="coverage, tests"
    ),
    Definition("branch_coverage_newest", "percent", Newest("branch_coverage@"), COVERAGE, "higher", source="coverage"),
    Definition("cyclomatic_complexity_newest", "count", Newest("cyclomatic@"), COMPLEXITY, "lower", source=QUALITY),
    Definition("max_cyclomatic_complexity", "count", Newest("max_cyclomatic@"), COMPLEXITY, "lower", source=QUALITY),
    Definition("cognitive_complexity_newest", "count", Newest("cognitive@"), COMPLEXITY, "lower", source=QUALITY),
    Definition(
        "maintainability_index_newest",
        "score",
        Newest("maintainability@"),
        ("maintainability",),
        "higher",
        source=QUALITY,
    ),
    Definition("lines_of_code", "count", Newest("lines_of_code@"), ("maintainability",), source=QUALITY),
    *(
        Definition(f"findings_{severity}", "count", Newest(f"findings:{severity}@"), SECURITY, "lower", source=SCAN)
        for severity in ("critical", "high", "medium", "low")
    ),
    Definition("dependencies", "count", Newest("dependencies@"), PARTS, source="dependency_analysis"),
    Definition("outdated_dependencies", "count", Newest("outdated@"), PARTS, "lower", source="dependency_analysis"),
    Definition("vulnerable_dependencies", "count", Newest("vulnerable@"), PARTS, "lower", source="dependency_analysis"),
)
RATING = Named(
    "security_rating",
    "rating",
    "1 (A): no finding; 2 (B): low ones; 3 (C): medium ones; 4 (D): high ones; 5 (E): critical ones; of several "
    "repositories the worst",
    SECURITY,
    "lower",
    source=SCAN,
    by_evidence=True,
)
PERFORMANCE_SCORE = Named(
    "performance_score",
    "score",
    "100 × Apdex with T = 0.9 quantile of `completed_ms` in the history: (attempts up to T + half of those up to "
    "4 T) ÷ completed attempts; 95 if nothing changes",
    ("performance",),
    "higher",
    minimum=8,
)
STANDING = {
    "line_coverage": "line coverage",
    "test_pass_rate": "test pass rate",
    "cyclomatic_complexity": "cyclomatic complexity",
    "maintainability_index": "maintainability",
    "security_rating": "security rating",
    "performance_score": "performance score",
}
"""What the opening sentence tells."""
RATED = (("critical", 5), ("high", 4), ("medium", 3), ("low", 2))
TOLERATED = 4
TARGET = 0.9


def quality_sections(
    reading: Reading, dimension: Dimension, entities: Collection[str], wanted: Collection[str], limit: int
) -> list[Section]:
    """The entities' quality; of the system with each repository as a row."""
    if dimension is Dimension.system:
        whole = entity_section(reading, dimension, SYSTEM, wanted, "Quality", newest=False)
        rows = [_row(reading, Dimension.repository, one, wanted) for one in by_work(reading, Dimension.repository)]
        notes = [*whole.notes, *not_shown(reading, Dimension.repository, limit, BY_NAME)]
        return [whole.model_copy(update={"rows": _shown(rows, limit), "notes": notes})]
    if len(entities) == 1:
        name = next(iter(entities))
        return [entity_section(reading, dimension, name, wanted, f"Quality of {entity_name(name)}", newest=True)]
    rows = [_row(reading, dimension, entity, wanted) for entity in by_work(reading, dimension)]
    most = max(limit, len(entities))
    notes = not_shown(reading, dimension, most, BY_NAME)
    return [Section(name="quality", title="Quality", rows=_shown(rows, most), notes=notes)]


def flaky_findings(reading: Reading) -> list[Finding]:
    """Tests that failed and passed without a change between, the most frequent first."""
    found: list[Finding] = []
    for entity in reading.entities(Dimension.test):
        counts = reading.at(Span.now, Dimension.test, entity).counts
        flaky, failed = counts.get("flaky", 0), counts.get("failed_runs", 0)
        if flaky:
            text = (
                f"{entity_name(entity)} is flaky: it failed in one run and not in another without a change between, "
                f"in {counted(flaky, 'attempt')} ({counted(failed, 'failed run')})."
            )
            found.append(
                Finding(
                    kind="flaky_test",
                    text=text[:2_000],
                    entity_type="test",
                    entity_id=entity_name(entity),
                    samples=flaky,
                )
            )
    return sorted(found, key=lambda one: -one.samples)[:20]


def rating_of(figures: Figures) -> Reckoned:
    """The security rating by the newest findings; nothing if nobody has scanned."""
    for level in LEVELS:
        worst = [
            (number, severity)
            for severity, number in RATED
            if (last := figures.lasts.get(f"findings:{severity}@{level}")) is not None and last.value > 0
        ]
        scanned = any(f"findings:{severity}@{level}" in figures.lasts for severity, _ in RATED)
        if scanned or figures.counts.get(f"security_scans@{level}"):
            return Reckoned(float(worst[0][0]) if worst else 1.0, 1, evidence=level)
    return Reckoned()


def performance_score(now: Figures, history: Figures) -> Reckoned:
    """Apdex (Apdex Alliance, technical specification 1.1) with the pace of the history as its target."""
    mine, target = Ranked.of(spread_of(now, "completed_ms")[0]), Ranked.of(spread_of(history, "completed_ms")[0])
    pace = target.quantile(TARGET)
    if pace is None or mine.count < PERFORMANCE_SCORE.minimum or target.count < PERFORMANCE_SCORE.minimum:
        return Reckoned(samples=mine.count)
    satisfied = mine.share_up_to(pace)
    tolerating = mine.share_up_to(TOLERATED * pace) - satisfied
    score = (satisfied + tolerating / 2) / mine.count
    low, high = wilson(Share(round(score * mine.count), mine.count))
    return Reckoned(100 * score, mine.count, Interval(low, high).scaled(100))


def entity_section(
    reading: Reading, dimension: Dimension, entity: str, wanted: Collection[str], title: str, *, newest: bool
) -> Section:
    """One entity; `newest`: with newest values, which say nothing about the whole."""
    two = reading.two(dimension, entity)
    figures = figures_of((*DEFINITIONS, *(NEWEST if newest else ())), two, wanted)
    figures += _scores(reading, dimension, entity, two, wanted)
    findings = flaky_findings(reading) if is_wanted(TESTS, wanted) else []
    return Section(name="quality", title=title[:200], figures=figures, findings=findings)


def opening_of(sections: Sequence[Section]) -> list[str]:
    """How the quality stands, in a sentence for each that is shown."""
    said = [line for section in sections if section.name == "quality" and (line := _standing(section))]
    return said[:3] or ["Nothing about quality was reported in this time."]


def _standing(section: Section) -> str:
    known = {one.name: one for one in section.figures if one.value is not None}
    parts = [
        f"{called} {told(known[name])}{_was(known[name])}"
        for name, called in STANDING.items()
        if name in known and not (name.endswith("_newest") and name.removesuffix("_newest") in known)
    ]
    return f"{section.title}: {'; '.join(parts)}." if parts else ""


def _was(figure: Figure) -> str:
    _, _, whose = (figure.note or "").partition(": ") if figure.name == RATING.name else ("", "", "")
    letters = f" ({whose})" if whose else ""
    before = "" if figure.baseline is None else f" (before: {amount(figure.baseline, figure.unit)})"
    return f"{letters}{before}{f', {figure.evidence.value}' if figure.evidence else ''}"


def _row(reading: Reading, dimension: Dimension, entity: str, wanted: Collection[str]) -> Row:
    two = reading.two(dimension, entity)
    figures = figures_of((*NEWEST, *DEFINITIONS), two, wanted) + _scores(reading, dimension, entity, two, wanted)
    return Row(entity_type=dimension.value, entity_id=entity_name(entity)[:200], figures=figures)


def _shown(rows: list[Row], limit: int) -> list[Row]:
    known = [row for row in rows if any(figure.samples for figure in row.figures)]
    return [row.model_copy(update={"rank": rank}) for rank, row in enumerate(known[:limit], start=1)]


def _scores(reading: Reading, dimension: Dimension, entity: str, two: Two, wanted: Collection[str]) -> list[Figure]:
    made: list[Figure] = []
    if is_wanted(RATING.groups, wanted):
        made.append(_rating(reading, dimension, two))
    if is_wanted(PERFORMANCE_SCORE.groups, wanted):
        score = performance_score(two.now, reading.at(Span.history, dimension, entity))
        few = f"it takes {PERFORMANCE_SCORE.minimum} completed attempts, now and in the history"
        made.append(PERFORMANCE_SCORE.figure(None, reckoned=score, note=few if score.value is None else None))
    return [figure for figure in made if figure.samples]


def _rating(reading: Reading, dimension: Dimension, two: Two) -> Figure:
    if dimension is not Dimension.system:
        now, before = rating_of(two.now), rating_of(two.before)
        return RATING.figure(
            None, reckoned=now, baseline=before.value, note=None if now.value is None else letter(now.value)
        )
    rated = [
        (rating.value, repository, rating)
        for repository in reading.entities(Dimension.repository)
        if (rating := rating_of(reading.at(Span.now, Dimension.repository, repository))).value is not None
    ]
    if not rated:
        return RATING.figure(None)
    worst = max(value for value, _, _ in rated)
    whose = [entity_name(repository) for value, repository, _ in rated if value == worst]
    weakest = max((rating.evidence or "reported" for _, _, rating in rated), key=LEVELS.index)
    note = f"{letter(worst)}: {listed(whose)}"
    return RATING.figure(None, reckoned=Reckoned(worst, len(rated), evidence=weakest), note=note)


def security_findings(reading: Reading) -> list[Finding]:
    """Repositories that are rated D or E."""
    found: list[Finding] = []
    for repository in reading.entities(Dimension.repository):
        rating = rating_of(reading.at(Span.now, Dimension.repository, repository))
        if rating.value is not None and rating.value >= 4:
            text = f"{entity_name(repository)} has security rating {letter(rating.value)}."
            level = Level.critical if rating.value >= 5 else Level.high
            found.append(
                Finding(
                    kind="security",
                    severity=level,
                    text=text,
                    entity_type="repository",
                    entity_id=repository,
                    samples=1,
                )
            )
    return found
